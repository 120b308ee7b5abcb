# SPDX-License-Identifier: Apache-2.0
"""The one exception of this room."""


class DemoError(RuntimeError):
    """The demo did not do its job; the text says which part of it."""
