# SPDX-License-Identifier: Apache-2.0
"""Windows of recordings to scores of frames."""

import math
import pickle
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.mining.descriptor import describe
from segnet_ros.bags.mining.mine_job import MineJob, Scored
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Outcome, Task
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.inference.model import GRAPH, file_sha256, load_model, save_description
from segnet_ros.simulation.drive import StreetDrive

Pixels = npt.NDArray[np.uint8]
FRONT, REAR = "/front/image_raw", "/rear/image_raw"
SECOND = 1_000_000_000


def solid(red: int, green: int, blue: int = 0) -> Pixels:
    return np.full((12, 16, 3), (red, green, blue), np.uint8)


def image(time_ns: int, pixels: Pixels, topic: str = FRONT) -> RecordedMessage:
    return RecordedMessage(topic, time_ns, frame_message(pixels, True, time_ns - 7, "camera"))


def record(path: Path, messages: Iterable[RecordedMessage]) -> str:
    topics = [new_topic(name, IMAGE_TYPE) for name in (FRONT, REAR)]
    with SegmentWriter(path, topics, {}) as writer:
        for message in messages:
            writer.write(message)
    return str(path)


def job(model: Path, *criteria: str, against: Path | None = None, **options: Any) -> MineJob:
    second = ModelChoice(str(against), "openvino") if against else None
    wanted = criteria or ("confidence",)
    return MineJob(ModelChoice(str(model), "openvino"), second, wanted, 0.5, **options)


def work(given: MineJob, bag: str, *windows: tuple[int, int]) -> list[Outcome[Scored]]:
    with closing(given.start()) as worker:
        tasks = [Task(bag, Window(k, *window)) for k, window in enumerate(windows)]
        return [worker.work(task, lambda _: None) for task in tasks]


@pytest.fixture(scope="module")
def large_channel_model(channel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`channel_model` for pictures of 160 x 120, which optical flow needs."""
    import onnx

    folder = tmp_path_factory.mktemp("models") / "large_channel"
    folder.mkdir()
    graph = onnx.load(channel_model / GRAPH)
    for tensor in (*graph.graph.input, *graph.graph.output):
        sides = tensor.type.tensor_type.shape.dim
        sides[1].dim_value, sides[2].dim_value = 120, 160
    onnx.save(graph, folder / GRAPH)
    sha256 = file_sha256(folder / GRAPH)
    save_description(
        replace(load_model(channel_model), size=(160, 120), sha256=sha256, folder=folder)
    )
    return folder


def test_every_frame_is_scored(channel_model: Path, tmp_path: Path) -> None:
    frames = [solid(102, 0), solid(0, 204), solid(102, 0)]
    frames[2][:3] = 255  # a quarter is white: red, and certain
    times = [SECOND, 2 * SECOND, 3 * SECOND]
    bag = record(tmp_path / "a.mcap", map(image, times, frames))
    given = pickle.loads(pickle.dumps(job(channel_model)))
    (outcome,) = work(given, bag, (0, 10 * SECOND))
    assert (outcome.frames, outcome.faults) == (3, ())
    rows = pickle.loads(pickle.dumps(outcome.value))
    assert [(row.bag, row.topic, row.time_ns, row.stamp_ns) for row in rows] == [
        (bag, FRONT, time, time - 7) for time in times
    ]
    confidences = [row.scores.confidence for row in rows]
    np.testing.assert_allclose(confidences, [0.4, 0.8, 0.25 + 0.75 * 0.4])
    assert [row.scores.unsure for row in rows] == [1, 0, 0.75]
    assert [row.descriptor for row in rows] == [describe(each).tobytes() for each in frames]
    assert all(math.isnan(value) for row in rows for value in row.scores[2:])


def test_windows_have_their_own_frames(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [image(k * SECOND, solid(100 + k, 0)) for k in range(1, 7)])
    whole = work(job(channel_model), bag, (0, 10 * SECOND))
    parts = work(job(channel_model), bag, (0, 3 * SECOND), (3 * SECOND, 10 * SECOND))
    assert [outcome.frames for outcome in parts] == [2, 4]
    assert parts[0].value + parts[1].value == whole[0].value


def test_cameras_are_chosen(channel_model: Path, tmp_path: Path) -> None:
    messages = [image(SECOND, solid(90, 0)), image(SECOND + 1, solid(80, 0), REAR)]
    bag = record(tmp_path / "a.mcap", messages)
    for options, topics in (
        ({"topics": (REAR,)}, [REAR]),
        ({"all_images": True}, [FRONT, REAR]),
    ):
        (outcome,) = work(job(channel_model, **options), bag, (0, 10 * SECOND))
        assert [row.topic for row in outcome.value] == topics
    with pytest.raises(BagError, match="2 image topics"):
        work(job(channel_model), bag, (0, 10 * SECOND))


def test_progress_is_told_frame_by_frame(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [image(k * SECOND, solid(90, 0)) for k in range(1, 4)])
    told: list[int] = []
    with closing(job(channel_model).start()) as worker:
        worker.work(Task(bag, Window(0, 0, 10 * SECOND)), told.append)
    assert told == [1, 1, 1]


def test_unreadable_images_are_faults(channel_model: Path, tmp_path: Path) -> None:
    good = [image(k * SECOND, solid(90, 0)) for k in (1, 2, 3)]
    good[1] = replace(good[1], cdr=good[1].cdr[:40])
    bag = record(tmp_path / "a.mcap", good)
    (outcome,) = work(job(channel_model), bag, (0, 10 * SECOND))
    assert outcome.frames == 2
    assert [(fault.topic, fault.time_ns, fault.lost) for fault in outcome.faults] == [
        (FRONT, 2 * SECOND, 1)
    ]


def test_uncertainty(bayesian_channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [image(SECOND, solid(200, 102, 51))])
    (outcome,) = work(job(bayesian_channel_model, "uncertainty"), bag, (0, 10 * SECOND))
    assert outcome.value[0].scores.uncertainty == pytest.approx(0.2)


def test_uncertainty_of_a_model_that_has_none(channel_model: Path) -> None:
    with pytest.raises(BagError, match="channel does not tell its uncertainty; expected a Bayes"):
        job(channel_model, "confidence", "uncertainty").start()


def test_disagreement(channel_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / GRAPH).write_bytes((channel_model / GRAPH).read_bytes())
    model = load_model(channel_model)
    red, green, blue = model.classes
    save_description(replace(model, classes=(green, red, blue), folder=other))
    pixels = solid(200, 0)
    pixels[:3] = (0, 0, 200)  # a quarter is blue, which both call so
    bag = record(tmp_path / "a.mcap", [image(SECOND, pixels)])
    (outcome,) = work(job(channel_model, "disagreement", against=other), bag, (0, 10 * SECOND))
    assert outcome.value[0].scores.disagreement == 0.75
    (outcome,) = work(
        job(channel_model, "disagreement", against=channel_model), bag, (0, 10 * SECOND)
    )
    assert outcome.value[0].scores.disagreement == 0


def _street(flickering: Sequence[bool]) -> list[Pixels]:
    """A standing camera; where it flickers, a tenth of the picture changes its brightest channel.

    Channels are so near that the labels change and the picture hardly does.
    """
    grey = StreetDrive(3, (160, 120)).frame(40)[0].max(axis=2).clip(2, 250)
    frames = []
    for flickers in flickering:
        frame = np.stack([grey, grey - 1, grey - 1], axis=2)
        if flickers:
            frame[60:72, :, 1] += 2
        frames.append(frame.astype(np.uint8))
    return frames


def test_flicker_is_that_against_the_frame_before(
    large_channel_model: Path, tmp_path: Path
) -> None:
    streets = _street([False, True, True, False, False, True])
    times = [0, 5, 10, 15, 30, 35]  # tenths of a second; the fifth frame comes too late
    bag = record(
        tmp_path / "a.mcap",
        [
            image(SECOND + t * SECOND // 10, pixels)
            for t, pixels in zip(times, streets, strict=True)
        ],
    )
    given = job(large_channel_model, "flicker")
    (whole,) = work(given, bag, (0, 10 * SECOND))
    flicker = [row.scores.flicker for row in whole.value]
    assert math.isnan(flicker[0])
    assert math.isnan(flicker[4])
    np.testing.assert_allclose([flicker[k] for k in (1, 2, 3, 5)], [0.1, 0, 0.1, 0.1], atol=0.02)
    cut = 16 * SECOND // 10
    parts = work(given, bag, (0, cut), (cut, 10 * SECOND))
    assert [outcome.frames for outcome in parts] == [2, 4]
    np.testing.assert_array_equal(
        [row.scores.flicker for outcome in parts for row in outcome.value], flicker
    )
