# SPDX-License-Identifier: Apache-2.0
"""Where labels come from."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from segnet_ros.bags.labels.provenance import (
    model_info_of,
    provenance,
    recording_name,
    run_identity,
    tool_version,
)
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.inference.labelling import Labelling
from segnet_ros.inference.model import load_model

OPTIONS = {"topics": ["/camera/image_raw"], "label_size": "camera", "overlay_alpha": 0.5}


@pytest.fixture
def labelling(channel_model: Path) -> Iterator[Labelling]:
    labelling = ModelChoice(str(channel_model), "openvino", threshold=0.25).load()
    yield labelling
    labelling.model.retire()


def recorded(path: Path, times_ns: list[int]) -> str:
    with SegmentWriter(path, [new_topic("/chatter", "std_msgs/msg/String")], {}) as writer:
        for time in times_ns:
            writer.write(RecordedMessage("/chatter", time, b"\0\1\0\0\1\0\0\0\0"))
    return str(path)


def test_it_names_what_made_the_labels(labelling: Labelling, channel_model: Path) -> None:
    sha256 = load_model(channel_model).sha256
    facts = provenance(labelling, "drive", OPTIONS)
    assert facts.pop("runtime") == labelling.model.segmenter.runtime
    assert facts.pop("precision") in ("bf16", "f32")
    assert facts == {
        "version": tool_version(),
        "model": "channel",
        "sha256": sha256,
        "graph_sha256": sha256,
        "taxonomy": "",
        "confidence_threshold": "0.25",
        "source": "drive",
        "topics": '["/camera/image_raw"]',
        "label_size": "camera",
        "overlay_alpha": "0.5",
    }
    assert str(channel_model.parent) not in json.dumps(facts)


def test_a_tensorrt_engine_names_the_graph_that_ran(labelling: Labelling) -> None:
    fingerprint = SimpleNamespace(onnx_sha256="ab" * 32, precision="int8")
    segmenter = SimpleNamespace(
        model=labelling.model.segmenter.model,
        runtime="TensorRT 10.9 Orin fp16 (int8 layers: 8)",
        engine=SimpleNamespace(fingerprint=fingerprint),
    )
    loaded = cast("Any", SimpleNamespace(segmenter=segmenter))
    facts = provenance(replace(labelling, model=loaded), "drive", {})
    assert (facts["graph_sha256"], facts["precision"]) == ("ab" * 32, "int8")
    assert facts["sha256"] == labelling.model.segmenter.model.sha256


def test_model_info_is_the_nodes_with_the_provenance_in_it(labelling: Labelling) -> None:
    made_by = provenance(labelling, "drive", OPTIONS)
    facts = json.loads(model_info_of(labelling, made_by))
    assert facts["provenance"] == made_by
    assert [item["name"] for item in facts["classes"]] == ["red", "green", "blue"]
    assert facts["confidence_threshold"] == 0.25


def test_the_identity_of_a_run_tells_models_and_recordings_apart(
    channel_model: Path, camvid_channel_model: Path, tmp_path: Path
) -> None:
    choice = ModelChoice(str(channel_model), "openvino")
    first = recorded(tmp_path / "a.mcap", [1, 2])
    with Recording(first) as recording:
        identity = run_identity(choice, recording, OPTIONS)
        named_otherwise = replace(choice, model=str(camvid_channel_model))
        other_model = run_identity(named_otherwise, recording, OPTIONS)
        other_taxonomy = run_identity(replace(choice, taxonomy="driving"), recording, OPTIONS)
        assert run_identity(choice, recording, OPTIONS) == identity
    assert _differing(identity, other_model) == {"model"}
    assert _differing(identity, other_taxonomy) == {"taxonomy", "taxonomy_sha256"}
    with Recording(recorded(tmp_path / "b.mcap", [1, 3])) as recording:
        assert _differing(identity, run_identity(choice, recording, OPTIONS)) == {
            "source",
            "source_span",
        }
    assert json.loads(json.dumps(identity)) == identity


def _differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("some/drive_1", "drive_1"),
        ("some/drive_1/", "drive_1"),
        ("drive.mcap", "drive"),
        ("drive.db3.zstd", "drive"),
        ("s3://fleet/day/drive_2.mcap", "drive_2"),
    ],
)
def test_recordings_are_called_by_their_folder_or_file(location: str, name: str) -> None:
    assert recording_name(location) == name
