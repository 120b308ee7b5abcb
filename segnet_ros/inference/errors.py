# SPDX-License-Identifier: Apache-2.0
"""The one exception of this room."""


class InferenceError(Exception):
    """A model, a runtime or a picture cannot be used; the text says what to do about it."""
