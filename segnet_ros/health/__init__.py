# SPDX-License-Identifier: Apache-2.0
"""Whether pictures and labels are plausible: a camera that freezes, a network that is lost."""
