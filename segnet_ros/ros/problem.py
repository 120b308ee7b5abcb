# SPDX-License-Identifier: Apache-2.0
"""What is wrong, and how several such things share one line of diagnostics."""

from collections.abc import Iterable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        level: `DiagnosticStatus.WARN` or `ERROR`.
        text: What, why and the remedy.

    """

    level: bytes
    text: str


def errors(texts: Iterable[str]) -> list[Problem]:
    """Those of the texts that are not empty, as errors."""
    return [Problem(DiagnosticStatus.ERROR, text) for text in texts if text]


def warnings(texts: Iterable[str]) -> list[Problem]:
    """Those of the texts that are not empty, as warnings."""
    return [Problem(DiagnosticStatus.WARN, text) for text in texts if text]


def summary(problems: Iterable[Problem], otherwise: str) -> tuple[bytes, str]:
    """Level and message of a status: the worst first; `otherwise` if nothing is wrong."""
    ordered = sorted(problems, key=lambda problem: problem.level, reverse=True)
    if not ordered:
        return DiagnosticStatus.OK, otherwise
    return ordered[0].level, " | ".join(problem.text for problem in ordered)
