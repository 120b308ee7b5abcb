# SPDX-License-Identifier: Apache-2.0
"""What an interrupted run has done, so that the next one goes on behind it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.writing.segment_file import SegmentSummary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESUME_FILE = "resume.json"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        identity: What the run is made of; a JSON object.
        done: Tasks.
        frames: Camera frames in them.
        faults: What could not be read in them.
        segments: The files that came of them, in order.

    """

    identity: Mapping[str, Any]
    done: int = 0
    frames: int = 0
    faults: tuple[Fault, ...] = ()
    segments: tuple[SegmentSummary, ...] = ()

    def after(
        self, segment: SegmentSummary | None, frames: int, faults: Sequence[Fault]
    ) -> Progress:
        """The progress when one task more is done."""
        return replace(
            self,
            done=self.done + 1,
            frames=self.frames + frames,
            faults=(*self.faults, *faults),
            segments=self.segments if segment is None else (*self.segments, segment),
        )


def start(identity: Mapping[str, Any]) -> Progress:
    """The progress of a new run."""
    return Progress(json.loads(json.dumps(identity)))


def to_text(progress: Progress) -> str:
    """The content of the resume file."""
    return json.dumps(asdict(progress), indent=1) + "\n"


def from_text(text: str, location: str) -> Progress:
    """Read a resume file.

    Args:
        text: Its content.
        location: The recording it belongs to, for errors.

    Raises:
        BagError: it is damaged.

    """
    try:
        content = json.loads(text)
        content["faults"] = tuple(Fault(**fault) for fault in content["faults"])
        content["segments"] = tuple(SegmentSummary(**item) for item in content["segments"])
        return Progress(**content)
    except (ValueError, KeyError, TypeError) as error:
        msg = (
            f"{RESUME_FILE} of {location} cannot be read ({error}); expected what an interrupted "
            "run left. Remove the folder and start again without --resume"
        )
        raise BagError(msg) from error


def check_identity(before: Progress, now: Progress, location: str) -> None:
    """Refuse to go on with something else.

    Raises:
        BagError: the runs differ; names in what.

    """
    keys = sorted({*before.identity, *now.identity})
    differing = [key for key in keys if before.identity.get(key) != now.identity.get(key)]
    if differing:
        changes = "; ".join(
            f"{key} was {json.dumps(before.identity.get(key))}, now is "
            f"{json.dumps(now.identity.get(key))}"
            for key in differing
        )
        msg = (
            f"{location} was begun differently: {changes}. Resume it with what it was begun with, "
            "or write to another place"
        )
        raise BagError(msg)
