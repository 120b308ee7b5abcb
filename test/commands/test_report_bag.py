# SPDX-License-Identifier: Apache-2.0
"""`segnet report-bag` on recordings of a few frames."""

import json

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from rosbags.rosbag2 import StoragePlugin, Writer

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import IMAGE_TYPE
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.cli import main

SECOND = 1_000_000_000


def write_bag(path, frames, *topics):
    """Static pictures at 10 Hz; one that is None cannot be decoded."""
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic in topics or ("/camera/image_raw",):
            connection = writer.add_connection(topic, IMAGE_TYPE, typestore=typestore())
            for k, whole in enumerate(frames):
                time = SECOND + k * SECOND // 10
                cdr = frame_message(image, True, time, "camera") if whole else b"\0\1\0\0"
                writer.write(connection, time, cdr)
    return str(path)


@pytest.fixture
def report(channel_model):
    def run(*arguments):
        return main(
            ["report-bag", *map(str, arguments), "--model", str(channel_model), "--runtime",
             "openvino"]
        )  # fmt: skip

    return run


def test_page_and_json(report, tmp_path, capsys) -> None:
    bag = write_bag(tmp_path / "drive", [True] * 12)
    page, values = tmp_path / "page.html", tmp_path / "values.json"
    assert report(bag, "--html", page, "--json", values) == 0
    [drive] = json.loads(values.read_text())["drives"]
    [camera] = drive["cameras"]
    assert (drive["bag"], camera["frames"], camera["flicker"]["rate"]) == (bag, 12, 0)
    assert page.read_text().count("data:image/jpeg") == 6 + 3
    told = capsys.readouterr().out
    assert "drive" in told
    assert str(page) in told


def test_without_files_the_figures_are_printed(report, tmp_path, capsys) -> None:
    bag = write_bag(tmp_path / "drive", [True] * 60)
    assert report(bag) == 0
    told = capsys.readouterr().out
    assert "10.0" in told
    assert "0.0 to 5.5 s: frozen: the same picture for 6 s" in " ".join(told.split())


def test_a_folder_of_recordings_with_faults(report, tmp_path, capsys) -> None:
    write_bag(tmp_path / "bags" / "a", [True, False, True], "/front/image", "/rear/image")
    write_bag(tmp_path / "bags" / "b", [True] * 3)
    values = tmp_path / "values.json"
    assert report(tmp_path / "bags", "--all-images", "--json", values) == 3
    first, second = json.loads(values.read_text())["drives"]
    assert [camera["name"] for camera in first["cameras"]] == ["front", "rear"]
    assert [camera["frames"] for camera in first["cameras"]] == [2, 2]
    assert len(first["skipped"]) == 2
    assert second["cameras"][0]["frames"] == 3
    assert "2 messages lost" in capsys.readouterr().err


def test_mistakes_are_told_before_any_work(report, tmp_path, capsys) -> None:
    bag = write_bag(tmp_path / "drive", [True], "/front/image", "/rear/image")
    assert report(bag) == 1
    assert "--all-images" in capsys.readouterr().err
    assert report(tmp_path / "nothing") == 1
    assert "nothing" in capsys.readouterr().err
    assert main(["report-bag", bag, "--model", "no_such_model", "--all-images"]) == 1
    assert "no_such_model" in capsys.readouterr().err
