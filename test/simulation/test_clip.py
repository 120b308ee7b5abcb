# SPDX-License-Identifier: Apache-2.0
"""Clips on disk: CamVid's layout, lossless, never half a file."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.simulation.clip import write_clip, write_training_set
from segnet_ros.simulation.drive import StreetDrive

_SIZE = (96, 72)


def _read(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def test_a_clip_reads_back_as_it_was_rendered(tmp_path: Path) -> None:
    write_clip(tmp_path, "drive", frames=3, seed=4, size=_SIZE)
    names = [f"{number:06d}.png" for number in range(3)]
    assert sorted(p.name for p in (tmp_path / "drive").iterdir()) == names
    assert sorted(p.name for p in (tmp_path / "driveannot").iterdir()) == names
    image, label = StreetDrive(4, _SIZE).frame(2)
    np.testing.assert_array_equal(_read(tmp_path / "drive/000002.png")[..., ::-1], image)
    np.testing.assert_array_equal(_read(tmp_path / "driveannot/000002.png"), label)


def test_a_training_set_shows_a_different_street_in_each_frame(tmp_path: Path) -> None:
    write_training_set(tmp_path, "extra", frames=3, first_seed=10, size=_SIZE)
    labels = [_read(tmp_path / f"extraannot/{number:06d}.png") for number in range(3)]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.mean(labels[one] != labels[other]) > 0.1
    write_training_set(tmp_path, "shifted", frames=1, first_seed=11, size=_SIZE)
    np.testing.assert_array_equal(_read(tmp_path / "shiftedannot/000000.png"), labels[1])


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path, "drive", frames=1, seed=4, size=_SIZE)
    before = (tmp_path / "drive/000000.png").read_bytes()

    def interrupt(path: Path, content: bytes) -> None:
        path.write_text("half a picture")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_clip(tmp_path, "drive", frames=2, seed=5, size=_SIZE)
    assert (tmp_path / "drive/000000.png").read_bytes() == before
    assert not (tmp_path / "drive/000001.png").exists()


def test_no_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames is 0; expected 1 or more"):
        write_clip(tmp_path, "drive", frames=0, seed=1, size=_SIZE)
    assert list(tmp_path.iterdir()) == []
