# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - a script
"""Known vulnerabilities of everything in a lock, or a loud word that nobody has looked.

pip-audit alone says "no known vulnerabilities" of what its service does not know, and so of
everything where a package index without such a service answers. Here a release with a known
vulnerability is asked for first: who does not know it is not believed about the others.

    python .ci/audit.py lock/jazzy.txt lock/kilted.txt

Exit status: 0 audited and clean; 1 vulnerable; 3 not audited, wholly or in part.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 3
CANARY = "jinja2==2.4"
"""Known to be vulnerable since 2014."""

_COMMAND = (
    sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json",
    "--progress-spinner", "off",
)  # fmt: skip


class AuditError(Exception):
    """The service gave no answer that can be believed."""


class Answer(NamedTuple):
    """What the service says.

    Attributes:
        vulnerable: A line for each finding.
        unknown: Releases that the service does not know.
        audited: Number of releases that it does.

    """

    vulnerable: Sequence[str]
    unknown: Sequence[str]
    audited: int


def pins_of(locks: Iterable[Path]) -> list[str]:
    """Every NAME==VERSION of lock files once, whatever Python version it is for."""
    lines = (line for lock in locks for line in lock.read_text(encoding="utf-8").splitlines())
    return sorted({line.partition(";")[0].strip() for line in lines if "==" in line})


def ask(pins: Sequence[str]) -> Answer:
    """Have pip-audit look up releases. Two versions of a package need two requests.

    Raises:
        AuditError: it could not.

    """
    answers = [_ask_once(group) for group in _one_version_each(pins)]
    return Answer(
        [line for answer in answers for line in answer.vulnerable],
        [name for answer in answers for name in answer.unknown],
        sum(answer.audited for answer in answers),
    )


def _one_version_each(pins: Sequence[str]) -> list[list[str]]:
    groups: list[dict[str, str]] = []
    for pin in pins:
        name = pin.partition("==")[0]
        group = next((group for group in groups if name not in group), None)
        if group is None:
            group = {}
            groups.append(group)
        group[name] = pin
    return [list(group.values()) for group in groups]


def _ask_once(pins: Sequence[str]) -> Answer:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(f"{pin}\n" for pin in pins))
        file.flush()
        command = [*_COMMAND, "--requirement", file.name]
        done = subprocess.run(  # noqa: S603 - our own program and file
            command, capture_output=True, text=True, check=False
        )
    try:
        return _answer(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError) as error:
        last = done.stderr.strip().rpartition("\n")[2] or "no answer"
        msg = f"pip-audit failed ({last[:300]})"
        raise AuditError(msg) from error


def _answer(dependencies: Sequence[dict[str, Any]]) -> Answer:
    vulnerable = [
        f"{entry['name']} {entry['version']}: {found['id']}, fixed in "
        f"{', '.join(found['fix_versions']) or 'no release'}"
        for entry in dependencies
        for found in entry.get("vulns", [])
    ]
    unknown = [entry["name"] for entry in dependencies if "skip_reason" in entry]
    return Answer(vulnerable, unknown, len(dependencies) - len(unknown))


def audit(locks: Sequence[Path]) -> tuple[int, str]:
    """Audit lock files.

    Returns:
        Exit status, and what to say.

    """
    try:
        answer = _believable(pins_of(locks))
    except AuditError as error:
        return NOT_AUDITED, f"NOT AUDITED: {error}; run it where a vulnerability service answers"
    if answer.vulnerable:
        return VULNERABLE, "\n".join(["VULNERABLE:", *answer.vulnerable])
    if answer.unknown:
        names = ", ".join(answer.unknown)
        return NOT_AUDITED, f"{answer.audited} releases audited; NOT AUDITED, as unknown: {names}"
    return CLEAN, f"{answer.audited} releases audited: no known vulnerability"


def _believable(pins: Sequence[str]) -> Answer:
    if not ask([CANARY]).vulnerable:
        msg = f"the service does not know that {CANARY} is vulnerable"
        raise AuditError(msg)
    return ask(pins)


if __name__ == "__main__":
    status, text = audit([Path(name) for name in sys.argv[1:]])
    print(text, file=sys.stderr if status else sys.stdout)
    sys.exit(status)
