# SPDX-License-Identifier: Apache-2.0
"""What the log is told of a camera: that it is silent, and that it is back, once each."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from test_camera_diagnostics import CAMERA, NODE

from segnet_ros.ros.health import CameraHealth
from segnet_ros.ros.node_report import NodeReport

SILENT = replace(CAMERA, silence=7.0, label_silence=7.0, publishers=0)
SILENCE = "no image for 7 s: nobody publishes /front/image; start the camera, or remap to its topic"
WARNING = ("warning", f"camera front: {SILENCE}")
BACK = ("info", "camera front: labels are published again")


class Log:
    """A node's logger that keeps level and text."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda text: self.lines.append((level, text))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def report(log: Log) -> NodeReport:
    node: Any = SimpleNamespace(get_logger=lambda: log)
    unused: Any = None
    report = NodeReport(node, unused, unused, unused)
    log.lines.clear()  # which packages are missing here
    return report


def tell(report: NodeReport, *cameras: CameraHealth) -> None:
    for camera in cameras:
        report._tell_silence(camera, NODE)


def test_silence_and_its_end_are_told_once(report: NodeReport, log: Log) -> None:
    tell(report, CAMERA, SILENT, SILENT, CAMERA, CAMERA, SILENT)
    assert log.lines == [WARNING, BACK, WARNING]


@pytest.mark.parametrize(
    "left_alone", [replace(SILENT, state="inactive"), replace(SILENT, idle=True)]
)
def test_a_camera_that_is_listened_to_no_more_is_not_said_to_be_back(
    report: NodeReport, log: Log, left_alone: CameraHealth
) -> None:
    tell(report, SILENT, left_alone)
    assert log.lines == [WARNING]
    tell(report, SILENT)
    assert log.lines == [WARNING] * 2


def test_each_camera_has_its_own_lines(report: NodeReport, log: Log) -> None:
    tell(report, SILENT, replace(SILENT, name="left"), CAMERA, replace(SILENT, name=""))
    levels = [level for level, _ in log.lines]
    assert levels == ["warning", "warning", "info", "warning"]
    assert log.lines[1][1] == f"camera left: {SILENCE}"
    assert log.lines[3][1] == SILENCE


def test_who_is_left_out_is_told_when_it_comes(report: NodeReport, log: Log) -> None:
    report._tell_left_out({"/b gets nothing", "/a gets nothing"})
    report._tell_left_out({"/b gets nothing"})
    report._tell_left_out({"/b gets nothing", "/a gets nothing"})
    assert log.lines == [
        ("error", "/a gets nothing"), ("error", "/b gets nothing"), ("error", "/a gets nothing"),
    ]  # fmt: skip
