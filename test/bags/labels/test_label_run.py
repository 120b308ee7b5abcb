# SPDX-License-Identifier: Apache-2.0
"""Recordings that are to be labelled."""

from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.label_plan import LabelOptions
from segnet_ros.bags.labels.label_run import LabelRun, find_targets, open_run
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter

CAMERA = "/camera/image_raw"
SECOND = 1_000_000_000


def record(path: Path, seconds: list[int]) -> str:
    path.parent.mkdir(exist_ok=True)
    with SegmentWriter(path, [new_topic(CAMERA, IMAGE_TYPE)], {}) as writer:
        for second in seconds:
            writer.write(RecordedMessage(CAMERA, second * SECOND, b"\0\1\0\0"))
    return str(path)


def opened(bag: str, target: Path, model: Path, **options: object) -> LabelRun:
    choice = ModelChoice(str(model), "openvino")
    return open_run(bag, str(target), choice, LabelOptions(**options), resume=False)  # type: ignore[arg-type]


def test_a_single_recording_is_labelled_into_the_place_itself(tmp_path: Path) -> None:
    bag = record(tmp_path / "day" / "a.mcap", [1])
    assert find_targets([bag], "out") == [(bag, "out")]


def test_several_recordings_are_labelled_into_folders_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    bags = [record(tmp_path / "day" / name / f"{name}_0.mcap", [1]) for name in ("b", "a")]
    assert find_targets([str(tmp_path / "day")], "out") == [
        (str(Path(bags[1]).parent), "out/a"),
        (str(Path(bags[0]).parent), "out/b"),
    ]


def test_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    bags = [record(tmp_path / day / "a.mcap", [1]) for day in ("monday", "tuesday")]
    with pytest.raises(BagError, match=r"several recordings are called a; expected a name of its"):
        find_targets(bags, "out")


@pytest.mark.parametrize("output", [".", "labels"])
def test_labels_do_not_go_among_the_recordings(tmp_path: Path, output: str) -> None:
    record(tmp_path / "day" / "a.mcap", [1])
    with pytest.raises(BagError, match=r"lies in .*day.*; expected a place outside"):
        find_targets([str(tmp_path / "day")], str(tmp_path / "day" / output))


def test_what_is_to_do_is_known_before_a_model_is_loaded(
    channel_model: Path, tmp_path: Path
) -> None:
    bag = record(tmp_path / "day" / "a.mcap", [1, 2, 12, 31])
    run = opened(bag, tmp_path / "out", channel_model)
    with run.output:
        assert run.frames == 4
        assert [task.window.index for task in run.tasks] == [0, 1, 2, 3]
        assert run.destination.location == str(tmp_path / "out")
        assert run.destination.staging == run.output.staging
    assert not (tmp_path / "out").exists()


def test_what_a_model_cannot_tell_is_refused_at_once(channel_model: Path, tmp_path: Path) -> None:
    bag = record(tmp_path / "day" / "a.mcap", [1])
    with pytest.raises(BagError, match="does not tell its uncertainty"):
        opened(bag, tmp_path / "out", channel_model, outputs=("uncertainty",))


def test_bayesian_models_are_told_apart_without_loading_them(
    channel_model: Path, bayesian_channel_model: Path, tmp_path: Path
) -> None:
    bag = record(tmp_path / "day" / "a.mcap", [1])
    for name, model in (("plain", channel_model), ("bayesian", bayesian_channel_model)):
        with opened(bag, tmp_path / name, model).output as output:
            output.commit(None, 0, [])
            output.finish()
        listed = (tmp_path / name / "metadata.yaml").read_text()
        assert ("/segmentation/uncertainty/compressed" in listed) == (name == "bayesian")
