# SPDX-License-Identifier: Apache-2.0
"""A sqlite3 file as SQLite can read it without writing beside it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE_FILES = ("-wal", "-journal")
"""What SQLite may leave beside a file, if its writer is killed."""

MAGIC = b"SQLite format 3\0"

_PAGE_SIZE_AT = len(MAGIC)
_LARGEST_PAGE = 65536


def readable_database(path: Path, scratch: Callable[[], Path]) -> Path:
    """Return the file itself, or a copy if it cannot be read as it is.

    Messages that a killed recorder left in the log beside the file are put into the copy, and a
    page that was cut off is left out, for SQLite would take what is missing for zeros.

    Args:
        path: The file; it is not changed.
        scratch: Gives an empty folder, made for the copy.

    Raises:
        OSError: there is no room for the copy.

    """
    sides = [path.with_name(path.name + suffix) for suffix in SIDE_FILES]
    sides = [side for side in sides if side.exists() and side.stat().st_size]
    whole = _whole_size(path)
    if not sides and whole == path.stat().st_size:
        return path
    copy = scratch() / path.name
    for file in [path, *sides]:
        shutil.copyfile(file, copy.with_name(file.name))
    if sides:
        _take_in(copy)
    with copy.open("r+b") as content:
        content.truncate(_whole_size(copy))
    return copy


def _whole_size(path: Path) -> int:
    """Bytes of the file's whole pages."""
    with path.open("rb") as content:
        head = content.read(_PAGE_SIZE_AT + 2)
    size = path.stat().st_size
    page = int.from_bytes(head[_PAGE_SIZE_AT:], "big")
    page = _LARGEST_PAGE if page == 1 else page
    return size - size % page if head.startswith(MAGIC) and page else size


def _take_in(copy: Path) -> None:
    """SQLite does it as soon as it may write."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(copy)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.execute("PRAGMA journal_mode = DELETE").fetchall()
