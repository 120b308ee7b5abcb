# SPDX-License-Identifier: Apache-2.0
"""The launch files at work: processes started by the genuine launch system."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_pytest", reason="needs launch_pytest: a ROS distribution")
pytest.importorskip("ament_index_python", reason="needs ament_index_python: a ROS distribution")

import cv2
import launch_pytest
import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.launch_description_sources import PythonLaunchDescriptionSource
from peer import Peer

ROOT = Path(__file__).parents[2]

try:
    get_package_prefix("segnet_ros")
except PackageNotFoundError:
    pytest.skip("needs the package built and sourced", allow_module_level=True)


nodes: list[int] = []
"""Process ids of the nodes of one test, in the order of starting."""

exit_codes: list[int] = []
"""Of every process of one test, in the order of ending."""


def note_start(event: Any, context: Any) -> None:
    if event.cmd[1] == "node":
        nodes.append(event.pid)


def note_exit(event: Any, context: Any) -> None:
    exit_codes.append(event.returncode)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(3):
        picture = np.full((48, 64, 3), 60 * index + 20, np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    return folder


def included(file: str, **arguments: str) -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(ROOT / "launch" / file))
    nodes.clear()
    exit_codes.clear()
    return LaunchDescription(
        [
            RegisterEventHandler(OnProcessStart(on_start=note_start)),
            RegisterEventHandler(OnProcessExit(on_exit=note_exit)),
            IncludeLaunchDescription(source, launch_arguments=arguments.items()),
        ]
    )


@launch_pytest.fixture
def one_camera(clip: Path) -> LaunchDescription:
    return included(
        "segmentation.launch.py",
        namespace="robot",
        label="labels",
        respawn="true",
        replay=str(clip),
        rate="20",
        loop="true",
    )


@launch_pytest.fixture
def two_cameras(clip: Path) -> LaunchDescription:
    return included(
        "cameras.launch.py",
        cameras="front,left",
        label="/{camera}/label",
        label_size="network",
        replay=str(clip),
        rate="20",
        loop="true",
    )


@launch_pytest.fixture
def managed() -> LaunchDescription:
    return included("segmentation.launch.py", autostart="false")


@pytest.mark.launch(fixture=one_camera)
def test_replayed_frames_are_labelled_and_again_after_a_crash(peer: Peer) -> None:
    labels = peer.subscribe("/robot/labels")
    peer.until(lambda: labels, "a label")
    assert (labels[0].width, labels[0].height, labels[0].encoding) == (64, 48, "mono8")
    os.kill(nodes[0], signal.SIGKILL)
    peer.until(lambda: len(nodes) == 2, "a second node")
    before = len(labels)
    peer.until(lambda: len(labels) > before + 5, "labels of the second node")


@pytest.mark.launch(fixture=two_cameras)
def test_one_node_labels_both_cameras_and_ends_cleanly(peer: Peer):
    front, left = peer.subscribe("/front/label"), peer.subscribe("/left/label")
    peer.until(lambda: front and left, "labels of both cameras")
    assert (front[0].width, front[0].height) == (left[0].width, left[0].height) == (480, 360)
    assert len(nodes) == 1
    yield  # the launch ends here
    assert exit_codes == [0, 0, 0]


@pytest.mark.launch(fixture=managed)
def test_without_autostart_a_manager_brings_it_up(peer: Peer) -> None:
    assert peer.state() == "unconfigured"
    assert peer.transition("configure")
    assert peer.transition("activate")
    assert peer.state() == "active"
