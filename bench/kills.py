# SPDX-License-Identifier: Apache-2.0
"""Kill -9 at moments by chance, again and again: whatever is corrupted is told.

Every subject starts a real process, kills it, and looks at what is left: files whole or absent,
the next start as if nothing had happened. Exit code 1 if anything was found.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import kills_files
import kills_node
from rich.console import Console
from rich.table import Table
from system import isolate

SUBJECTS = {**kills_node.SUBJECTS, **kills_files.SUBJECTS}


@dataclass
class Record:
    """What came of one subject's kills.

    Attributes:
        seconds: Of each kill, with the check of what it left.
        findings: What was corrupted, with the number of the kill.

    """

    seconds: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def kill(subject: str, count: int, seed: int, console: Console) -> Record:
    """Kill one subject's processes; findings are printed as they come."""
    record = Record()
    with tempfile.TemporaryDirectory(prefix=f"kills_{subject}_") as folder:
        for number in range(count):
            began = time.monotonic()
            found = SUBJECTS[subject](Path(folder), random.Random(f"{seed} {number}"))
            record.seconds.append(time.monotonic() - began)
            if found:
                record.findings.append(found)
                console.print(f"{subject}, seed {seed}, kill {number}: {found}", highlight=False)
    return record


def table(records: dict[str, Record]) -> Table:
    """One row per subject."""
    columns = Table("killed", "times", "corrupted", "p50 s per kill", "max s")
    for subject, record in records.items():
        counts = (str(len(record.seconds)), str(len(record.findings)))
        times = (statistics.median(record.seconds), max(record.seconds))
        columns.add_row(subject, *counts, *(f"{seconds:.1f}" for seconds in times))
    return columns


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what is found, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", action="append", choices=sorted(SUBJECTS), help="default: all")
    parser.add_argument("--count", type=int, default=200, help="kills of each (default: 200)")
    parser.add_argument("--seed", type=int, default=7, help="chooses the moments (default: 7)")
    options = parser.parse_args(arguments)
    isolate()
    console = Console(width=120, soft_wrap=True)
    subjects = options.subject or sorted(SUBJECTS)
    records = {name: kill(name, options.count, options.seed, console) for name in subjects}
    console.print(table(records))
    raise SystemExit(any(record.findings for record in records.values()))


if __name__ == "__main__":
    main()
