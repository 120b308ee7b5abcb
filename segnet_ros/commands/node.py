# SPDX-License-Identifier: Apache-2.0
"""segnet node: run the ROS 2 node."""

import argparse

from segnet_ros.ros.node_process import main


def configure(parser: argparse.ArgumentParser) -> None:
    """All options are ROS arguments."""
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    return main(["segnet", *options.rest])
