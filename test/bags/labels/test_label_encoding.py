# SPDX-License-Identifier: Apache-2.0
"""Labelled frames to messages."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.labels.label_encoding import LabelEncoder
from segnet_ros.bags.pictures import Picture
from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.segmenting import SegmentedPicture
from segnet_ros.bags.steps import Labelled, Step
from segnet_ros.bags.writing.vision_messages import label_type_store
from segnet_ros.inference.rendering import Style
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmentation

Pixels = npt.NDArray[np.uint8]
CAMERA = "/camera/image_raw"
NETWORK, PICTURE = (24, 32), (48, 64)
CAMERA_SIZE = Style(network_size=False, alpha=0.5, legend=None)
COLORS = np.zeros((256, 1, 3), np.uint8)
COLORS[1, 0] = (200, 100, 40)


def texture(seed: int) -> Pixels:
    noise = np.random.default_rng(seed).integers(0, 256, (*NETWORK, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (5, 5), 2), np.uint8)


def segmented(
    time_ns: int, labels: Pixels, image: Pixels, leads: bool = False, topic: str = CAMERA
) -> SegmentedPicture:
    height, width = PICTURE
    camera_image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
    message = RecordedMessage(topic, time_ns, b"as recorded")
    picture = Picture(message, time_ns, "camera", camera_image, leads, network_input=image)
    prediction = Prediction(labels, np.full(NETWORK, 200, np.uint8))
    return SegmentedPicture(picture, (Segmentation(camera_image, prediction, COLORS, 0.0, 0.0),))


def frame(time_ns: int, labels: Pixels, image: Pixels) -> Labelled:
    one = segmented(time_ns, labels, image)
    return Labelled(one.picture, one.segmentations[0])


def decoded(message: RecordedMessage) -> Pixels:
    content: Any = label_type_store().deserialize_cdr(
        message.cdr, "sensor_msgs/msg/CompressedImage"
    )
    return np.asarray(cv2.imdecode(content.data, cv2.IMREAD_UNCHANGED), np.uint8)


def encoder(*outputs: str, style: Style = CAMERA_SIZE, keep: bool = False) -> LabelEncoder:
    return LabelEncoder({CAMERA: ""}, outputs, style, keep_original=keep)


def test_maps_have_the_cameras_size_and_the_original_comes_first() -> None:
    labels = np.arange(NETWORK[0] * NETWORK[1], dtype=np.uint8).reshape(NETWORK)
    step = Step(None, frame(5, labels, texture(0)))
    original, label, confidence = encoder("label", "confidence", keep=True).encode(step)
    assert (original.topic, original.cdr) == (CAMERA, b"as recorded")
    assert label.topic == "/segmentation/label/compressed"
    np.testing.assert_array_equal(decoded(label), labels.repeat(2, 0).repeat(2, 1))
    assert confidence.topic == "/segmentation/confidence/compressed"
    np.testing.assert_array_equal(decoded(confidence), np.full(PICTURE, 200))


def test_maps_may_keep_the_networks_size_but_not_the_overlay() -> None:
    labels = np.ones(NETWORK, np.uint8)
    style = Style(network_size=True, alpha=1.0, legend=None)
    step = Step(None, frame(5, labels, texture(0)))
    label, overlay = encoder("label", "overlay", style=style).encode(step)
    np.testing.assert_array_equal(decoded(label), labels)
    shown = decoded(overlay)[..., ::-1]
    assert shown.shape == (*PICTURE, 3)
    assert np.abs(shown.astype(int) - COLORS[1, 0]).max() <= 2


def test_labels_that_change_without_motion_flicker() -> None:
    before, now = np.zeros(NETWORK, np.uint8), np.zeros(NETWORK, np.uint8)
    now[8:16, 8:20] = 3
    still = texture(0)
    step = Step(frame(0, before, still), frame(100, now, still))
    (message,) = encoder("flicker").encode(step)
    mask = decoded(message)
    assert message.topic == "/segmentation/flicker/compressed"
    assert mask.shape == PICTURE
    assert set(np.unique(mask)) == {0, 255}
    assert mask[24:26, 24:26].all()
    assert not mask[:10].any()


def test_without_a_predecessor_nothing_can_flicker() -> None:
    step = Step(None, frame(0, np.zeros(NETWORK, np.uint8), texture(0)))
    assert encoder("flicker").encode(step) == []
