# SPDX-License-Identifier: Apache-2.0
"""Which frames are worth labelling: the worst ones that are not alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.mining.descriptor import Descriptor, differences
from segnet_ros.bags.mining.frame_scores import CRITERIA, FrameScores
from segnet_ros.evaluation.metrics import known_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Floats = npt.NDArray[np.float64]


class ScoredFrame(NamedTuple):
    """A frame that might be labelled; all that is kept of it.

    Attributes:
        bag: Path or URL of the recording.
        topic: Of the image.
        time_ns: When it was recorded, nanoseconds since 1970.
        stamp_ns: Of its header.
        scores: See `FrameScores`.
        descriptor: What the picture looks like; see `describe`.

    """

    bag: str
    topic: str
    time_ns: int
    stamp_ns: int
    scores: FrameScores
    descriptor: bytes


class ChosenFrame(NamedTuple):
    """A frame to be labelled.

    Attributes:
        frame: The frame.
        worth: How much it is worth labelling, among the frames it was chosen from: 0..1.

    """

    frame: ScoredFrame
    worth: float


@dataclass(frozen=True)
class Limits:
    """What is chosen at most.

    Attributes:
        count: So many frames.
        gap_ns: Frames of one camera in one recording are at least so far apart, nanoseconds.
        difference: A frame's descriptor differs from those of all other frames, chosen or known,
            by at least this; see `differences`.

    """

    count: int
    gap_ns: int
    difference: float


def worths(frames: Sequence[ScoredFrame], criteria: Sequence[str]) -> Floats:
    """How much each frame is worth labelling by several criteria together.

    Each criterion puts the frames in order, and a frame's place in it, 0..1, is its worth by that
    criterion; equals share a place. Criteria are averaged over those known of a frame. Places
    instead of values: a mean confidence and a share of flickering pixels have nothing to do with
    each other, and a criterion counts the same whatever its scale and spread.

    Returns:
        float64 [n], 0..1; NaN where nothing is known.

    """
    values = [[CRITERIA[name](frame.scores) for name in criteria] for frame in frames]
    columns = np.array(values, np.float64).reshape(len(frames), len(criteria))
    return known_mean(np.apply_along_axis(_places, 0, columns))


def _places(values: Floats) -> Floats:
    """Share of the known values that are lower, equals counting half."""
    known = np.sort(values[~np.isnan(values)])
    lower = np.searchsorted(known, values, "left")
    not_higher = np.searchsorted(known, values, "right")
    places = (lower + not_higher) / (2 * max(1, len(known)))
    return np.where(np.isnan(values), np.nan, places)


def choose(
    frames: Sequence[ScoredFrame], criteria: Sequence[str], limits: Limits, known: Descriptor
) -> list[ChosenFrame]:
    """Take the frames of the highest worth, one after the other, each unlike all before it.

    Args:
        frames: In the order of their recordings and times; of equal worth, the first is taken.
        criteria: Names from `CRITERIA`.
        limits: Of the choice.
        known: uint8 [n, `SIZE`], descriptors of frames that need not be labelled any more.

    Returns:
        The most worth labelling first.

    """
    worth = worths(frames, criteria)
    order = np.argsort(-worth, kind="stable")
    falling = (ChosenFrame(frames[k], float(worth[k])) for k in order if not np.isnan(worth[k]))
    return list(_diverse(falling, limits, known))


def _diverse(
    falling: Iterator[ChosenFrame], limits: Limits, known: Descriptor
) -> Iterator[ChosenFrame]:
    seen = np.concatenate([known, np.zeros((limits.count, known.shape[1]), np.uint8)])
    times: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    taken = 0
    for chosen in falling:
        if taken == limits.count:
            return
        frame = chosen.frame
        of_camera = times[frame.bag, frame.topic]
        if any(abs(frame.time_ns - time) < limits.gap_ns for time in of_camera):
            continue
        descriptor = np.frombuffer(frame.descriptor, np.uint8)
        if (differences(descriptor, seen[: len(known) + taken]) < limits.difference).any():
            continue
        seen[len(known) + taken] = descriptor
        of_camera.append(frame.time_ns)
        taken += 1
        yield chosen
