# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet label-bag`."""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from segnet_ros.bags.clip import open_clip
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.cli import main
from segnet_ros.inference.model import load_model
from segnet_ros.inference.segmenter import Segmenter

Pixels = npt.NDArray[np.uint8]
CAMERA, CHATTER = "/camera/image_raw", "/chatter"
LABEL = "/segmentation/label/compressed"
SECOND = 1_000_000_000
DAMAGED = b"\0\1\0\0 no image"


def noisy(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)


def camera(time_ns: int, topic: str = CAMERA) -> RecordedMessage:
    return RecordedMessage(topic, time_ns, frame_message(noisy(time_ns % 97), True, time_ns, "cam"))


def record(path: Path, messages: Sequence[RecordedMessage]) -> Path:
    kinds = {message.topic: IMAGE_TYPE for message in messages}
    topics = [
        new_topic(name, "std_msgs/msg/String" if name == CHATTER else kind)
        for name, kind in kinds.items()
    ]
    path.parent.mkdir(exist_ok=True)
    with SegmentWriter(path, topics, {}) as writer:
        for message in messages:
            writer.write(message)
    return path


def drive(path: Path, seconds: int = 25, topic: str = CAMERA) -> Path:
    """A frame every second, and something else with it."""
    messages = []
    for time_ns in range(SECOND, SECOND * (seconds + 1), SECOND):
        chatter = RecordedMessage(CHATTER, time_ns + 1, b"\0\1\0\0\3\0\0\0hi\0")
        messages += [camera(time_ns, topic), chatter]
    return record(path, messages)


def command(bag: Path, output: Path, model: Path, *more: str) -> list[str]:
    fixed = ["--model", str(model), "--runtime", "openvino"]
    return ["label-bag", str(bag), "-o", str(output), *fixed, *more]


def digests(bag: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bag.iterdir()}


def read(bag: Path) -> list[tuple[str, int, Any]]:
    """Topic, time and content of every message, as rosbags reads them on its own."""
    with Reader(bag) as reader:
        return [
            (connection.topic, time_ns, bytes(cdr))
            for connection, time_ns, cdr in reader.messages()
        ]


def test_labels_are_those_of_the_segmenter(channel_model: Path, tmp_path: Path) -> None:
    bag = drive(tmp_path / "drive.mcap", 12)
    assert main(command(bag, tmp_path / "out", channel_model)) == 0
    with (
        open_clip(tmp_path / "out", LABEL) as clip,
        Segmenter(channel_model, "openvino") as segmenter,
    ):
        frames = list(clip.frames())
        for index, frame in enumerate(frames):
            expected = segmenter.segment(noisy((index + 1) * SECOND % 97)).labels
            np.testing.assert_array_equal(frame.rgb()[..., 0], expected)
            assert (frame.stamp_ns, frame.frame_id) == ((index + 1) * SECOND, "cam")
    assert len(frames) == 12


def test_other_readers_open_what_was_written(channel_model: Path, tmp_path: Path) -> None:
    bag = drive(tmp_path / "drive.mcap", 12)
    assert main(command(bag, tmp_path / "out", channel_model, "--threshold", "0.5")) == 0
    messages = read(tmp_path / "out")
    counts = {name: sum(topic == name for topic, _, _ in messages) for name, _, _ in messages}
    assert counts == {
        "/segmentation/label_info": 2,
        "/segmentation/model_info": 2,
        LABEL: 12,
        "/segmentation/confidence/compressed": 12,
        "/segmentation/overlay/compressed": 12,
    }
    with (tmp_path / "out" / "out_1.mcap").open("rb") as file:
        reader = make_reader(file)
        (record_,) = (each for each in reader.iter_metadata() if each.name == "segnet_ros")
        (info,) = (m.data for _, _, m in reader.iter_messages(["/segmentation/model_info"]))
        schemas = {schema.name for schema in reader.get_summary().schemas.values()}  # type: ignore[union-attr]
    facts = json.loads(info[8:-1])
    assert facts["provenance"] == record_.metadata
    assert facts["provenance"]["source"] == "drive"
    assert facts["provenance"]["sha256"] == load_model(channel_model).sha256
    assert facts["confidence_threshold"] == 0.5
    assert "vision_msgs/msg/LabelInfo" in schemas


def test_originals_are_kept_with_what_cannot_be_decoded(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = [
        camera(SECOND),
        RecordedMessage(CHATTER, 2 * SECOND, b"\0\1\0\0\3\0\0\0hi\0"),
        RecordedMessage(CAMERA, 3 * SECOND, DAMAGED),
        camera(4 * SECOND),
    ]
    bag = record(tmp_path / "drive.mcap", original)
    assert main(command(bag, tmp_path / "out", channel_model, "--keep-original")) == 3
    kept = [entry for entry in read(tmp_path / "out") if not entry[0].startswith("/segmentation")]
    assert kept == [(m.topic, m.time_ns, m.cdr) for m in original]
    captured = capsys.readouterr()
    assert "2 frames labelled" in captured.out
    assert f"skipped: {CAMERA} at 3.000: the message of 13 bytes is no" in captured.err


def test_several_recordings_and_cameras(channel_model: Path, tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    for name in ("a", "b"):
        messages = [camera(SECOND, "/left/image_raw"), camera(SECOND + 1, "/right/image_raw")]
        (tmp_path / "day" / name).mkdir()
        record(tmp_path / "day" / name / f"{name}_0.mcap", messages)
    arguments = command(tmp_path / "day", tmp_path / "out", channel_model, "--all-images")
    assert main([*arguments, "--outputs", "label"]) == 0
    for name in ("a", "b"):
        assert [(topic, time_ns) for topic, time_ns, _ in read(tmp_path / "out" / name)][4:] == [
            ("/segmentation/left/label/compressed", SECOND),
            ("/segmentation/right/label/compressed", SECOND + 1),
        ]


def test_a_complete_one_is_not_made_again(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = drive(tmp_path / "drive.mcap", 3)
    assert main(command(bag, tmp_path / "out", channel_model)) == 0
    before = digests(tmp_path / "out")
    capsys.readouterr()
    assert main(command(bag, tmp_path / "out", channel_model)) == 1
    assert "exists; expected a new place" in capsys.readouterr().err
    assert main(command(bag, tmp_path / "out", channel_model, "--resume")) == 0
    assert "is complete already" in capsys.readouterr().out
    assert digests(tmp_path / "out") == before


def test_mistakes_are_told_before_a_model_is_loaded(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = drive(tmp_path / "drive.mcap", 1)
    for more, complaint in (
        (("--topic", CHATTER), f"has no images on {CHATTER}"),
        (("--outputs", "uncertainty"), "does not tell its uncertainty"),
        (("--taxonomy", "nonsense"), "no taxonomy 'nonsense'"),
    ):
        assert main(command(bag, tmp_path / "out", channel_model, *more)) == 1
        assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def start(
    arguments: Sequence[str], limit: int = resource.RLIMIT_FSIZE, value: int = -1
) -> subprocess.Popen[str]:
    most = resource.getrlimit(limit)[1]
    return subprocess.Popen(
        [sys.executable, "-m", "segnet_ros", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(  # noqa: PLW1509  # pytest has no other thread here
            limit, (most if value < 0 else value, most)
        ),
    )


def interrupt(arguments: Sequence[str], output: Path, files: int, number: int) -> tuple[int, str]:
    """Send a signal a random moment after some files have been committed."""
    child = start(arguments)
    while child.poll() is None and len(list(output.glob("*.mcap"))) < files:
        time.sleep(0.001)
    time.sleep(random.Random(files).uniform(0, 0.05))
    if child.poll() is None:
        os.kill(child.pid, number)
    _, errors = child.communicate()
    return child.returncode, errors


def test_more_recordings_than_files_may_be_open_at_first(
    channel_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "day").mkdir()
    for number in range(40):
        record(tmp_path / "day" / f"{number}" / "drive.mcap", [camera(SECOND)])
    arguments = command(tmp_path / "day", tmp_path / "out", channel_model)
    child = start(arguments, limit=resource.RLIMIT_NOFILE, value=40)
    _, errors = child.communicate()
    assert child.returncode == 0, errors
    assert len(list((tmp_path / "out").glob("*/metadata.yaml"))) == 40


@pytest.fixture
def long_drive(tmp_path: Path) -> Path:
    """30 windows of two frames each, with a damaged image in the first one."""
    frames = [camera(SECOND * 5 * index) for index in range(1, 61)]
    damaged = RecordedMessage(CAMERA, 5 * SECOND + 1, DAMAGED)
    return record(tmp_path / "drive.mcap", [frames[0], damaged, *frames[1:]])


def test_killed_and_resumed_it_is_the_same(
    channel_model: Path, tmp_path: Path, long_drive: Path
) -> None:
    assert main(command(long_drive, tmp_path / "whole" / "out", channel_model)) == 3
    output = tmp_path / "killed" / "out"
    arguments = command(long_drive, output, channel_model, "--resume")
    expected = read(tmp_path / "whole" / "out")
    for files in (1, 10, 20):
        code, errors = interrupt(arguments, output, files, signal.SIGKILL)
        assert code == -signal.SIGKILL, errors
        kept = read(output)
        assert len(kept) >= files * 8
        assert kept == expected[: len(kept)]
        assert (output / "resume.json").exists()
    assert main(arguments) == 3  # the damaged image was in a part done before
    assert digests(output) == digests(tmp_path / "whole" / "out")


def test_what_was_begun_otherwise_is_not_resumed(
    channel_model: Path,
    bayesian_channel_model: Path,
    tmp_path: Path,
    long_drive: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out"
    code, errors = interrupt(command(long_drive, output, channel_model), output, 2, signal.SIGINT)
    assert code == 130
    told = [line for line in errors.splitlines() if line.startswith("segnet")]
    assert len(told) == 1
    assert "go on with --resume" in told[0]
    assert "Traceback" not in errors
    other = drive(tmp_path / "other.mcap", 3)
    for bag, model, more, difference in (
        (long_drive, bayesian_channel_model, [], 'model was "channel", now is "bayesian_channel"'),
        (long_drive, channel_model, ["--alpha", "0.2"], "overlay_alpha was 0.5, now is 0.2"),
        (other, channel_model, [], 'source was "drive", now is "other"'),
    ):
        assert main(command(bag, output, model, "--resume", *more)) == 1
        assert difference in capsys.readouterr().err


def test_a_full_disk_leaves_what_was_done(channel_model: Path, tmp_path: Path) -> None:
    second_window = [camera(SECOND * 11 + index) for index in range(90)]
    bag = record(tmp_path / "drive.mcap", [camera(SECOND), *second_window])
    assert main(command(bag, tmp_path / "whole" / "out", channel_model)) == 0
    first, second = (tmp_path / "whole" / "out" / f"out_{index}.mcap" for index in (0, 1))
    limit = (first.stat().st_size + second.stat().st_size) // 2
    output = tmp_path / "full" / "out"
    child = start(command(bag, output, channel_model), value=limit)
    _, errors = child.communicate()
    assert child.returncode == 1
    assert "Traceback" not in errors
    assert "out_1.mcap cannot be written (File too large)" in errors
    assert f"{output} keeps the first 1 frames; go on with --resume" in errors
    assert len(read(output)) == 5
    assert main(command(bag, output, channel_model, "--resume")) == 0
    assert digests(output) == digests(tmp_path / "whole" / "out")
