# SPDX-License-Identifier: Apache-2.0
"""Descriptors of the frames of datasets."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.bags.mining.descriptor import SIZE, describe
from segnet_ros.bags.mining.known_frames import describe_known
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.inference.files import write_image


def _write(root: Path, name: str, value: int) -> None:
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[:, :16, 0] = value
    write_image(root / name, pixels)
    write_image(root / name.replace("/", "annot/"), np.zeros((24, 32), np.uint8))


def test_training_frames_of_all_datasets(tmp_path: Path) -> None:
    for name, value in (("a/train/1.png", 10), ("a/train/0.png", 20), ("b/train/2.png", 30)):
        dataset, _, rest = name.partition("/")
        _write(tmp_path / dataset, rest, value)
    _write(tmp_path / "a", "val/9.png", 90)
    found = describe_known([tmp_path / "a", tmp_path / "b"])
    expected = []
    for value in (20, 10, 30):
        pixels = np.zeros((24, 32, 3), np.uint8)
        pixels[:, :16, 0] = value
        expected.append(describe(pixels))
    np.testing.assert_array_equal(found, expected)


def test_no_dataset() -> None:
    found = describe_known([])
    assert found.shape == (0, SIZE)
    assert found.dtype == np.uint8


def test_not_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no data folder of a known layout"):
        describe_known([tmp_path])
