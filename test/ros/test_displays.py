# SPDX-License-Identifier: Apache-2.0
"""The RViz and Foxglove layouts name what a running node really publishes."""

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from peer import RELIABLE, Peer, image, running_node
from sensor_msgs.msg import Image

CONFIG = Path(__file__).parents[2] / "config"
IMAGE = "sensor_msgs/msg/Image"
# What Foxglove calls the panels whose settings this layout has; the app takes no others.
PANELS = {
    "Image": {"imageMode", "cameraState", "followMode", "scene", "transforms", "topics", "layers"}
    | {"synchronize"},
    "DiagnosticSummary": {"minLevel", "pinnedIds", "topicToRender", "hardwareIdFilter"}
    | {"sortByLevel"},
    "DiagnosticStatusPanel": {"topicToRender", "splitFraction"},
    "Plot": {"paths", "showLegend", "legendDisplay", "sidebarDimension", "showPlotValuesInLegend"}
    | {"showXAxisLabels", "showYAxisLabels", "yAxisLabel", "minYValue", "isSynced", "xAxisVal"}
    | {"followingViewWidth"},
    "Parameters": {"title"},
    "RosOut": {"topicToRender", "minLogLevel", "searchTerms"},
}

Published = Mapping[str, Sequence[str]]


def published(peer: Peer, last: str) -> Published:
    """Topics and their types, once the last one is there."""
    peer.until(lambda: peer.node.count_publishers(last), f"a publisher of {last}")
    return dict(peer.node.get_topic_names_and_types())


def load_rviz(name: str) -> Any:
    return yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))


def load_foxglove() -> Any:
    return json.loads((CONFIG / "segmentation.foxglove.json").read_text(encoding="utf-8"))


def rviz_topics(name: str) -> list[str]:
    """The displays' topics, as RViz without a namespace resolves them."""
    displays = load_rviz(name)["Visualization Manager"]["Displays"]
    assert {display["Class"] for display in displays} == {"rviz_default_plugins/Image"}
    return [f"/{display['Topic']['Value']}" for display in displays]


def test_one_camera_in_rviz_and_foxglove(peer: Peer, tmp_path: Path) -> None:
    with running_node(tmp_path / "log", "-p", "autostart:=true"):
        camera = peer.node.create_publisher(Image, "/image", RELIABLE)
        labels = peer.subscribe("/segmentation/label")
        topics = published(peer, "/segmentation/overlay")
        check_images(rviz_topics("segmentation.rviz"), topics)
        check_images(foxglove_images(), topics)
        assert "/segmentation/label" not in rviz_topics("segmentation.rviz")  # nearly black
        peer.until(camera.get_subscription_count, "the node")
        camera.publish(image(np.zeros((48, 64, 3), np.uint8), "rgb8"))
        peer.until(lambda: labels, "a label")
        check_diagnostics(peer)


def check_images(shown: Sequence[str], topics: Published) -> None:
    assert len(shown) >= 3
    for topic in shown:
        assert topics[topic] == [IMAGE], topic


def check_diagnostics(peer: Peer) -> None:
    wanted = list(plotted())
    assert len(wanted) == 7
    arrays: list[DiagnosticArray] = []
    peer.node.create_subscription(DiagnosticArray, "/diagnostics", arrays.append, 10)
    peer.until(lambda: arrays and set(wanted) <= set(values(arrays[-1])), "the plotted values")
    for name_and_key in wanted:
        assert float(values(arrays[-1])[name_and_key]) >= 0


def values(array: DiagnosticArray) -> dict[tuple[str, str], str]:
    return {(s.name, pair.key): pair.value for s in array.status for pair in s.values}


def plotted() -> Iterator[tuple[str, str]]:
    """Status name and key of every series."""
    path = re.compile(
        r'/diagnostics\.status\[:\]\{name=="(.+?)"\}\.values\[:\]\{key=="(.+?)"\}.value'
    )
    for name, panel in load_foxglove()["configById"].items():
        for series in panel["paths"] if name.startswith("Plot!") else ():
            match = path.fullmatch(series["value"])
            assert match, series["value"]
            yield match[1], match[2]


def foxglove_images() -> list[str]:
    panels = load_foxglove()["configById"].items()
    return [panel["imageMode"]["imageTopic"] for name, panel in panels if name[:6] == "Image!"]


def test_three_cameras_in_rviz(peer: Peer, tmp_path: Path) -> None:
    cameras = "cameras:=[front,left,right]"
    with running_node(tmp_path / "log", "-p", "autostart:=true", "-p", cameras):
        topics = published(peer, "/segmentation/right/overlay")
        shown = rviz_topics("cameras.rviz")
        check_images(shown, topics)
        assert len(shown) == 6


@pytest.mark.parametrize("name", ["segmentation.rviz", "cameras.rviz"])
def test_every_rviz_window_has_its_place(name: str) -> None:
    config = load_rviz(name)
    windows = [display["Name"] for display in config["Visualization Manager"]["Displays"]]
    windows += [panel["Name"] for panel in config["Panels"]]
    geometry = config["Window Geometry"]
    assert all(geometry[window] == {"collapsed": False} for window in windows)
    # RViz reads both into a variable that has no value otherwise.
    assert geometry["Hide Left Dock"] is geometry["Hide Right Dock"] is False
    assert docked(bytes.fromhex(geometry["QMainWindow State"])) == set(windows)


def docked(state: bytes) -> set[str]:
    """The windows of QMainWindow::saveState: each is 0xfb, then its name in UTF-16."""
    assert state.startswith(struct.pack(">II", 0xFF, 0))  # marker, version
    names = set()
    for match in re.finditer(rb"\xfb", state):
        (size,) = struct.unpack_from(">I", state, match.end())
        name = state[match.end() + 4 : match.end() + 4 + size]
        if 0 < size <= 64 and len(name) == size:
            names.add(name.decode("utf-16-be", errors="replace"))
    return names


def test_the_foxglove_layout_places_every_panel_once() -> None:
    layout = load_foxglove()
    assert layout.keys() == {
        *("configById", "globalVariables", "userNodes", "playbackConfig", "layout")
    }
    assert sorted(leaves(layout["layout"])) == sorted(layout["configById"])


def leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    assert node.keys() == {"direction", "first", "second", "splitPercentage"}
    assert node["direction"] in ("row", "column")
    assert 0 < node["splitPercentage"] < 100
    yield from leaves(node["first"])
    yield from leaves(node["second"])


def test_foxglove_knows_every_panel_and_its_settings() -> None:
    for name, panel in load_foxglove()["configById"].items():
        kind, _, identity = name.partition("!")
        assert identity
        assert panel.keys() - {"foxglovePanelTitle"} <= PANELS[kind], name


def test_foxglove_reads_diagnostics_and_the_log() -> None:
    panels = load_foxglove()["configById"]
    read = {
        name: panel["topicToRender"] for name, panel in panels.items() if "topicToRender" in panel
    }
    assert read == {
        "DiagnosticSummary!summary": "/diagnostics",
        "DiagnosticStatusPanel!detail": "/diagnostics",
        "RosOut!log": "/rosout",
    }
