# SPDX-License-Identifier: Apache-2.0

import base64

import cv2
import numpy as np

from segnet_ros.evaluation.agreement import pair_classes
from segnet_ros.evaluation.frame_pictures import DIFFERENT, INCOMPARABLE, differences, draw
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmentation
from segnet_ros.inference.visualization import color_table

A = [SegmentationClass("Sky", (250, 0, 0)), SegmentationClass("Tram", (0, 250, 0))]
B = [SegmentationClass("Bus", (0, 0, 250)), SegmentationClass("Sky", (9, 9, 9))]
PAIRED = pair_classes(A, B)


def test_differences_are_marked_in_a_darkened_picture() -> None:
    image = np.full((1, 4, 3), (100, 100, 100), np.uint8)
    unlabelled = 3
    a = np.array([[0, 0, 0, 1]], np.uint8)
    b = np.array([[0, unlabelled, 2, 0]], np.uint8)
    shown = differences(image, a, b, PAIRED)
    assert shown[0].tolist() == [[35, 35, 35], [*DIFFERENT], [*INCOMPARABLE], [*INCOMPARABLE]]


def segmentation(labels, classes):
    image = np.full((16, 32, 3), 50, np.uint8)
    labels = np.repeat(np.array([labels], np.uint8), 8, axis=0)
    labels = np.repeat(labels, 16 // labels.shape[1], axis=1)
    return Segmentation(image, Prediction(labels, labels), color_table(classes), 0.0, 0.0)


def pixels(uri):
    content = base64.b64decode(uri.partition(",")[2], validate=True)
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def test_one_class_has_one_colour_whatever_the_models_say() -> None:
    # Left both say Sky; right A says Tram and B says Bus.
    pictures = draw(segmentation([0, 1], A), segmentation([1, 0], B), PAIRED)
    a, b, different = (pixels(uri) for uri in (pictures.a, pictures.b, pictures.differences))
    assert a.shape == b.shape == different.shape == (16, 32, 3)
    left, right = np.s_[2:14, 2:14], np.s_[2:14, 18:30]
    for picture, where, color in (
        (a, left, (250, 0, 0)), (b, left, (250, 0, 0)), (a, right, (0, 250, 0)),
        (b, right, (0, 0, 250)),
    ):  # fmt: skip
        expected = 0.4 * 50 + 0.6 * np.array(color)
        assert np.abs(picture[where] - expected).max() < 12
    assert np.abs(different[right] - INCOMPARABLE).max() < 12
    assert np.abs(different[left] - 0.35 * 50).max() < 12
