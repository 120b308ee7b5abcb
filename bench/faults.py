# SPDX-License-Identifier: Apache-2.0
"""Faults around a running node, each several times: what it says, what it loses, when it is back.

Node, cameras and listeners are processes of their own. Exit code 1 if a promise was broken: books
that do not add up or miss a frame, a wrong label, a fault that /diagnostics do not tell, labels
that do not come again.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import camera_faults
import clock_faults
import runtime_faults
from fault import Fault
from rich.console import Console
from rich.table import Table
from shifted_clock import COMPILER
from system import isolate

SUBJECTS = {
    **camera_faults.SUBJECTS,
    **(clock_faults.SUBJECTS if COMPILER else {}),
    **runtime_faults.SUBJECTS,
}

_LONGEST = 200  # characters of an error in the table


def run(subject: str, times: int) -> Fault:
    """A subject; what ends it before its time is a broken promise, too."""
    with tempfile.TemporaryDirectory(prefix=f"fault_{subject}_") as folder:
        try:
            return SUBJECTS[subject](Path(folder), times)
        except (TimeoutError, RuntimeError) as error:
            return Fault(subject, broken=[str(error)[:_LONGEST]])


def table(faults: Sequence[Fault]) -> Table:
    """One row per fault."""
    columns = Table(
        "fault", "labels meanwhile", "told after s", "promises", "recovery p50 s", "max s"
    )
    for fault in faults:
        kept = "kept" if not fault.broken else "; ".join(dict.fromkeys(fault.broken))
        times = (_figure(statistics.median, fault.recovery), _figure(max, fault.recovery))
        columns.add_row(fault.name, fault.labels, _figure(max, fault.told_after), kept, *times)
    return columns


def _figure(what: object, figures: Sequence[float]) -> str:
    return f"{what(figures):.2f}" if figures and callable(what) else "-"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what /diagnostics said of each fault, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", action="append", choices=sorted(SUBJECTS), help="default: all")
    parser.add_argument("--times", type=int, default=5, help="of each fault (default: 5)")
    options = parser.parse_args(arguments)
    isolate()
    console = Console(width=150)
    faults = []
    for subject in options.subject or SUBJECTS:
        faults.append(run(subject, options.times))
        told = f"{subject}, {faults[-1].name}: {faults[-1].told or '-'}"
        console.print(told, highlight=False, markup=False)
    console.print(table(faults))
    if COMPILER is None:
        console.print("No jumps of the system's time were tried: there is no C compiler (cc).")
    raise SystemExit(any(fault.broken for fault in faults))


if __name__ == "__main__":
    main()
