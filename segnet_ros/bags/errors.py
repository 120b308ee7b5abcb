# SPDX-License-Identifier: Apache-2.0
"""The one exception of this room."""


class BagError(Exception):
    """A recording cannot be read or written; the text says what to do about it."""
