# SPDX-License-Identifier: Apache-2.0
"""New recordings, whole or absent."""
