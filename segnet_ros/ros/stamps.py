# SPDX-License-Identifier: Apache-2.0
"""What the images' stamps tell about clocks."""

import math

from segnet_ros.ros.durations import in_words
from segnet_ros.ros.health import CameraHealth, NodeHealth

# /clock comes in steps, so a stamp may honestly be a little ahead of it.
_AHEAD = 0.5
_BEHIND = 1.0
_RECORDED = 86400.0
_SYNCHRONIZE = "synchronize the clocks of both machines (chrony, PTP)"


def stamp_problem(camera: CameraHealth, node: NodeHealth) -> str:
    """Why the newest image's stamp cannot be right, with the remedy; empty if it can."""
    if not camera.books.received or (node.sim_time and not node.clock_running):
        return ""
    offset = camera.stamp_offset
    if math.isnan(offset):
        return "images carry no stamp: neither their age nor deadlines can be told; set it"
    if -_BEHIND <= offset <= _AHEAD:
        return ""
    side = "ahead of" if offset > 0 else "behind"
    clock = "/clock" if node.sim_time else "this node's clock"
    return f"stamps are {in_words(abs(offset))} {side} {clock}: {_reason(offset, node)}"


def _reason(offset: float, node: NodeHealth) -> str:
    if node.sim_time:
        return "the camera does not follow /clock; start this node with use_sim_time:=false"
    if abs(offset) >= _RECORDED:
        return "a recording? play it with --clock and start this node with use_sim_time:=true"
    if offset > 0:
        return f"{_SYNCHRONIZE}; until then max_age and deadline find every image fresh"
    return f"{_SYNCHRONIZE}, or look for what delays the images on their way"
