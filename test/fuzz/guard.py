# SPDX-License-Identifier: Apache-2.0
"""Feeds one case to a target and tells whether it kept every promise."""

from __future__ import annotations

import faulthandler
import hashlib
import resource
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from target import NoCaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from target import Target

LONGEST_REASON = 2000
"""Characters of a refusal, at most."""

_WARM_UP_SECONDS = 120.0

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        outcome: "accepted", "refused", "finding", or "no case".
        site: Where it was decided, such as "model.py:123"; findings of one site are one finding.
        text: What is wrong, with the traceback; of a refusal its reason.
        seconds: That it took.
        memory: Bytes that it took beyond what the process had.

    """

    outcome: str
    site: str = ""
    text: str = ""
    seconds: float = 0.0
    memory: int = 0

    @property
    def digest(self) -> str:
        """Name the finding; equal for cases that fail at the same place."""
        return hashlib.sha256(self.site.encode()).hexdigest()[:8]


def judge(target: Target, case: bytes, stderr: int = 2) -> Verdict:
    """Run one case. One that hangs ends this process, after telling where.

    Args:
        target: Takes it.
        case: Any bytes.
        stderr: File descriptor that is told where it hangs.

    """
    idle = _reset_peak()
    faulthandler.dump_traceback_later(target.seconds, exit=True, file=stderr)
    started = time.perf_counter()
    try:
        outcome, site, text = _outcome(target, case)
    finally:
        faulthandler.cancel_dump_traceback_later()
    seconds, memory = time.perf_counter() - started, _peak() - idle
    if memory > target.memory and outcome != "finding":
        words = f"took {memory >> 20} MiB, expected at most {target.memory >> 20}; {text}"
        return Verdict("finding", f"memory at {site}", words, seconds, memory)
    return Verdict(outcome, site, text, seconds, memory)


def warm_up(target: Target, case: bytes) -> None:
    """Run a valid case that is not judged: it imports what is needed, which takes its time."""
    judge(replace(target, seconds=_WARM_UP_SECONDS), case)


def _outcome(target: Target, case: bytes) -> tuple[str, str, str]:
    try:
        target.parse(case)
    except KeyboardInterrupt:
        raise
    except NoCaseError:
        return "no case", "", ""
    except target.refusals as error:
        return _refusal(error)
    except BaseException as error:  # noqa: BLE001 - some Rust libraries raise nothing else
        return (
            "finding",
            f"{type(error).__name__} at {_site(error)}",
            traceback.format_exc()[-4000:],
        )
    return "accepted", "", ""


def _refusal(error: Exception) -> tuple[str, str, str]:
    reason, site = str(error), _site(error)
    if wrong := _wrong_reason(reason):
        shown = reason if len(reason) < LONGEST_REASON else reason[:LONGEST_REASON] + "..."
        return "finding", f"reason at {site}: {shown[:20]}", f"the reason {wrong}: {shown!r}"
    return "refused", site, reason


def _wrong_reason(reason: str) -> str:
    if not reason.strip():
        return "is empty"
    if len(reason) > LONGEST_REASON:
        return f"has {len(reason)} characters, expected at most {LONGEST_REASON}"
    return "has several lines" if len(reason.splitlines()) > 1 else ""


def _site(error: BaseException) -> str:
    """Name the innermost place outside of the tests: file and line."""
    places = [*_places(error.__traceback__)]
    product = [place for place in places if not place.is_relative_to(_HERE)] or places
    return "/".join(product[-1].parts[-2:]) if product else "?"


def _places(trace: TracebackType | None) -> Iterator[Path]:
    while trace is not None:
        yield Path(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next


def _reset_peak() -> int:
    """Forget the peak, where the system allows it; give what the process has, in bytes."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
