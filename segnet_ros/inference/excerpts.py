# SPDX-License-Identifier: Apache-2.0
"""What an error shows of what it got: one line of bounded length, whatever that was."""

import reprlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

_LONGEST_LINE = 600
_LONGEST_NAME = 40
_NAMES = 16


class _Short(reprlib.Repr):
    def repr_dict(self, value: dict[Any, Any], level: int) -> str:
        """Keep the order, which the library does not."""
        if level <= 0 and value:
            return "{...}"
        pairs = islice(value.items(), self.maxdict)
        words = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in pairs]
        return f"{{{', '.join(words + ['...'] * (len(value) > self.maxdict))}}}"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100
_SHORT.maxlevel = 3
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 4


def shown(value: Any) -> str:
    """A value as Python writes it, shortened: what a file holds may be endless."""
    return one_line(_SHORT.repr(value))


def listed(names: Iterable[Any], separator: str = ", ") -> str:
    """The first names, each shortened; dots stand for more."""
    given = iter(names)
    words = [plain(name) for name in islice(given, _NAMES)]
    return separator.join(words + ["..."] * any(True for _ in given))


def plain(name: Any) -> str:
    """A name without quotes, shortened; with them where a terminal would not show it as it is."""
    words = str(name)
    return _shortened(words if words.isprintable() else repr(words[:_LONGEST_NAME]), _LONGEST_NAME)


def one_line(text: Any) -> str:
    """A text, or what an exception says, without line breaks and with its middle left out."""
    words = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * _LONGEST_LINE])
    return _shortened(" ".join(words.split()), _LONGEST_LINE)


def _shortened(words: str, length: int) -> str:
    half = length // 2
    return words if len(words) <= length else f"{words[:half]}...{words[-half:]}"
