# SPDX-License-Identifier: Apache-2.0
"""Frames through one or several models, everything else passed through in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.pictures import Item, Picture
from segnet_ros.inference.segmenter import Segmentation

if TYPE_CHECKING:
    from segnet_ros.bags.recorded import Fault, RecordedMessage

Pixels = npt.NDArray[np.uint8]
SegmentAll = Callable[[Iterable[Pixels]], Iterator[Segmentation]]


@dataclass(frozen=True)
class SegmentedPicture:
    """A frame and its labels.

    Attributes:
        picture: The frame.
        segmentations: One of each model, in their order.

    """

    picture: Picture
    segmentations: tuple[Segmentation, ...]


def segment_pictures(
    items: Iterable[Item], models: Sequence[SegmentAll]
) -> Iterator[SegmentedPicture | RecordedMessage | Fault]:
    """Segment the pictures among the items, several at once where the runtimes can.

    Args:
        items: From `read_pictures`; some are taken before the first answer is given.
        models: `Segmenter.segment_all` or the like, of each model.

    Raises:
        InferenceError: a runtime fails.

    """
    waiting: deque[Item] = deque()

    def images() -> Iterator[Pixels]:
        for item in items:
            waiting.append(item)
            if isinstance(item, Picture):
                yield item.image if item.network_input is None else item.network_input

    answers = [model(copy) for model, copy in zip(models, tee(images(), len(models)), strict=True)]
    for segmentations in zip(*answers, strict=True):
        while not isinstance(item := waiting.popleft(), Picture):
            yield item
        whole = tuple(replace(each, image=item.image) for each in segmentations)
        yield SegmentedPicture(item, whole)
    for item in waiting:
        assert not isinstance(item, Picture), "a model left a picture out"
        yield item
