# SPDX-License-Identifier: Apache-2.0
"""Outlines of simple figures as polygons [N, 2] in metres (right, up)."""

import math

import numpy as np

from segnet_ros.simulation.camera import Points

Point = tuple[float, float]


def box(left: float, low: float, right: float, high: float) -> Points:
    """Return an upright rectangle."""
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def ellipse(centre: Point, radius_x: float, radius_y: float, corners: int = 14) -> Points:
    """Return an ellipse as a polygon."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack(
        [centre[0] + radius_x * np.cos(angles), centre[1] + radius_y * np.sin(angles)], axis=1
    )


def limb(start: Point, end: Point, start_width: float, end_width: float) -> Points:
    """Return a tapered bar between two points with chamfered ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    outline = []
    for (x, y), half, way in ((start, start_width / 2, -1), (end, end_width / 2, 1)):
        for across, along in ((1, 0), (0.6, 0.6), (-0.6, 0.6), (-1, 0))[::-way]:
            outline.append(
                (
                    x + half * (way * along * ux - across * uy),
                    y + half * (way * along * uy + across * ux),
                )
            )
    return np.array(outline)
