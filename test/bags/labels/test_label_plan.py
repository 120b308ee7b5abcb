# SPDX-License-Identifier: Apache-2.0
"""What is written of a recording's labels."""

from pathlib import Path

import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.label_plan import LabelOptions, plan_labels
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter

LEFT, RIGHT = "/left/image_raw", "/right/image_raw/compressed"
LABEL = "/segmentation/label/compressed"


def recorded(path: Path, **topics: str) -> Recording:
    kinds = {LEFT: IMAGE_TYPE, RIGHT: COMPRESSED_IMAGE_TYPE, LABEL: COMPRESSED_IMAGE_TYPE}
    names = [LEFT, *topics.values()]
    with SegmentWriter(path, [new_topic(name, kinds[name]) for name in names], {}) as writer:
        for name in names:
            writer.write(RecordedMessage(name, 1, b"\0\1\0\0"))
    return Recording(str(path))


@pytest.mark.parametrize(
    ("wanted", "bayesian", "outputs"),
    [
        ((), False, ["label", "confidence", "overlay"]),
        ((), True, ["label", "confidence", "overlay", "uncertainty"]),
        (("overlay", "label"), True, ["label", "overlay"]),
        (("uncertainty", "flicker"), True, ["uncertainty", "flicker"]),
    ],
)
def test_outputs(wanted: tuple[str, ...], bayesian: bool, outputs: list[str]) -> None:
    assert LabelOptions(outputs=wanted).chosen_outputs("some", bayesian) == outputs


def test_uncertainty_needs_a_model_that_tells_it() -> None:
    with pytest.raises(BagError, match=r"some does not tell its uncertainty; expected a Bayesian"):
        LabelOptions(outputs=("uncertainty",)).chosen_outputs("some", bayesian=False)


def test_a_single_camera_has_the_nodes_topics(tmp_path: Path) -> None:
    with recorded(tmp_path / "a.mcap") as recording:
        plan = plan_labels(recording, LabelOptions(), ["label", "overlay"])
    assert plan.cameras == {LEFT: ""}
    assert [(topic.name, topic.type) for topic in plan.topics] == [
        ("/segmentation/label/compressed", "sensor_msgs/msg/CompressedImage"),
        ("/segmentation/overlay/compressed", "sensor_msgs/msg/CompressedImage"),
        ("/segmentation/label_info", "vision_msgs/msg/LabelInfo"),
        ("/segmentation/model_info", "std_msgs/msg/String"),
    ]


def test_several_cameras_have_topics_under_their_names(tmp_path: Path) -> None:
    with recorded(tmp_path / "a.mcap", other=RIGHT) as recording:
        plan = plan_labels(recording, LabelOptions(all_images=True), ["label"])
    assert plan.cameras == {LEFT: "left", RIGHT: "right"}
    assert [topic.name for topic in plan.topics if "compressed" in topic.name] == [
        "/segmentation/left/label/compressed",
        "/segmentation/right/label/compressed",
    ]


def test_the_recordings_own_topics_come_first_as_they_are(tmp_path: Path) -> None:
    with recorded(tmp_path / "a.mcap", other=RIGHT) as recording:
        options = LabelOptions(topics=(RIGHT,), keep_original=True)
        plan = plan_labels(recording, options, ["label"])
        assert [*plan.topics[:2]] == [recording.topics[LEFT], recording.topics[RIGHT]]


def test_a_labelled_recording_is_not_labelled_over_itself(tmp_path: Path) -> None:
    with recorded(tmp_path / "a.mcap", other=LABEL) as recording:
        options = LabelOptions(topics=(LEFT,), keep_original=True)
        with pytest.raises(BagError, match=rf"has {LABEL} itself.*labelled already"):
            plan_labels(recording, options, ["label"])
        assert plan_labels(recording, LabelOptions(topics=(LEFT,)), ["label"]).cameras
