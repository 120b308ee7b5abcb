# SPDX-License-Identifier: Apache-2.0
"""The one exception of this room."""


class FleetError(Exception):
    """A cluster cannot be used, or its workers die; the text says what to do about it."""
