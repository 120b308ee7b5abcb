# SPDX-License-Identifier: Apache-2.0
"""Signals while the node configures and activates; test/ros has those during builds and frames."""

import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from faulty import ACTIVE, running_faulty_node
from peer import Peer, running_node


def test_while_it_activates(channel_model: Path, tmp_path: Path, peer: Peer) -> None:
    arguments = ("-p", f"model:={channel_model}", "-p", "autostart:=true")
    with running_node(tmp_path / "log", *arguments) as node:
        peer.until(lambda: "channel on OpenVINO" in node.text(), "the end of configure")
        assert node.stop(signal.SIGTERM) == 0
        assert "Traceback" not in node.text()


def test_while_a_configure_hangs(channel_model: Path, tmp_path: Path, peer: Peer) -> None:
    (tmp_path / "order").write_text("hang")
    with running_faulty_node(tmp_path, "-p", f"model:={channel_model}", *ACTIVE) as node:
        peer.until(lambda: peer.values().get("state") == "configuring", "configure to begin")
        assert node.stop(signal.SIGINT) == 0
        assert "the model that is still being loaded is given up" in node.text()
        assert "Traceback" not in node.text()
