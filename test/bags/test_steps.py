# SPDX-License-Identifier: Apache-2.0
"""Frames and the ones before them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.pictures import Picture
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.segmenting import SegmentedPicture
from segnet_ros.bags.steps import LONGEST_STEP_NS, Step, Unlabelled, steps
from segnet_ros.inference.labelling import Labelling
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmentation

Pixels = npt.NDArray[np.uint8]
CAMERA = "/camera/image_raw"
NETWORK = (24, 32)
IMAGE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def labelling(channel_model: Path) -> Iterator[Labelling]:
    labelling = ModelChoice(str(channel_model), "openvino", threshold=0.25).load()
    yield labelling
    labelling.model.retire()


def segmented(
    time_ns: int, labels: Pixels, leads: bool = False, topic: str = CAMERA
) -> SegmentedPicture:
    picture = Picture(RecordedMessage(topic, time_ns, b""), time_ns, "camera", IMAGE, leads)
    prediction = Prediction(labels, np.full(NETWORK, 200, np.uint8))
    own = Segmentation(IMAGE, prediction, np.zeros((256, 1, 3), np.uint8), 0.0, 0.0)
    return SegmentedPicture(picture, (own,))


def test_frames_get_published_labels_and_their_predecessor(labelling: Labelling) -> None:
    zeros = np.zeros(NETWORK, np.uint8)
    other = RecordedMessage("/chatter", 2, b"")
    fault = Fault("broken", CAMERA, 3, 1)
    items: list[SegmentedPicture | Unlabelled] = [
        segmented(0, zeros, leads=True),
        segmented(10, zeros),
        other,
        segmented(15, zeros, topic="/rear/image_raw"),
        fault,
        segmented(20, zeros),
        segmented(21 + LONGEST_STEP_NS, zeros),
    ]
    found = list(steps(items, labelling, compare=True))
    assert [found[1], found[3]] == [other, fault]
    frames = [item for item in found if isinstance(item, Step)]
    times = [(s.before and s.before.picture.stamp_ns, s.now.picture.stamp_ns) for s in frames]
    assert times == [(0, 10), (None, 15), (10, 20), (None, 21 + LONGEST_STEP_NS)]
    np.testing.assert_array_equal(frames[0].now.segmentation.colors, labelling.colors)


def test_the_threshold_takes_labels_away(labelling: Labelling) -> None:
    item = segmented(0, np.ones(NETWORK, np.uint8))
    item.segmentations[0].prediction.confidence[0, :5] = 63  # of 255: under a quarter
    (step,) = steps([item], labelling, compare=False)
    assert isinstance(step, Step)
    labels = step.now.segmentation.prediction.labels
    assert (labels[0, :5] == 255).all()
    assert np.count_nonzero(labels == 1) == labels.size - 5


def test_predecessors_are_not_kept_unless_wanted(labelling: Labelling) -> None:
    items = [segmented(time, np.zeros(NETWORK, np.uint8)) for time in (0, 1)]
    assert [s.before for s in steps(items, labelling, compare=False) if isinstance(s, Step)] == [
        None,
        None,
    ]
