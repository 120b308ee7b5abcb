# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet doctor`."""

import argparse
import faulthandler
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from segnet_ros.doctor.doctor import Diagnosis, diagnose
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

_MARKS = {
    "ok": ("ok", "green"),
    "note": ("note", "cyan"),
    "warning": ("warning", "yellow"),
    "error": ("ERROR", "bold red"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", help="folder, or shipped name; default: every shipped one")
    parser.add_argument("--cache", type=Path, help="folder of built engines")
    parser.add_argument("--json", action="store_true", help="for bug reports")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    # A driver that crashes the process leaves at least the line of the check that asked it.
    if not faulthandler.is_enabled():
        faulthandler.enable()
    with Console(stderr=True).status("looking around") as status:
        diagnosis = diagnose(
            Surroundings(model=options.model, cache=options.cache),
            lambda area: status.update(f"looking at {area}"),
        )
    if options.json:
        print(json.dumps(diagnosis.as_dict(), indent=2))
    else:
        _print(diagnosis)
    return 0 if diagnosis.can_run else 1


def _print(diagnosis: Diagnosis) -> None:
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for finding in diagnosis.findings:
        table.add_row(Text(*_MARKS[finding.level]), finding.area, _facts(finding))
    console.print(table)
    answer = "the node can run now" if diagnosis.can_run else "the node cannot run yet"
    console.print(f"\nsegnet_ros {diagnosis.version}: {answer}. Next:", markup=False)
    # One line, however long, so that it can be copied.
    console.print(f"  {diagnosis.next_step}", markup=False, soft_wrap=True)


def _facts(finding: Finding) -> Text:
    text = Text(finding.found)
    if finding.remedy:
        text.append(f"\n-> {finding.remedy}", style="dim")
    return text
