# SPDX-License-Identifier: Apache-2.0
"""Each labelled frame with the one of its camera before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.segmenting import SegmentedPicture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segnet_ros.bags.pictures import Picture
    from segnet_ros.inference.labelling import Labelling
    from segnet_ros.inference.segmenter import Segmentation

Pixels = npt.NDArray[np.uint8]

LONGEST_STEP_NS = 1_000_000_000
"""Frames of a camera that are further apart are not compared."""


@dataclass(frozen=True)
class Labelled:
    """A frame under its published labels.

    Attributes:
        picture: The frame.
        segmentation: Under the published ids.

    """

    picture: Picture
    segmentation: Segmentation

    @property
    def network_input(self) -> Pixels:
        """The picture at the network's size, uint8 [H, W, 3] RGB."""
        assert self.picture.network_input is not None, "read without the network's size"
        return self.picture.network_input


@dataclass(frozen=True)
class Step:
    """A frame, and the one of its camera before it; None if that is too long ago."""

    before: Labelled | None
    now: Labelled


Unlabelled = RecordedMessage | Fault


def steps(
    items: Iterable[SegmentedPicture | Unlabelled], labelling: Labelling, compare: bool
) -> Iterator[Step | Unlabelled]:
    """Give frames their published labels, and find each one's predecessor.

    Args:
        items: From `segment_pictures`. Frames that lead become predecessors only.
        labelling: What made them.
        compare: Whether predecessors are wanted; their pictures stay in memory.

    """
    last: dict[str, Labelled] = {}
    for item in items:
        if not isinstance(item, SegmentedPicture):
            yield item
            continue
        picture = item.picture
        now = Labelled(picture, labelling.published(item.segmentations[0]))
        if not picture.leads:
            yield Step(_recent(last.get(picture.message.topic), picture), now)
        if compare:
            last[picture.message.topic] = now


def _recent(before: Labelled | None, picture: Picture) -> Labelled | None:
    if before is None:
        return None
    step = picture.message.time_ns - before.picture.message.time_ns
    return before if step <= LONGEST_STEP_NS else None
