# SPDX-License-Identifier: Apache-2.0
"""Results as JSON lines: what is written stays, whatever happens next."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cases import Case


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        case: What was to be measured.
        seconds: That it took, preparation included.
        values: What was measured; empty if it failed.
        error: Why it failed, in one line; empty if it did not.

    """

    case: Case
    seconds: float
    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def append(path: Path, result: Result) -> None:
    """Add a line, and see that it reaches the disk."""
    line = {
        "case": result.case.as_dict(),
        "seconds": round(result.seconds, 2),
        "values": result.values,
        "error": result.error,
    }
    with path.open("a", encoding="utf-8") as file:
        if _ends_within_a_line(path):
            file.write("\n")
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Result]:
    """All results of a file; none if there is no such file. A line cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [result for line in lines if (result := _parse(line))]


def _ends_within_a_line(path: Path) -> bool:
    return not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0


def _parse(line: str) -> Result | None:
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return Result(Case(**facts["case"]), facts["seconds"], facts["values"], facts["error"])
