# SPDX-License-Identifier: Apache-2.0
"""The PASCAL VOC colour map against published values."""

import pytest

from segnet_ros.datasets.colors import pascal_color


@pytest.mark.parametrize(
    ("index", "color"),
    [
        (0, (0, 0, 0)), (1, (128, 0, 0)), (2, (0, 128, 0)), (4, (0, 0, 128)), (8, (64, 0, 0)),
        (15, (192, 128, 128)), (20, (0, 64, 128)), (64, (32, 0, 0)), (255, (224, 224, 192)),
    ],
)  # fmt: skip
def test_published_values(index: int, color: tuple[int, int, int]) -> None:
    assert pascal_color(index) == color


def test_no_two_are_alike() -> None:
    assert len({pascal_color(index) for index in range(256)}) == 256
