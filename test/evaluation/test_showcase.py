# SPDX-License-Identifier: Apache-2.0

import base64
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from segnet_ros.datasets.camvid import CAMVID, find_frames
from segnet_ros.evaluation.evaluate import FrameScore
from segnet_ros.evaluation.showcase import make_showcase
from segnet_ros.inference.files import write_image
from segnet_ros.inference.runtime import Prediction

SKY, BUILDING = CAMVID.classes[:2]
GREY = 100


class AlwaysBuilding:
    model = SimpleNamespace(name="always", classes=CAMVID.classes)
    runtime = "none"

    def segment(self, image):
        labels = np.ones(image.shape[:2], np.uint8)
        return Prediction(labels, labels)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Ten grey pictures that are all sky."""
    root = tmp_path_factory.mktemp("data")
    for index in range(10):
        write_image(root / "val" / f"{index}.png", np.full((24, 32, 3), GREY, np.uint8))
        write_image(root / "valannot" / f"{index}.png", np.zeros((24, 32), np.uint8))
    return find_frames(root, "val")


def scores(mious):
    return [FrameScore(f"{index}", "a", miou, 0.5) for index, miou in enumerate(mious)]


def names(examples):
    return [example.score.name for example in examples]


def middle(uri):
    pixels = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(pixels, cv2.IMREAD_COLOR)[12, 16, ::-1]


def test_the_worst_is_first_and_so_is_the_best(frames) -> None:
    mious = [0.55, 0.1, 0.95, 0.3, 0.8, 0.2, np.nan, 0.4, 0.6, 0.7]
    found = make_showcase(AlwaysBuilding(), frames, scores(mious))
    assert names(found.worst) == ["1", "5", "3", "7", "0"]
    assert names(found.best) == ["2", "4", "9"]
    assert found.worst[0].score.miou == 0.1


def test_no_frame_is_shown_twice(frames) -> None:
    found = make_showcase(AlwaysBuilding(), frames[:6], scores([0.6, 0.5, 0.4, 0.3, 0.2, 0.1]))
    assert names(found.worst) == ["5", "4", "3", "2", "1"]
    assert names(found.best) == ["0"]


def test_pictures_show_image_labels_and_prediction(frames) -> None:
    found = make_showcase(AlwaysBuilding(), frames[:1], scores([0.0]))
    (example,) = found.worst
    under = 0.4 * GREY
    np.testing.assert_allclose(middle(example.image), [GREY] * 3, atol=3)
    np.testing.assert_allclose(middle(example.truth), under + 0.6 * np.array(SKY.color), atol=4)
    expected = under + 0.6 * np.array(BUILDING.color)
    np.testing.assert_allclose(middle(example.predicted), expected, atol=4)
