# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from segnet_ros.bags.pictures import Item, Picture
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.segmenting import SegmentAll, SegmentedPicture, segment_pictures
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.segmenter import Segmentation, Segmenter


@pytest.fixture(scope="module")
def segmenter(channel_model: Path) -> Iterator[Segmenter]:
    segmenter = Segmenter(channel_model, "auto", EngineOptions())
    yield segmenter
    segmenter.close()


def picture(channel: int) -> Picture:
    image = np.zeros((12, 16, 3), np.uint8)
    image[..., channel] = 200
    return Picture(RecordedMessage("/image", channel, b""), channel, "camera", image)


def message(number: int) -> RecordedMessage:
    return RecordedMessage("/imu", number, b"")


ITEMS: list[Item] = [
    message(1),
    picture(2),
    message(2),
    Fault("lost", time_ns=3),
    picture(0),
    picture(1),
    message(4),
]


def labels(item: object) -> list[int]:
    assert isinstance(item, SegmentedPicture)
    return [int(each.labels[0, 0]) for each in item.segmentations]


def test_everything_comes_in_order(segmenter: Segmenter) -> None:
    done = list(segment_pictures(ITEMS, [segmenter.segment_all]))
    assert len(done) == len(ITEMS)
    for item, original in zip(done, ITEMS, strict=True):
        if isinstance(item, SegmentedPicture):
            assert item.picture is original
        else:
            assert item == original
    assert [labels(done[index]) for index in (1, 4, 5)] == [[2], [0], [1]]


def test_several_models_see_the_same_pictures(segmenter: Segmenter) -> None:
    def inverted(images: Iterable[np.ndarray]) -> Iterator[Segmentation]:
        return segmenter.segment_all(255 - image for image in images)

    done = list(segment_pictures(ITEMS, [segmenter.segment_all, inverted]))
    assert [labels(done[index]) for index in (1, 4, 5)] == [[2, 0], [0, 1], [1, 0]]


def test_image_is_the_camera_s_though_the_network_saw_its_own(segmenter: Segmenter) -> None:
    seen = picture(1)
    shown = Picture(
        seen.message, 0, "camera", np.full((24, 32, 3), 9, np.uint8), network_input=seen.image
    )
    (done,) = segment_pictures([shown], [segmenter.segment_all])
    assert labels(done) == [1]
    assert isinstance(done, SegmentedPicture)
    assert done.segmentations[0].image is shown.image


@pytest.mark.parametrize("items", [[], [message(1), Fault("lost"), message(2)]])
def test_nothing_to_segment_is_passed_on(segmenter: Segmenter, items: list[Item]) -> None:
    assert list(segment_pictures(items, [segmenter.segment_all])) == items


def test_models_that_work_ahead_keep_the_order(segmenter: Segmenter) -> None:
    def in_threes(images: Iterable[np.ndarray]) -> Iterator[Segmentation]:
        source = iter(images)
        while batch := list(islice(source, 3)):
            yield from segmenter.segment_all(batch)

    models: list[SegmentAll] = [in_threes, segmenter.segment_all]
    done = list(segment_pictures(ITEMS * 3, models))
    firsts = [labels(item)[0] for item in done if isinstance(item, SegmentedPicture)]
    assert firsts == [2, 0, 1] * 3
    assert [type(item) for item in done[:4]] == [
        RecordedMessage, SegmentedPicture, RecordedMessage, Fault,
    ]  # fmt: skip
