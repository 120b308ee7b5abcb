# SPDX-License-Identifier: Apache-2.0
"""A node that the system denies memory, and gives it back; frames without are in bench/faults.py.

There C++ and ROS's own conversion of messages may end the process: what they do is left to chance.
"""

import resource
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from diagnostic_msgs.msg import DiagnosticStatus
from faulty import running_faulty_node
from peer import NodeProcess, Peer

MIB = 2**20
NO_THREAD = MIB  # none has room for its stack


def limit_memory(node: NodeProcess, left: int | None) -> None:
    """Let the address space grow by so many bytes, or without limit."""
    largest = resource.RLIM_INFINITY if left is None else address_space(node) + left
    limits = (largest, resource.RLIM_INFINITY)
    resource.prlimit(node.process.pid, resource.RLIMIT_AS, limits)


def address_space(node: NodeProcess) -> int:
    pages = Path(f"/proc/{node.process.pid}/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def test_a_model_without_memory_is_refused_with_the_remedy(
    channel_model: Path, tmp_path: Path, peer: Peer
) -> None:
    with running_faulty_node(tmp_path, "-p", f"model:={channel_model}") as node:
        peer.until(lambda: peer.values().get("state") == "unconfigured", "the node")
        limit_memory(node, NO_THREAD)
        assert not peer.transition("configure")
        assert "refused a transition: out of memory (" in node.text()
        limit_memory(node, None)
        node.order("memory")
        assert not peer.transition("configure")
        told = "cannot configure: out of memory (MemoryError: Unable to allocate"
        peer.until(lambda: told in peer.message("node"), "the refusal")
        assert peer.level("node") == DiagnosticStatus.ERROR
        assert "end other programs, or raise the limit" in peer.message("node")
        assert peer.state() == "unconfigured"
        node.behave()
        assert peer.transition("configure")
        assert peer.transition("activate")
        assert node.stop() == 0
        assert "Traceback" not in node.text()
