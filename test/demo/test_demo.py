# SPDX-License-Identifier: Apache-2.0
"""`segnet demo` as a user runs it: real processes, real topics, a tiny clip and model."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.demo import recording
from segnet_ros.demo.recorder import CAMERA, LABEL

FRAMES = 12


def frame(index: int) -> np.ndarray:
    """RGB [24, 32, 3] in blocks of 2x2, which the network's 16x12 takes over exactly."""
    rows, columns = np.mgrid[0:12, 0:16]
    channels = [rows * 20, columns * 16, np.full((12, 16), 20 * index)]
    return np.stack(channels, axis=-1).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)


def truth(index: int) -> np.ndarray:
    """What `channel_model` says, but for the first two rows: void and wrong."""
    labels = frame(index).argmax(axis=2)
    labels[0] = 11
    labels[1] = 2
    return labels.astype(np.uint8)


@pytest.fixture
def clip(tmp_path) -> Path:
    for index in range(FRAMES):
        for name, pixels in (("clip", frame(index)[..., ::-1]), ("clipannot", truth(index))):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), pixels)
    return tmp_path / "clip"


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segnet_ros", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_compressed_bag(channel_model, tmp_path) -> None:
    bag = tmp_path / "bag"
    store = typestore()
    with Writer(bag, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection(
            "/cam/compressed", COMPRESSED_IMAGE_TYPE, typestore=store
        )
        for index in range(FRAMES):
            _, png = cv2.imencode(".png", frame(index)[..., ::-1])
            cdr = store.serialize_cdr(
                store.types[COMPRESSED_IMAGE_TYPE](
                    header=header(store, index), format="png", data=png.reshape(-1)
                ),
                COMPRESSED_IMAGE_TYPE,
            )
            writer.write(connection, (index + 1) * 1_000_000_000, cdr)
    output = tmp_path / "out"
    run = demo(str(bag), "-o", str(output), "--model", str(channel_model), "--rate", "10")
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads((output / "report.json").read_text())
    assert report["frames_out"] >= FRAMES // 2
    assert report["miou"] is None
    camera = dict(recording.camera(output / "labelled"))
    for stamp, label in recording.labels(output / "labelled"):
        index = round(camera[stamp][..., 2].mean() / 20)
        np.testing.assert_array_equal(label, frame(index).argmax(axis=2))


def header(store, index: int):
    stamp = store.types["builtin_interfaces/msg/Time"](sec=index + 1, nanosec=0)
    return store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="cam")


@pytest.fixture
def finished(clip, channel_model, tmp_path):
    output = tmp_path / "out"
    run = demo(str(clip), "-o", str(output), "--model", str(channel_model), "--rate", "10")
    assert run.returncode == 0, run.stdout + run.stderr
    return run, output


def test_report_recording_and_pictures(finished, channel_model) -> None:
    run, output = finished
    report = json.loads((output / "report.json").read_text())
    assert report["frames_in"] == FRAMES
    lost = sum(report[fate] for fate in ("superseded", "stale", "failed", "lost_in_transport"))
    assert report["frames_out"] == FRAMES - lost
    assert report["frames_out"] >= FRAMES // 2
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]
    assert report["fps"] == pytest.approx(10, rel=0.4)
    assert report["model"] == "channel"
    assert f"{FRAMES} in, {report['frames_out']} out" in run.stdout

    labels = dict(recording.labels(output / "labelled"))
    camera = dict(recording.camera(output / "labelled"))
    assert len(labels) == report["frames_out"]
    # Blue tells the frames apart; JPEG keeps it within a few counts.
    indices = {stamp: round(camera[stamp][..., 2].mean() / 20) for stamp in labels}
    expected = {index: truth(index) for index in indices.values()}
    for stamp, label in labels.items():
        np.testing.assert_array_equal(label[2:], expected[indices[stamp]][2:])
    assert report["miou"] == pytest.approx(mean_iou(labels, indices), abs=1e-9)

    sheet = cv2.imread(str(output / "contact_sheet.png"))
    assert sheet.shape[1] == 4 * (360 + 4)
    video = cv2.VideoCapture(str(output / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) >= report["frames_out"] - 1
    assert (output / "labelled" / "metadata.yaml").exists()
    with Reader(output / "labelled") as reader:
        assert {LABEL, f"{CAMERA}/compressed"} <= set(reader.topics)


def mean_iou(labels, indices) -> float:
    """Slow and plain, over the recorded frames."""
    ious = []
    for wanted in range(3):
        union = overlap = 0
        for stamp, label in labels.items():
            true = truth(indices[stamp])
            valid = true < 3
            overlap += np.sum((true == wanted) & (label == wanted) & valid)
            union += np.sum(((true == wanted) | (label == wanted)) & valid)
        if union:
            ious.append(overlap / union)
    return float(np.mean(ious))


def test_fails_loudly_if_no_label_comes(channel_model, tmp_path) -> None:
    bag = tmp_path / "bag"
    store = typestore()
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/cam/image_raw", IMAGE_TYPE, typestore=store)
        for index in range(3):
            message = store.types[IMAGE_TYPE](
                header=header(store, index), height=4, width=4, encoding="yuv999",
                is_bigendian=0, step=12, data=np.zeros(48, np.uint8),
            )  # fmt: skip
            nanoseconds = (index + 1) * 1_000_000_000
            writer.write(connection, nanoseconds, store.serialize_cdr(message, IMAGE_TYPE))
    run = demo(str(bag), "-o", str(tmp_path / "out"), "--model", str(channel_model), "--rate", "5")
    assert run.returncode == 1
    assert "published 3 images and no label came back" in run.stderr
    assert "yuv999" in run.stderr + run.stdout
    assert "Traceback" not in run.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text())["failed"] >= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere"),
        (("--model", "nothing"), "no model 'nothing'"),
    ],
)
def test_mistakes_are_told_before_anything_starts(
    tmp_path, channel_model, arguments, words
) -> None:
    if "--model" not in arguments:
        arguments = (*arguments, "--model", str(channel_model))
    run = demo(*arguments, "-o", str(tmp_path / "out"))
    assert run.returncode == 1
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()
