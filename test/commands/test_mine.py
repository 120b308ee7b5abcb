# SPDX-License-Identifier: Apache-2.0
"""`segnet mine`: from recordings to a dataset that can be trained on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("rosbags", reason="needs rosbags: pip install 'segnet_ros[bag]'")

from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.cli import main
from segnet_ros.datasets.frames import read_frame
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.inference.files import write_image

TOPIC = "/front/image_raw"
SECOND = 1_000_000_000

Values = list[tuple[int, int]]


def picture(confidence: int, place: int) -> Any:
    """A white square on red; its place makes the look."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[..., 0] = confidence
    row, column = divmod(place, 3)
    pixels[8 * row : 8 * row + 8, 10 * column : 10 * column + 10] = 255
    return pixels


def image(time_ns: int, confidence: int, place: int) -> RecordedMessage:
    pixels = picture(confidence, place)
    return RecordedMessage(TOPIC, time_ns, frame_message(pixels, True, time_ns, "front"))


def record(path: Path, frames: Values, damaged: bool = False) -> Path:
    """Frames of (confidence, place), one each two seconds."""
    with SegmentWriter(path, [new_topic(TOPIC, IMAGE_TYPE)], {}) as writer:
        for index, (confidence, place) in enumerate(frames):
            message = image((1 + 2 * index) * SECOND, confidence, place)
            bad = damaged and index == 0
            writer.write(replace(message, cdr=message.cdr[:30]) if bad else message)
    return path


def mine(model: Path, output: Path, *arguments: object) -> int:
    given = ["--model", str(model), "--runtime", "openvino", "-o", str(output)]
    return main(["mine", *map(str, arguments), *given])


def report(output: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((output / "mined.json").read_text())
    return document


def chosen(output: Path) -> list[tuple[str, int]]:
    """Recordings and seconds, the most worth labelling first."""
    frames = report(output)["frames"]
    return [(Path(each["bag"]).stem, each["time_ns"] // SECOND) for each in frames]


def test_worst_frames_of_all_recordings(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drives = tmp_path / "drives"
    for name, frames in (
        ("one", [(240, 0), (90, 1), (200, 2)]),
        # Those at 3 s look like others: of the worst, and of a better one.
        ("two", [(110, 3), (100, 1), (230, 4)]),
    ):
        (drives / name).mkdir(parents=True)
        record(drives / name / f"{name}.mcap", frames)
    output = tmp_path / "mined"
    assert mine(channel_model, output, drives, "--count", 3) == 0
    assert chosen(output) == [("one", 3), ("two", 1), ("one", 5)]
    assert capsys.readouterr().out == f"3 of 6 frames are in {output}\n"
    facts = report(output)
    assert (facts["by"], facts["frames_seen"]) == (["confidence"], 6)

    labelled = find_frames(output, "train")
    assert [(frame.image_path.name, frame.sequence) for frame in labelled] == [
        ("one_camera_3000000000.png", "one"),
        ("one_camera_5000000000.png", "one"),
        ("two_camera_1000000000.png", "two"),
    ]
    pixels, labels = read_frame(labelled[0])
    np.testing.assert_array_equal(pixels, picture(90, 1))
    # 90 of 255 is unsure; the white square is surely red, the first of equal channels.
    np.testing.assert_array_equal(labels, np.where(picture(90, 1)[..., 1] == 255, 0, 255))
    np.testing.assert_array_equal(read_frame(labelled[1])[1], np.zeros((24, 32)))


def test_the_result_can_be_evaluated_and_mined_no_more(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = record(tmp_path / "a.mcap", [(150, place) for place in range(4)])
    first, second = tmp_path / "first", tmp_path / "second"
    assert mine(channel_model, first, bag, "--count", 3) == 0
    arguments = ["--data", str(first), "--split", "train", "--model", str(channel_model)]
    assert main(["evaluate", *arguments]) == 0
    assert "global accuracy 100.0" in capsys.readouterr().out
    assert mine(channel_model, second, bag, "--known", first) == 0
    assert chosen(first) == [("a", 1), ("a", 3), ("a", 5)]
    assert chosen(second) == [("a", 7)]
    assert "1 of 4 frames are in" in (told := capsys.readouterr().out)
    assert "99 fewer than wanted, the others are too alike or too near in time" in told
    assert mine(channel_model, tmp_path / "third", bag, "--known", first, "--known", second) == 1
    assert "none of 4 frames is worth labelling by confidence" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def test_repeated_runs_are_identical(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [(150, place) for place in range(8)])
    contents = []
    for number in ("1", "2"):
        output = tmp_path / number / "mined"
        assert mine(channel_model, output, bag) == 0
        files = sorted(path for path in output.rglob("*") if path.is_file())
        contents.append([(path.relative_to(output), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4 + 3 * 8


def test_distances_can_be_chosen(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [(90, 0), (91, 0), (92, 1), (93, 2)])
    for options, seconds in (
        ([], [1, 5, 7]),
        (["--min-difference", 0], [1, 3, 5, 7]),
        (["--min-difference", 0, "--min-gap", 3], [1, 5]),
        (["--min-gap", 4.5], [1, 7]),
    ):
        output = tmp_path / "-".join(["out", *map(str, options)])
        assert mine(channel_model, output, bag, *options) == 0
        assert [time for _, time in chosen(output)] == seconds


def test_two_models(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = record(tmp_path / "a.mcap", [(150, place) for place in range(3)])
    output = tmp_path / "mined"
    assert mine(channel_model, output, bag, "--against", channel_model) == 0
    facts = report(output)
    assert (facts["by"], facts["against"]) == (["confidence", "disagreement"], str(channel_model))
    assert [each["disagreement"] for each in facts["frames"]] == [0, 0, 0]
    assert mine(channel_model, tmp_path / "b", bag, "--by", "confidence", "disagreement") == 1
    assert "without --against; expected --against MODEL" in capsys.readouterr().err
    alone = ["--by", "confidence", "--against", channel_model]
    assert mine(channel_model, tmp_path / "c", bag, *alone) == 1
    assert "came with --against; expected" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mcap", "mined"]


def test_uncertainty_of_a_model_that_has_none(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = record(tmp_path / "a.mcap", [(150, 0)])
    assert mine(channel_model, tmp_path / "mined", bag, "--by", "uncertainty") == 1
    assert "channel does not tell its uncertainty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


def test_an_existing_output_is_refused_before_any_work(
    tmp_path: Path, channel_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = record(tmp_path / "a.mcap", [(150, 0)])
    (tmp_path / "mined").mkdir()
    write_image(tmp_path / "mined/mine.png", np.zeros((2, 2), np.uint8))
    assert mine(channel_model, tmp_path / "mined", bag) == 1
    error = capsys.readouterr().err
    assert "mined exists; expected a new folder" in error
    assert "frames" not in error
    assert [path.name for path in (tmp_path / "mined").iterdir()] == ["mine.png"]


def test_faults_are_told(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = record(tmp_path / "a.mcap", [(150, 0), (150, 1)], damaged=True)
    assert mine(channel_model, tmp_path / "mined", bag) == 3
    assert chosen(tmp_path / "mined") == [("a", 3)]
    assert f"skipped: {TOPIC} at 1.000: " in capsys.readouterr().err
