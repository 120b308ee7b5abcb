# SPDX-License-Identifier: Apache-2.0
"""The judge of what kills and full disks leave can tell whole from damaged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from wholeness import damaged, leftovers

from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.writing.new_bag import new_bag
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.inference.files import write_image
from segnet_ros.inference.video import video_writer

TOPIC = new_topic("/chatter", "std_msgs/msg/String")


@pytest.fixture
def folder(tmp_path: Path, channel_model: Path) -> Path:
    """One file of each kind that verbs write."""
    shutil.copytree(channel_model, tmp_path / "model")
    with new_bag(tmp_path / "bag", [TOPIC], "mcap") as write:
        for time in range(3):
            write(RecordedMessage("/chatter", time, bytes(1000)))
    write_image(tmp_path / "labels.png", np.zeros((30, 40), np.uint8))
    with video_writer(tmp_path / "overlay.mp4", 10) as append:
        append(np.zeros((48, 64, 3), np.uint8))
    torch.save({"step": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    save_file({"weight": torch.zeros(30)}, tmp_path / "weights.safetensors")
    (tmp_path / "scores.json").write_text(json.dumps({"miou": 0.5}))
    (tmp_path / "page.html").write_text("<html></html>\n")
    (tmp_path / "log.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    return tmp_path


def test_whole_files_are_whole(folder: Path) -> None:
    assert damaged(folder) == []
    assert leftovers(folder) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("labels.png", "labels.png"),
        ("overlay.mp4", "overlay.mp4"),
        ("checkpoint.pt", "checkpoint.pt"),
        ("weights.safetensors", "weights.safetensors"),
        ("scores.json", "scores.json"),
        ("page.html", "page.html"),
        ("bag/bag_0.mcap", "bag/metadata.yaml"),
        ("model/model.onnx", "model/model.yaml"),
    ],
)
def test_half_a_file_is_told(folder: Path, name: str, told: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert any(each.startswith(f"{told}: ") for each in damaged(folder))


def test_only_the_last_line_of_a_log_may_be_cut(folder: Path) -> None:
    (folder / "log.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert damaged(folder) == []
    (folder / "log.jsonl").write_text('{"epo\n{"epoch": 2}\n')
    assert [each.split(":")[0] for each in damaged(folder)] == ["log.jsonl"]


def test_a_model_that_is_gone_from_its_folder_is_told(folder: Path) -> None:
    (folder / "model/model.onnx").unlink()
    assert [each.split(":")[0] for each in damaged(folder)] == ["model/model.yaml"]


def test_hidden_files_are_left_over_and_not_judged(folder: Path) -> None:
    (folder / ".bag.partial/run").mkdir(parents=True)
    (folder / ".bag.partial/run/.partial-a.json").write_text("{")
    (folder / "model/.partial-model.yaml").write_text("{")
    assert damaged(folder) == []
    assert leftovers(folder) == [".bag.partial", "model/.partial-model.yaml"]
