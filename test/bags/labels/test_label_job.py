# SPDX-License-Identifier: Apache-2.0
"""Windows of recordings to files of labels."""

import pickle
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.label_job import Destination, LabelJob
from segnet_ros.bags.labels.label_plan import LabelOptions
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import cut
from segnet_ros.bags.work import Outcome, Task
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.bags.writing.vision_messages import label_type_store

Pixels = npt.NDArray[np.uint8]
CAMERA, CHATTER = "/camera/image_raw", "/chatter"
SECOND = 1_000_000_000
CHANNELS = np.array([(200, 10, 20), (30, 210, 40), (50, 60, 220)], np.uint8)


def solid(channel: int) -> Pixels:
    return np.full((24, 32, 3), CHANNELS[channel], np.uint8)


def camera(time_ns: int, channel: int) -> RecordedMessage:
    cdr = frame_message(solid(channel), True, time_ns - 7, f"frame_{channel}")
    return RecordedMessage(CAMERA, time_ns, cdr)


def record(path: Path, messages: list[RecordedMessage]) -> str:
    topics = [new_topic(CAMERA, IMAGE_TYPE), new_topic(CHATTER, "std_msgs/msg/String")]
    with SegmentWriter(path, topics, {}) as writer:
        for message in messages:
            writer.write(message)
    return str(path)


def job(bag: str, model: Path, folder: Path, **options: Any) -> LabelJob:
    folder.mkdir(exist_ok=True)
    destination = Destination(str(folder / "labels"), str(folder))
    return LabelJob(
        ModelChoice(str(model), "openvino"), LabelOptions(**options), {bag: destination}
    )


def windows(bag: str) -> list[Task]:
    with Recording(bag) as recording:
        return [Task(bag, window) for window in cut(recording.start_ns, recording.stop_ns)]


def work(given: LabelJob, bag: str) -> list[Outcome[Any]]:
    with closing(given.start()) as worker:
        return [worker.work(task, lambda _: None) for task in windows(bag)]


def written(folder: Path, index: int) -> list[RecordedMessage]:
    with Recording(str(folder / f"labels_{index}.mcap")) as recording:
        return [m for m in recording.messages() if isinstance(m, RecordedMessage)]


def pictures(messages: list[RecordedMessage], output: str) -> Iterator[tuple[int, str, Pixels]]:
    """Stamp, frame and pixels."""
    for message in messages:
        if message.topic == f"/segmentation/{output}/compressed":
            content: Any = label_type_store().deserialize_cdr(
                message.cdr, "sensor_msgs/msg/CompressedImage"
            )
            stamp = content.header.stamp.sec * SECOND + content.header.stamp.nanosec
            pixels = np.asarray(cv2.imdecode(content.data, cv2.IMREAD_UNCHANGED), np.uint8)
            yield stamp, content.header.frame_id, pixels


def test_every_frame_is_labelled_under_its_own_stamp(channel_model: Path, tmp_path: Path) -> None:
    times = [SECOND + step * SECOND // 2 for step in range(5)]
    frames = [camera(time, index % 3) for index, time in enumerate(times)]
    bag = record(tmp_path / "a.mcap", frames)
    (outcome,) = work(job(bag, channel_model, tmp_path / "out"), bag)
    assert (outcome.frames, outcome.faults) == (5, ())
    messages = written(tmp_path / "out", 0)
    assert [m.time_ns for m in messages] == sorted(m.time_ns for m in messages)
    for output, expected in (("label", [0, 1, 2, 0, 1]), ("confidence", [200, 210, 220, 200, 210])):
        found = list(pictures(messages, output))
        assert [(stamp, frame) for stamp, frame, _ in found] == [
            (time - 7, f"frame_{index % 3}") for index, time in enumerate(times)
        ]
        for (_, _, pixels), value in zip(found, expected, strict=True):
            np.testing.assert_array_equal(pixels, np.full((24, 32), value))
    assert [m.time_ns for m in messages if "overlay" in m.topic] == times


def test_every_window_says_what_its_labels_mean(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [camera(SECOND, 0), camera(12 * SECOND, 1)])
    outcomes = work(job(bag, channel_model, tmp_path / "out"), bag)
    assert [outcome.value.name for outcome in outcomes] == ["labels_0.mcap", "labels_1.mcap"]
    for index, time in ((0, SECOND), (1, 12 * SECOND)):
        first, second = written(tmp_path / "out", index)[:2]
        assert [first.topic, second.topic] == [
            "/segmentation/label_info",
            "/segmentation/model_info",
        ]
        assert first.time_ns == second.time_ns == time


def test_a_window_without_messages_has_no_file(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [camera(SECOND, 0), camera(25 * SECOND, 1)])
    outcomes = work(job(bag, channel_model, tmp_path / "out"), bag)
    assert [(outcome.frames, outcome.value is None) for outcome in outcomes] == [
        (1, False),
        (0, True),
        (1, False),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "labels_0.mcap",
        "labels_2.mcap",
    ]


def test_the_recordings_messages_are_copied_as_they_are(
    channel_model: Path, tmp_path: Path
) -> None:
    damaged = RecordedMessage(CAMERA, 3 * SECOND, camera(0, 0).cdr[:200])
    chatter = RecordedMessage(CHATTER, 2 * SECOND, b"\0\1\0\0\3\0\0\0hi\0")
    original = [camera(SECOND, 0), chatter, damaged, camera(4 * SECOND, 1)]
    bag = record(tmp_path / "a.mcap", original)
    (outcome,) = work(job(bag, channel_model, tmp_path / "out", keep_original=True), bag)
    messages = written(tmp_path / "out", 0)
    assert [m for m in messages if not m.topic.startswith("/segmentation")] == original
    assert outcome.frames == 2
    (fault,) = outcome.faults
    assert (fault.topic, fault.time_ns, fault.lost) == (CAMERA, 3 * SECOND, 1)


def test_without_the_originals_a_damaged_image_leaves_nothing(
    channel_model: Path, tmp_path: Path
) -> None:
    damaged = RecordedMessage(CAMERA, 3 * SECOND, camera(0, 0).cdr[:200])
    bag = record(tmp_path / "a.mcap", [camera(SECOND, 0), damaged])
    (outcome,) = work(job(bag, channel_model, tmp_path / "out", outputs=("label",)), bag)
    assert outcome.value.counts == {
        "/segmentation/label/compressed": 1,
        "/segmentation/label_info": 1,
        "/segmentation/model_info": 1,
    }
    assert len(outcome.faults) == 1


def test_a_bayesian_model_tells_its_uncertainty(
    bayesian_channel_model: Path, tmp_path: Path
) -> None:
    bag = record(tmp_path / "a.mcap", [camera(SECOND, 1)])
    work(job(bag, bayesian_channel_model, tmp_path / "out"), bag)
    ((_, _, uncertainty),) = pictures(written(tmp_path / "out", 0), "uncertainty")
    np.testing.assert_array_equal(uncertainty, np.full((24, 32), 30))


def test_flicker_is_seen_across_the_border_of_two_windows(
    channel_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differing(_: Pixels, __: Pixels, before: Pixels, now: Pixels) -> SimpleNamespace:
        return SimpleNamespace(mask=np.where(before != now, np.uint8(255), np.uint8(0)))

    # The model is too small for optical flow.
    monkeypatch.setattr("segnet_ros.bags.labels.label_encoding.flicker", differing)
    times = [SECOND, 10 * SECOND + SECOND // 2, 11 * SECOND + 9, 11 * SECOND + 10]
    frames = [camera(time, channel) for time, channel in zip(times, (0, 0, 1, 1), strict=True)]
    bag = record(tmp_path / "a.mcap", frames)
    given = job(bag, channel_model, tmp_path / "out", outputs=("flicker",))
    first, second = work(given, bag)
    assert (first.frames, first.value) == (2, None)  # nine seconds apart
    assert (second.frames, second.value.counts["/segmentation/flicker/compressed"]) == (2, 2)
    masks = pictures(written(tmp_path / "out", 1), "flicker")
    assert [(stamp + 7, pixels.min(), pixels.max()) for stamp, _, pixels in masks] == [
        (times[2], 255, 255),
        (times[3], 0, 0),
    ]


def test_uncertainty_of_another_model_is_refused(channel_model: Path, tmp_path: Path) -> None:
    given = job("a.mcap", channel_model, tmp_path / "out", outputs=("uncertainty",))
    with pytest.raises(BagError, match="channel does not tell its uncertainty"):
        given.start()


def test_a_task_gives_the_same_bytes_again_and_elsewhere(
    channel_model: Path, tmp_path: Path
) -> None:
    frames = [camera(SECOND + index, index % 3) for index in range(20)]
    bag = record(tmp_path / "a.mcap", frames)
    given = job(bag, channel_model, tmp_path / "out")
    (task,) = windows(bag)
    elsewhere: LabelJob = pickle.loads(pickle.dumps(given))
    with closing(given.start()) as worker, closing(elsewhere.start()) as other:
        outcomes = [each.work(task, lambda _: None) for each in (worker, worker, other)]
    assert outcomes[0].value is not None
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_progress_counts_frames(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", [camera(SECOND + index, 0) for index in range(7)])
    done: list[int] = []
    with closing(job(bag, channel_model, tmp_path / "out").start()) as worker:
        worker.work(windows(bag)[0], done.append)
    assert done == [1] * 7
