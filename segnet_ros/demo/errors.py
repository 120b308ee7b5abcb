"""The one exception of this room."""


class DemoError(RuntimeError):
    """The demo did not do its job; the text says which part of it."""
