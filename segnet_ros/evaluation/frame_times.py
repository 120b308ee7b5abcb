# SPDX-License-Identifier: Apache-2.0
"""Whether frames come as regularly as a camera takes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]

_SECOND = 1e9
# A frame that is missing doubles the step; stamps of drivers that read the clock late jitter less.
_GAP = 1.5
# Further apart than a recorder writes late under load.
_JUMP = 1.0

GAP, BACK, JUMP = "gap", "back", "jump"


@dataclass(frozen=True)
class Irregularity:
    """Two frames that do not follow each other as the others do.

    Attributes:
        kind: "gap", frames are missing; "back", the stamp is older than the one before; "jump",
            the stamps moved on by a second more than the recorder's clock.
        at: When the first of the two was recorded, seconds since the start of the recording.
        seconds: From stamp to stamp.

    """

    kind: str
    at: float
    seconds: float


@dataclass(frozen=True)
class FrameTimes:
    """How frames follow each other.

    Attributes:
        rate: Frames per second as usual (from the median step); NaN of less than two.
        longest: Seconds from frame to frame where nothing jumped; NaN of less than two.
        missing: Frames that fit into the gaps, an estimate.
        repeated: Frames with the stamp of the frame before.
        irregular: In the order of recording.

    """

    rate: float
    longest: float
    missing: int
    repeated: int
    irregular: Sequence[Irregularity]


def frame_times(stamps_ns: Times, recorded_ns: Times) -> FrameTimes:
    """Judge the times of one camera's frames.

    Args:
        stamps_ns: int64 [frames], of their headers, nanoseconds; 0 is unset, and the recorder's
            clock stands in for it.
        recorded_ns: int64 [frames], when they were recorded, nanoseconds since the start of the
            recording, ascending.

    """
    clock = np.diff(recorded_ns) / _SECOND
    unset = (stamps_ns[1:] == 0) | (stamps_ns[:-1] == 0)
    steps = np.where(unset, clock, np.diff(stamps_ns) / _SECOND)
    jumps = (steps > 0) & (steps - clock > _JUMP)
    regular = steps[(steps > 0) & ~jumps]
    usual = float(np.median(regular)) if regular.size else math.nan
    gaps = (steps > _GAP * usual) & ~jumps
    return FrameTimes(
        rate=1 / usual,
        longest=max(regular.tolist(), default=math.nan),
        missing=int((np.rint(steps[gaps] / usual) - 1).sum()),
        repeated=int(np.count_nonzero(steps == 0)),
        irregular=_irregular(steps, recorded_ns, {GAP: gaps, BACK: steps < 0, JUMP: jumps}),
    )


def _irregular(
    steps: npt.NDArray[np.float64], recorded_ns: Times, kinds: dict[str, npt.NDArray[np.bool_]]
) -> list[Irregularity]:
    places = sorted((int(i), kind) for kind, where in kinds.items() for i in np.flatnonzero(where))
    return [
        Irregularity(kind, float(recorded_ns[i]) / _SECOND, float(steps[i])) for i, kind in places
    ]
