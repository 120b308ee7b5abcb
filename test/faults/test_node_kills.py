# SPDX-License-Identifier: Apache-2.0
"""The node killed while it starts, saves and loads; `bench/kills.py` does it 200 times."""

import random
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("torch", reason="needs torch: pip install 'segnet_ros[train]'")

import kills_node
from kills_node import kill_node


class Moment(random.Random):
    """Chooses a phase that is given, and the moment within it by chance."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self._phase = phase

    def choice(self, of: list[str]) -> str:
        assert self._phase in of
        return self._phase


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, own_domain: None) -> Path:
    return tmp_path_factory.mktemp("kills")


@pytest.mark.parametrize("phase", ["start", "save_frame", "model exchange"])
def test_nothing_is_corrupted_and_the_next_node_labels(
    folder: Path, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Larger ones are lost where Fast DDS was loaded without our profile, as in this process.
    monkeypatch.setattr(kills_node, "PICTURE", (320, 240))
    assert kill_node(folder, Moment(phase)) == ""


def test_what_is_corrupted_would_be_told(tmp_path: Path) -> None:
    model, frames = tmp_path / "models" / "first", tmp_path / "frames"
    for made in (model, tmp_path / "engines", frames):
        made.mkdir(parents=True)
    (model / "model.onnx").write_bytes(b"whole")
    (tmp_path / "sums.json").write_text(kills_node.json.dumps(kills_node._sums(tmp_path)))
    assert list(kills_node._corrupted(tmp_path)) == []
    (model / "model.onnx").write_bytes(b"half")
    (tmp_path / "engines" / "new.engine").touch()
    (frames / "1_camera.png").touch()
    (frames / "2_camera.json").write_text("{}")
    (frames / "3_camera.json").write_text("{")
    assert list(kills_node._corrupted(tmp_path)) == [
        "engines/new.engine changed",
        "models/first/model.onnx changed",
        "1_camera.png of 0 bytes is no picture",
        "2_camera.json stands beside no pictures of one size",
        "3_camera.json is cut off",
    ]
