"""The launch file, read by the genuine launch system, which comes with a ROS distribution."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="needs launch_ros: a ROS distribution")
pytest.importorskip("ament_index_python", reason="needs ament_index_python: a ROS distribution")

import ament_index_python.packages
from launch.actions import DeclareLaunchArgument
from launch_ros.utilities import evaluate_parameters

from launch import LaunchContext

ROOT = Path(__file__).parents[2]


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ament_index_python.packages, "get_package_share_path", lambda _: ROOT)
    path = ROOT / "launch" / "segmentation.launch.py"
    spec = importlib.util.spec_from_file_location("segmentation_launch", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def overrides(launch_file: Any, **given: str) -> Any:
    """What the node gets beside the parameter file."""
    context = LaunchContext()
    context.launch_configurations.update(given)
    for action in launch_file.generate_launch_description().entities:
        if isinstance(action, DeclareLaunchArgument):
            action.execute(context)
    (node,) = launch_file._segmentation(context)
    return evaluate_parameters(context, node._Node__parameters)[-1]


def test_only_what_is_given_overrides_the_file(launch_file: Any):
    assert overrides(launch_file) == {"autostart": True, "use_sim_time": False}


def test_engine_arguments_reach_the_node_with_their_types(launch_file: Any):
    given = {"runtime": "tensorrt", "precision": "int8", "engine_cache": "/kept"}
    expected = {**given, "build_engine": True, "autostart": False, "use_sim_time": False}
    assert overrides(launch_file, **given, build_engine="true", autostart="false") == expected
    assert overrides(launch_file, build_engine="false")["build_engine"] is False
