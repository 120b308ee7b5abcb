# SPDX-License-Identifier: Apache-2.0
"""Palette PNGs are told from other pictures by their header."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.palette_png import is_palette_png, palette_indices

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
INDICES = np.array([[0, 3, 255], [21, 3, 0]], np.uint8)


def test_indices(tmp_path: Path) -> None:
    picture = Image.fromarray(INDICES, mode="P")
    picture.putpalette(768 * [7])
    picture.save(tmp_path / "palette.png")
    assert is_palette_png(tmp_path / "palette.png")
    indices = palette_indices(tmp_path / "palette.png")
    np.testing.assert_array_equal(indices, INDICES)
    assert indices.dtype == np.uint8


@pytest.mark.parametrize("name", ["grey.png", "color.png", "palette.gif"])
def test_other_pictures(tmp_path: Path, name: str) -> None:
    mode = {"grey.png": "L", "color.png": "RGB", "palette.gif": "P"}[name]
    Image.fromarray(INDICES, mode="L").convert(mode).save(tmp_path / name)
    assert not is_palette_png(tmp_path / name)


def test_short_file(tmp_path: Path) -> None:
    (tmp_path / "short.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert not is_palette_png(tmp_path / "short.png")
