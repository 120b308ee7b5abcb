# SPDX-License-Identifier: Apache-2.0
"""Chosen frames to pictures and proposed labels."""

import pickle
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.mining.frame_scores import FrameScores
from segnet_ros.bags.mining.mining import ScoredFrame
from segnet_ros.bags.mining.proposal_job import Proposal, ProposalJob, tasks_of
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.writing.image_messages import file_message, frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter

Pixels = npt.NDArray[np.uint8]
RAW, COMPRESSED = "/front/image_raw", "/rear/image_raw/compressed"
EXIF = bytes.fromhex("ffe1002245786966000049492a0008000000010012010300010000000600000000000000")
"""A JPEG segment that says: turn me to the right."""


def picture(value: int) -> Pixels:
    """Half sure red, half unsure green."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[:, :16, 0], pixels[:, 16:, 1] = value, 100
    return pixels


def encoded(suffix: str) -> bytes:
    content: bytes = cv2.imencode(suffix, picture(200)[..., ::-1])[1].tobytes()
    return content


def record(path: Path, *messages: RecordedMessage) -> str:
    topics = [new_topic(RAW, IMAGE_TYPE), new_topic(COMPRESSED, COMPRESSED_IMAGE_TYPE)]
    with SegmentWriter(path, topics, {}) as writer:
        for message in messages:
            writer.write(message)
    return str(path)


def compressed(folder: Path, content: bytes) -> RecordedMessage:
    file = folder / "picture"
    file.write_bytes(content)
    return RecordedMessage(COMPRESSED, 50, file_message(file, False, 3, "rear"))


def raw(time_ns: int, stamp_ns: int, value: int) -> RecordedMessage:
    return RecordedMessage(RAW, time_ns, frame_message(picture(value), True, stamp_ns, "front"))


def frame(bag: str, topic: str, time_ns: int, stamp_ns: int) -> ScoredFrame:
    return ScoredFrame(bag, topic, time_ns, stamp_ns, FrameScores(1, 0), b"")


def work(model: Path, frames: Sequence[ScoredFrame]) -> list[Any]:
    given = ProposalJob(ModelChoice(str(model), "openvino", threshold=0.5), tuple(frames))
    told: list[int] = []
    with closing(pickle.loads(pickle.dumps(given)).start()) as worker:
        outcomes = [worker.work(task, told.append) for task in tasks_of(frames)]
    assert told == [1] * len(frames)
    return [pickle.loads(pickle.dumps(outcome.value)) for outcome in outcomes]


def decoded(content: bytes) -> Pixels:
    """RGB."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels[..., ::-1], np.uint8)


def check_labels(proposal: Proposal) -> None:
    expected = np.zeros((24, 32), np.uint8)
    expected[:, 16:] = 255
    np.testing.assert_array_equal(proposal.labels, expected)


def test_raw_images_become_png(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", raw(50, 3, 200))
    (found,) = work(channel_model, [frame(bag, RAW, 50, 3)])
    assert found.suffix == ".png"
    np.testing.assert_array_equal(decoded(found.content), picture(200))
    check_labels(found)
    assert (found.made_by["model"], found.made_by["source"]) == ("channel", "a.mcap")
    assert found.made_by["confidence_threshold"] == "0.5"


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images_keep_their_bytes(
    channel_model: Path, tmp_path: Path, suffix: str
) -> None:
    bag = record(tmp_path / "a.mcap", compressed(tmp_path, encoded(suffix)))
    (found,) = work(channel_model, [frame(bag, COMPRESSED, 50, 3)])
    assert (found.suffix, found.content) == (suffix, encoded(suffix))
    check_labels(found)


def test_a_jpeg_that_readers_would_turn_becomes_png(channel_model: Path, tmp_path: Path) -> None:
    jpeg = encoded(".jpg")
    turned = jpeg[:2] + EXIF + jpeg[2:]
    assert decoded(turned).shape == (32, 24, 3)
    bag = record(tmp_path / "a.mcap", compressed(tmp_path, turned))
    (found,) = work(channel_model, [frame(bag, COMPRESSED, 50, 3)])
    assert found.suffix == ".png"
    np.testing.assert_array_equal(decoded(found.content), decoded(jpeg))
    check_labels(found)


def test_topic_time_and_stamp_find_the_frame(channel_model: Path, tmp_path: Path) -> None:
    others = [raw(49, 2, 180), raw(50, 2, 190), raw(50, 3, 200), raw(51, 4, 210)]
    bag = record(tmp_path / "a.mcap", compressed(tmp_path, encoded(".png")), *others)
    wanted = [frame(bag, RAW, 50, 3), frame(bag, COMPRESSED, 50, 3), frame(bag, RAW, 51, 4)]
    contents = [each.content for each in work(channel_model, wanted)]
    reds = [int(decoded(content)[0, 0, 0]) for content in contents]
    assert reds == [200, 200, 210]
    assert contents[1] == encoded(".png")


def test_a_frame_that_is_gone(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "a.mcap", raw(50, 3, 200))
    assert work(channel_model, [frame(bag, RAW, 50, 4), frame(bag, RAW, 60, 3)]) == [None, None]
