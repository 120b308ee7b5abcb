# SPDX-License-Identifier: Apache-2.0
"""`segnet taxonomy`: the costmap parameters that it writes, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from segnet_ros.cli import main

TAXONOMY = """\
name: robot
classes:
  - {name: vulnerable, color: [230, 40, 40], cost: 254, from: [red]}
  - {name: "yes", color: [0, 170, 80], cost: 0, from: [green]}
  - {name: "1.5", color: [9, 9, 9], cost: 254, from: [blue]}
"""
LAYER = {
    "plugin": "semantic_segmentation_layer::SemanticSegmentationLayer",
    "enabled": True,
    "observation_sources": "segmentation",
    "segmentation": {
        "segmentation_topic": "/segmentation/label",
        "confidence_topic": "/segmentation/confidence",
        "labels_topic": "/segmentation/label_info",
        "pointcloud_topic": "/camera/depth_registered/points",
        "use_cost_selection": True,
        "class_types": ["cost_0", "cost_254"],
        "cost_0": {
            "classes": ["yes"],
            "base_cost": 0,
            "max_cost": 0,
            "dominant_priority": False,
        },
        "cost_254": {
            "classes": ["vulnerable", "1.5"],
            "base_cost": 254,
            "max_cost": 254,
            "dominant_priority": True,
        },
    },
}


@pytest.fixture
def taxonomy(tmp_path: Path) -> Path:
    path = tmp_path / "robot.yaml"
    path.write_text(TAXONOMY)
    return path


def _taxonomy(*arguments: object) -> int:
    return main(["taxonomy", *map(str, arguments)])


def _layer(document: str) -> dict[str, Any]:
    costmap = yaml.safe_load(document)
    layers = costmap["local_costmap"]["local_costmap"]["ros__parameters"]
    assert list(layers) == ["semantic_segmentation_layer"]
    return dict(layers["semantic_segmentation_layer"])


def test_the_layer_is_printed(
    taxonomy: Path, channel_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _taxonomy(taxonomy, "--model", channel_model) == 0
    document = capsys.readouterr().out
    assert "Taxonomy 'robot', model 'channel'." in document
    assert _layer(document) == LAYER


def test_the_layer_is_written(
    taxonomy: Path, channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "costmap.yaml"
    topics = ("--namespace", "/robot_1/segmentation/front", "--pointcloud", "/front/points")
    assert _taxonomy(taxonomy, "--model", channel_model, *topics, "-o", output) == 0
    assert f"{taxonomy} fits channel; the layer's parameters are in {output};" in (
        capsys.readouterr().out
    )
    layer = _layer(output.read_text(encoding="utf-8"))
    assert layer["observation_sources"] == "front"
    assert layer["front"] == LAYER["segmentation"] | {
        "segmentation_topic": "/robot_1/segmentation/front/label",
        "confidence_topic": "/robot_1/segmentation/front/confidence",
        "labels_topic": "/robot_1/segmentation/front/label_info",
        "pointcloud_topic": "/front/points",
    }


def test_a_shipped_taxonomy_needs_only_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert _taxonomy("sidewalk_robot") == 0
    source = _layer(capsys.readouterr().out)["segmentation"]
    assert source["class_types"] == ["cost_0", "cost_200", "cost_254"]
    assert [source[each]["classes"] for each in source["class_types"]] == [
        ["sidewalk"],
        ["road"],
        ["obstacle", "vehicle", "vulnerable"],
    ]
    priorities = [source[each]["dominant_priority"] for each in source["class_types"]]
    assert priorities == [False, False, True]


READ_BY_ROS = """
import json, sys, rclpy
rclpy.init(domain_id=int(sys.argv[2]))
node = rclpy.create_node(
    "local_costmap",
    namespace="/local_costmap",
    cli_args=["--ros-args", "--params-file", sys.argv[1]],
    automatically_declare_parameters_from_overrides=True,
)
layer = node.get_parameters_by_prefix("semantic_segmentation_layer")
print(json.dumps({name: layer[name].value for name in layer}))
node.destroy_node()
rclpy.shutdown()
"""


def test_ros_reads_what_was_written(taxonomy: Path, channel_model: Path, tmp_path: Path) -> None:
    """In a process of its own: these tests run without a ROS domain."""
    pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
    output = tmp_path / "costmap.yaml"
    assert _taxonomy(taxonomy, "--model", channel_model, "-o", output) == 0
    command = [sys.executable, "-c", READ_BY_ROS, str(output), str(1 + os.getpid() % 100)]
    read = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    parameters = json.loads(read.stdout)
    expected: dict[str, Any] = {}
    for name, value in LAYER.items():
        expected |= _flat(name, value)
    assert parameters == expected


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: each for k, v in value.items() for key, each in _flat(f"{name}.{k}", v).items()}


def test_a_taxonomy_of_another_model_is_refused(
    channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "costmap.yaml"
    assert _taxonomy("driving", "--model", channel_model, "-o", output) == 1
    error = capsys.readouterr().err
    assert error.startswith("segnet taxonomy: ")
    assert "expected only classes of channel: red, green, blue" in error
    assert not output.exists()


def test_the_taxonomy_itself_is_not_overwritten(
    taxonomy: Path,
    channel_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(taxonomy.parent)
    assert _taxonomy(taxonomy, "--model", channel_model, "-o", taxonomy.name) == 1
    assert f"{taxonomy.name} is the taxonomy itself" in capsys.readouterr().err
    assert taxonomy.read_text() == TAXONOMY


@pytest.mark.parametrize("option", ["--namespace", "--pointcloud"])
@pytest.mark.parametrize("name", ["segmentation", "/", "/a/", "/1a", "~/label", "/a b", ""])
def test_names_must_be_absolute(option: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        _taxonomy("driving", f"{option}={name}")
    assert stopped.value.code == 2
    assert f"{name!r} is no absolute ROS name" in capsys.readouterr().err
