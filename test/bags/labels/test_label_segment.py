# SPDX-License-Identifier: Apache-2.0
"""The file of a window's labels."""

from pathlib import Path

import pytest
from mcap.reader import make_reader

from segnet_ros.bags.labels.label_segment import LabelledFrame, LabelSegment
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.writing.new_topics import new_topic

TOPICS = [new_topic(name, "std_msgs/msg/String") for name in ("/info", "/label", "/chatter")]
STRING = b"\0\1\0\0\1\0\0\0\0"


def message(topic: str, time_ns: int) -> RecordedMessage:
    return RecordedMessage(topic, time_ns, STRING)


def segment(path: Path) -> LabelSegment:
    def infos(time_ns: int) -> list[RecordedMessage]:
        return [message("/info", time_ns)]

    return LabelSegment(str(path), TOPICS, {"model": "some"}, False, infos)


def test_infos_come_first_with_the_time_of_the_first_message(tmp_path: Path) -> None:
    frame = LabelledFrame([message("/label", 7), message("/label", 7)])
    with segment(tmp_path / "a.mcap") as written:
        for item in (message("/chatter", 5), frame, Fault("broken")):
            assert written.put(item) is item
    with Recording(str(tmp_path / "a.mcap")) as recording:
        assert list(recording.messages()) == [
            message("/info", 5),
            message("/chatter", 5),
            *frame.messages,
        ]
    summary = written.summary()
    assert summary is not None
    assert (summary.name, summary.start_ns, summary.stop_ns) == ("a.mcap", 5, 8)
    with (tmp_path / "a.mcap").open("rb") as file:
        metadata = {each.name: each.metadata for each in make_reader(file).iter_metadata()}
    assert metadata["segnet_ros"] == {"model": "some"}


def test_without_messages_there_is_no_file(tmp_path: Path) -> None:
    with segment(tmp_path / "a.mcap") as written:
        written.put(LabelledFrame([]))
        written.put(Fault("broken"))
    assert written.summary() is None
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), segment(tmp_path / "a.mcap") as written:  # noqa: PT012
        written.put(message("/label", 7))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
