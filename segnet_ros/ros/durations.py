# SPDX-License-Identifier: Apache-2.0
"""Durations in words."""

_UNITS = ((365.25 * 86400, "years"), (86400, "days"), (3600, "h"), (60, "min"))


def in_words(seconds: float) -> str:
    """Such as "0.25 s", "4 s", "3.2 h" or "2.1 years"; `seconds` >= 0."""
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 3 else f"{seconds:.2f} s"
