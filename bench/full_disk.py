# SPDX-License-Identifier: Apache-2.0
"""Every verb on a disk that is full at some moment of its work: which promises are kept.

One clear error, exit code 1, no traceback; what has its final name is whole; what was there before
is still there; nothing is left lying about; and once there is room the same command succeeds.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from small_disk import PAGE, SmallDisk, small_disk, why_none
from verb_cases import CASES, Case, prepare
from verb_server import Answer, VerbServer
from wholeness import damaged, digests, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DISK = 192 * 2**20
_OUT = "out"
_FULL = re.compile("No space left on device|full")
_TAIL = 300


@dataclass
class Record:
    """What came of a verb.

    Attributes:
        used: Bytes that it takes on the disk.
        refused: How often the disk was full.
        fitted: How often there was room enough.
        broken: Promises that were not kept, in words.
        said: The last error message.

    """

    used: int = 0
    refused: int = 0
    fitted: int = 0
    broken: list[str] = field(default_factory=list)
    said: str = ""


def try_out(
    case: Case, disk: SmallDisk, given: Path, moments: int, choice: random.Random
) -> Record:
    """Let a verb meet the full disk: with nothing there before, and with an earlier result.

    Args:
        case: The verb.
        disk: Its `out` is emptied.
        given: Inputs, from `prepare`.
        moments: How much room it gets, so many times each.
        choice: Of the room.

    """
    record = Record()
    start_over(case, disk, given)
    before = disk.free
    record.broken += _expect_success(disk, disk.verbs.run(_first(case, disk, given)))
    record.used = before - disk.free
    earlier = disk.seen / "earlier"
    shutil.copytree(disk.seen / _OUT, earlier)
    for free in _rooms(record.used, moments, choice):
        start_over(case, disk, given)
        meet(case, disk, given, free, record)
        if not case.new:
            _put_back(earlier, disk)
            meet(case, disk, given, free, record)
    shutil.rmtree(earlier)
    return record


def start_over(case: Case, disk: SmallDisk, given: Path) -> None:
    """Empty the verb's output folder, and put there what it changes."""
    disk.make_room()
    out = disk.seen / _OUT
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    case.start(given, out)


def _put_back(earlier: Path, disk: SmallDisk) -> None:
    disk.make_room()
    shutil.rmtree(disk.seen / _OUT)
    shutil.copytree(earlier, disk.seen / _OUT)


def _rooms(used: int, moments: int, choice: random.Random) -> Iterator[int]:
    """None at all, and some that end the work in its middle."""
    yield 0
    pages = max(used // PAGE, 2)
    for _ in range(moments - 1):
        yield choice.randrange(1, pages) * PAGE


def meet(case: Case, disk: SmallDisk, given: Path, free: int, record: Record) -> None:
    """Run a verb with so much room, then with enough.

    Args:
        case: The verb, after `start_over`.
        disk: To fill.
        given: Inputs, from `prepare`.
        free: Bytes to leave.
        record: Gets what is found.

    """
    names = set(digests(disk.seen / _OUT))
    disk.leave(free)
    answer = disk.verbs.run(_first(case, disk, given))
    if answer.code == 0:
        record.fitted += 1
        return
    record.refused += 1
    record.said = (answer.errors.strip().splitlines() or [""])[-1]
    broken = [*_unclear(case, answer), *_left_behind(disk)]
    if lost := names - set(digests(disk.seen / _OUT)):
        broken.append(f"{sorted(lost)} are gone")
    disk.make_room()
    again = case.resumed(given, disk.path / _OUT)
    broken += _expect_success(disk, disk.verbs.run(again))
    record.broken += [f"{free // PAGE} pages free: {each}" for each in broken]


def _first(case: Case, disk: SmallDisk, given: Path) -> list[str | Path]:
    return case.arguments(given, disk.path / _OUT)


def _unclear(case: Case, answer: Answer) -> Iterator[str]:
    verb = case.name.split()[0]
    said = [line for line in answer.errors.splitlines() if line.startswith(f"segnet {verb}: ")]
    if answer.code != 1 or len(said) != 1 or "Traceback" in answer.errors:
        yield f"exit code {answer.code}, no one clear error: ...{answer.errors[-_TAIL:]!r}"
    elif not (_FULL.search(said[0]) and "/" in said[0] and " room" in said[0]):
        yield f"the error names no disk, place and remedy: {said[0]}"
    if answer.orphans:
        yield f"{answer.orphans} processes are left"


def _left_behind(disk: SmallDisk) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        # Some readers resolve the path, which leads to this process's own disk.
        copy = shutil.copytree(disk.seen / _OUT, Path(folder, _OUT))
        yield from (f"damaged {each}" for each in damaged(copy))
        yield from (f"left behind {each}" for each in leftovers(copy))


def _expect_success(disk: SmallDisk, answer: Answer) -> Iterator[str]:
    if answer.code:
        yield f"with room it ends with {answer.code}: ...{answer.errors[-_TAIL:]!r}"
    yield from _left_behind(disk)


def table(records: dict[str, Record]) -> Table:
    """One row per verb."""
    columns = Table("verb", "MB", "disk full", "room enough", "broken promises", "it says")
    for name, record in records.items():
        counts = (record.refused, record.fitted, len(record.broken))
        columns.add_row(name, f"{record.used / 1e6:.2f}", *map(str, counts), record.said)
    return columns


def measure(cases: Iterable[Case], moments: int, seed: int, console: Console) -> dict[str, Record]:
    """Try several verbs; what is found is printed as it comes."""
    records = {}
    with tempfile.TemporaryDirectory(prefix="full_disk_") as folder:
        given, mount_point = Path(folder, "given"), Path(folder, "disk")
        given.mkdir()
        mount_point.mkdir()
        with VerbServer() as verbs:
            prepare(given, verbs)
        with small_disk(mount_point, DISK) as disk:
            for case in cases:
                choice = random.Random(f"{seed} {case.name}")
                records[case.name] = record = try_out(case, disk, given, moments, choice)
                console.print(
                    f"{case.name}: {record.refused} full, {record.fitted} fitted", highlight=False
                )
                for each in record.broken:
                    console.print(f"{case.name}: {each}", highlight=False, markup=False)
    return records


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what is found, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--verb", action="append", choices=names, help="default: all")
    parser.add_argument("--moments", type=int, default=12, help="of each (default: 12)")
    parser.add_argument("--seed", type=int, default=7, help="chooses the moments (default: 7)")
    options = parser.parse_args(arguments)
    if reason := why_none():
        raise SystemExit(reason)
    cases = [case for case in CASES if case.name in (options.verb or names)]
    console = Console(width=200, soft_wrap=True)
    records = measure(cases, options.moments, options.seed, console)
    console.print(table(records))
    raise SystemExit(any(record.broken for record in records.values()))


if __name__ == "__main__":
    main()
