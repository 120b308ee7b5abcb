# SPDX-License-Identifier: Apache-2.0

import base64

import cv2
import numpy as np
import pytest

from segnet_ros.evaluation.pictures import jpeg_uri


def decoded(uri):
    kind, _, content = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    pixels = np.frombuffer(base64.b64decode(content, validate=True), np.uint8)
    return cv2.imdecode(pixels, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize(
    ("size", "shrunk"), [((480, 360), (320, 240)), ((320, 200), (320, 200)), ((4000, 3), (320, 1))]
)
def test_width_is_limited(size, shrunk) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    assert decoded(jpeg_uri(pixels)).shape == (shrunk[1], shrunk[0], 3)


def test_colours_keep_their_order() -> None:
    pixels = np.full((48, 64, 3), (200, 100, 30), np.uint8)
    np.testing.assert_allclose(decoded(jpeg_uri(pixels))[24, 32], (200, 100, 30), atol=4)
