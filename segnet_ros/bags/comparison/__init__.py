# SPDX-License-Identifier: Apache-2.0
"""Where two models disagree on recordings."""
