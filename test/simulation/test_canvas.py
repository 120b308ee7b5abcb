# SPDX-License-Identifier: Apache-2.0
"""Image and label are painted through the same geometry."""

import numpy as np
import pytest

from segnet_ros.simulation.canvas import Canvas, blend
from segnet_ros.simulation.street_class import StreetClass

_SQUARE = np.array([(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0)])


def test_a_polygon_covers_the_same_pixels_in_image_and_label() -> None:
    canvas = Canvas((40, 40))
    canvas.polygon(_SQUARE, (200, 100, 50), StreetClass.CAR)
    assert (canvas.image[12:29, 12:29] == (200, 100, 50)).all()
    assert (canvas.label[10:31, 10:31] == StreetClass.CAR).all()
    assert (canvas.label == StreetClass.CAR).sum() == 21 * 21
    assert canvas.image[:9].max() == 0
    assert canvas.image[32:].max() == 0


def test_a_detail_leaves_the_label_alone() -> None:
    canvas = Canvas((40, 40))
    canvas.detail(_SQUARE, (9, 9, 9))
    assert canvas.image[20, 20].tolist() == [9, 9, 9]
    assert (canvas.label == StreetClass.SKY).all()


def test_a_texture_is_laid_corner_to_corner() -> None:
    texture = np.zeros((20, 20, 3), np.uint8)
    texture[:10, :10] = (255, 0, 0)
    texture[:10, 10:] = (0, 255, 0)
    texture[10:] = (0, 0, 255)
    canvas = Canvas((40, 40))
    canvas.texture(texture, _SQUARE, StreetClass.BUILDING, (0.0, 1.0))
    assert canvas.image[14, 14].tolist() == [255, 0, 0]
    assert canvas.image[14, 26].tolist() == [0, 255, 0]
    assert canvas.image[26, 20].tolist() == [0, 0, 255]
    canvas.texture(texture, _SQUARE, StreetClass.BUILDING, (0.5, 1.0))
    assert canvas.image[14, 14].tolist() == [0, 255, 0]
    assert (canvas.label == StreetClass.BUILDING).sum() == 21 * 21


def test_a_sprite_labels_only_its_opaque_pixels() -> None:
    sprite = np.zeros((20, 20, 4), np.uint8)
    sprite[:, 10:] = (10, 200, 10, 255)
    canvas = Canvas((40, 40))
    canvas.sprite(sprite, np.array((10.0, 10.0)), np.array((30.0, 30.0)), StreetClass.TREE)
    assert (canvas.label[12:28, 21:29] == StreetClass.TREE).all()
    assert (canvas.label[:, :19] == StreetClass.SKY).all()
    assert canvas.image[20, 25].tolist() == [10, 200, 10]
    assert canvas.image[20, 14].tolist() == [0, 0, 0]


def test_shapes_outside_the_image_change_nothing() -> None:
    canvas = Canvas((40, 40))
    far = _SQUARE + (500.0, 0.0)
    canvas.polygon(far, (1, 2, 3), StreetClass.CAR)
    canvas.texture(np.ones((4, 4, 3), np.uint8), far, StreetClass.CAR, (0.0, 1.0))
    canvas.tint(far, (1, 2, 3), 0.5, StreetClass.FENCE)
    assert canvas.image.max() == 0
    assert (canvas.label == StreetClass.SKY).all()


@pytest.mark.parametrize(("alpha", "expected"), [(0, 40), (255, 200), (51, 72)])
def test_blend_mixes_by_alpha(alpha: int, expected: int) -> None:
    target = np.full((2, 2, 3), 40, np.uint8)
    blend(target, np.full((2, 2, 3), 200, np.uint8), np.full((2, 2), alpha, np.uint8))
    assert (target == expected).all()
