# SPDX-License-Identifier: Apache-2.0
"""`bench/faulty_node.py` as a process, and a camera that plays to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faulty_node
from peer import NodeProcess, reliable

ACTIVE = (
    *("-p", "runtime:=openvino"),
    *("-p", "autostart:=true"),
    *reliable("/image"),
    *("-p", "qos_overrides./image.subscription.depth:=100"),
)


class FaultyNode(NodeProcess):
    """The node whose runtime fails on command.

    Args:
        folder: For its log and the order.
        arguments: ROS arguments.

    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        self._order = folder / "order"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, faulty_node.__file__, self._order, "--ros-args", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def order(self, fault: str, times: int | None = None) -> None:
        """See `faulty_node.order`."""
        faulty_node.order(self._order, fault, times)

    @property
    def obeyed(self) -> bool:
        """Whether the order has befallen as many frames as it was for."""
        return not self._order.exists()

    def behave(self) -> None:
        """No faults any more."""
        self._order.unlink(missing_ok=True)


@contextmanager
def running_faulty_node(folder: Path, *arguments: str) -> Iterator[FaultyNode]:
    """The node, which is killed if it does not end."""
    node = FaultyNode(folder, *arguments)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.process.kill()
            node.process.wait()
