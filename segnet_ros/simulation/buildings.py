# SPDX-License-Identifier: Apache-2.0
"""Buildings, garden walls and the far end of the street."""

from dataclasses import dataclass

import numpy as np

from segnet_ros.simulation.assets import Assets
from segnet_ros.simulation.camera import Points
from segnet_ros.simulation.facades import Front
from segnet_ros.simulation.layout import Lot, Plan
from segnet_ros.simulation.light import TOWARDS, UP, Colour
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.street_class import StreetClass

_DEPTH = 9.0
"""Metres from a building's front to its back."""

_ROOF_RISE = 2.6


def draw_lot(painter: Painter, assets: Assets, plan: Plan, lot: Lot) -> None:
    """Paint a lot's building and fence; an open lot has only a fence or nothing."""
    boundary = plan.boundary(lot.side)
    if lot.kind == "park":
        draw_fence(painter, lot, boundary + lot.side * 0.3)
    elif lot.kind != "side_road":
        front, _ = assets.front(lot)
        x = boundary + lot.side * lot.setback
        _draw_gable(painter, lot, front, x)
        _draw_front(painter, assets, lot, front, x)
        if lot.setback:
            draw_fence(painter, lot, boundary + lot.side * 0.15)


def _draw_front(painter: Painter, assets: Assets, lot: Lot, front: Front, x: float) -> None:
    """Paint roof and front; seen from the road, the near end is left on the left side."""
    texture = assets.front(lot)[1]
    left, right = (lot.start, lot.end) if lot.side < 0 else (lot.end, lot.start)
    high = front.height
    if front.pitched:
        ridge = (x + lot.side * 0.5 * _DEPTH, high + _ROOF_RISE)
        slope = np.array(
            [
                (*ridge, left),
                (*ridge, right),
                (x - lot.side * 0.25, high - 0.1, right),
                (x - lot.side * 0.25, high - 0.1, left),
            ]
        )
        painter.wall(assets.roof(lot), slope, StreetClass.BUILDING)
        _draw_chimney(painter, lot, ridge)
    corners = np.array([(x, high, left), (x, high, right), (x, 0, right), (x, 0, left)])
    painter.wall(texture, corners, StreetClass.BUILDING)


def _draw_gable(painter: Painter, lot: Lot, front: Front, x: float) -> None:
    """Paint the side wall that faces the camera; a neighbour may hide it later."""
    back = x + lot.side * _DEPTH
    outline = [(x, 0.0), (x, front.height)]
    if front.pitched:
        outline.append((x + lot.side * 0.5 * _DEPTH, front.height + _ROOF_RISE))
    outline += [(back, front.height), (back, 0.0)]
    wall = np.array([(px, py, lot.start) for px, py in outline], np.float64)
    painter.face(wall, front.wall, TOWARDS, StreetClass.BUILDING)


def _draw_chimney(painter: Painter, lot: Lot, ridge: tuple[float, float]) -> None:
    """Paint a chimney stack with two pots on the party wall."""
    if lot.variant % 3 == 2:
        return
    x, y = ridge
    s = lot.start + 0.4
    for half, low, high, colour in (
        (0.42, y - 0.5, y + 1.2, (128, 84, 66)),
        (0.50, y + 1.0, y + 1.15, (150, 110, 90)),
    ):
        stack = _upright_box(x, half, low, high, s)
        painter.face(stack, colour, TOWARDS, StreetClass.BUILDING)
    for shift in (-0.22, 0.22):
        pot = _upright_box(x + shift, 0.11, y + 1.2, y + 1.65, s)
        painter.face(pot, (176, 116, 84), TOWARDS, StreetClass.BUILDING)


def _upright_box(x: float, half: float, low: float, high: float, s: float) -> Points:
    """Return a rectangle that faces the camera, [4, 3]."""
    return np.array(
        [(x - half, low, s), (x + half, low, s), (x + half, high, s), (x - half, high, s)]
    )


_FENCES: tuple[tuple[Colour, float], ...] = (
    ((128, 88, 72), 0.95),
    ((118, 98, 76), 1.5),
    ((178, 170, 156), 0.85),
    ((58, 64, 62), 1.2),
)


def draw_fence(painter: Painter, lot: Lot, x: float) -> None:
    """Paint the wall or fence between a lot and the pavement."""
    colour, high = _FENCES[lot.variant // 2 % len(_FENCES)]
    gate = lot.start + 1.0 + (lot.variant % 3)
    facing = (-float(lot.side), 0.0, 0.0)
    spans = [(lot.start, gate), (gate + 1.1, lot.end)] if lot.setback else [(lot.start, lot.end)]
    for start, end in spans:
        panel = np.array([(x, 0, start), (x, high, start), (x, high, end), (x, 0, end)], np.float64)
        painter.face(panel, colour, facing, StreetClass.FENCE)
        if end > painter.s_near and start - painter.camera.s < 45:
            _draw_fence_boards(painter, lot, x, (start, end), high, colour)


def _draw_fence_boards(
    painter: Painter, lot: Lot, x: float, span: tuple[float, float], high: float, colour: Colour
) -> None:
    """Paint coping and the joints between boards or bricks piers."""
    facing = (-float(lot.side), 0.0, 0.0)
    start, end = max(span[0], painter.s_near), span[1]
    cope = [(x, high, start), (x, high - 0.1, start), (x, high - 0.1, end), (x, high, end)]
    painter.face(np.array(cope, np.float64), _scaled(colour, 1.25), UP)
    step = 0.3 if high > 1.0 else 1.5
    along = np.arange(np.ceil(start / step) * step, end, step)
    joints = np.zeros((len(along), 4, 3))
    joints[:, :, 0] = x
    joints[:, :, 1] = (0.0, high - 0.1, high - 0.1, 0.0)
    joints[:, :, 2] = along[:, None] + (0.0, 0.0, 0.06, 0.06)
    painter.patches(joints, _scaled(colour, 0.72), facing)


def _scaled(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


@dataclass(frozen=True)
class FarShape:
    """A tree or roof on the horizon.

    The outline [N, 2] counts pixels of a 320 pixel focal length to the right and up from the
    horizon straight ahead.
    """

    outline: Points
    colour: Colour
    label: StreetClass


def build_skyline(rng: np.random.Generator) -> list[FarShape]:
    """Return the far end of the street: roofs and trees along the horizon."""
    shapes = []
    at = -900.0
    while at < 900.0:
        wide, high = rng.uniform(8, 26), rng.uniform(5, 13)
        make = _far_tree if rng.random() < 0.6 else _far_house
        shapes.append(make(rng, at, wide, high))
        at += wide * rng.uniform(0.5, 0.9)
    return shapes


def _far_tree(rng: np.random.Generator, at: float, wide: float, high: float) -> FarShape:
    angles = np.linspace(0, np.pi, 14)
    bumps = 1.0 + 0.14 * rng.standard_normal(14)
    across = at + wide / 2 + 0.55 * wide * np.cos(angles)
    outline = np.stack([across, high * np.sin(angles) * bumps - 3.0], axis=1)
    return FarShape(outline, (74, 88, 56), StreetClass.TREE)


def _far_house(rng: np.random.Generator, at: float, wide: float, high: float) -> FarShape:
    top = 0.8 * high
    outline = [
        (at, -3.0),
        (at, top),
        (at + wide / 2, 1.25 * top),
        (at + wide, top),
        (at + wide, -3.0),
    ]
    wall = tuple(rng.uniform(0.85, 1.15) * c for c in (142, 116, 100))
    return FarShape(np.array(outline), (wall[0], wall[1], wall[2]), StreetClass.BUILDING)


def draw_skyline(painter: Painter, shapes: list[FarShape]) -> None:
    """Paint those far shapes that are in view."""
    camera = painter.camera
    zoom = camera.focal / 320.0
    straight_ahead = (camera.centre - camera.road.slope(camera.s) * camera.focal, camera.horizon)
    for shape in shapes:
        pixels = straight_ahead + shape.outline * (zoom, -zoom)
        if pixels[:, 0].max() > 0 and pixels[:, 0].min() < camera.size[0]:
            colour = painter.light.shade(shape.colour, TOWARDS, 220.0)
            painter.fill(pixels, colour, shape.label)
