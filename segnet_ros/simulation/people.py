# SPDX-License-Identifier: Apache-2.0
"""Pedestrians and cyclists as jointed figures that face along the road."""

import math
from collections.abc import Callable

import numpy as np

from segnet_ros.simulation.camera import Points
from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.light import UP, Colour
from segnet_ros.simulation.noise import stream
from segnet_ros.simulation.painter import Board, Painter
from segnet_ros.simulation.shapes import Point, box, ellipse, limb
from segnet_ros.simulation.street_class import StreetClass

_COATS: tuple[Colour, ...] = (
    (44, 48, 58),
    (74, 66, 60),
    (128, 40, 42),
    (48, 70, 104),
    (150, 140, 122),
    (66, 84, 64),
    (104, 104, 108),
    (32, 32, 36),
    (164, 132, 60),
    (180, 176, 170),
    (116, 74, 98),
)
_TROUSERS: tuple[Colour, ...] = ((44, 54, 78), (38, 38, 42), (96, 88, 74), (62, 62, 66))
_SKINS: tuple[Colour, ...] = ((216, 172, 146), (190, 142, 112), (120, 82, 60), (226, 186, 160))
_HAIR: tuple[Colour, ...] = ((52, 40, 32), (30, 26, 24), (120, 92, 56), (150, 146, 140))
_HIVIS: Colour = (214, 226, 58)
_DETAIL_SCALE = 14.0
"""Pixels per metre above which clothes get details."""

_DISTANT_SCALE = 11.0
"""Pixels per metre below which a figure is only a few shapes."""

Paint = Callable[[Points, Colour], None]


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _dim(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _figure(board: Board, label: StreetClass, size: float) -> Paint:
    """Return a brush that paints labelled polygons scaled to the body size."""

    def paint(points: Points, colour: Colour) -> None:
        board.polygon(points * size, colour, label)

    return paint


def _head(paint: Paint, at: Point, towards: bool, skin: Colour, hair: Colour) -> None:
    """Paint head and neck; from behind it is mostly hair."""
    x, y = at
    paint(limb((x, y - 0.2), (x, y - 0.05), 0.11, 0.10), _dim(skin, 0.85))
    paint(ellipse((x, y), 0.088, 0.125), skin if towards else hair)
    if towards:
        paint(ellipse((x, y + 0.075), 0.092, 0.065), hair)


def _leg(paint: Paint, hip: Point, knee: Point, foot: Point, colour: Colour) -> None:
    paint(limb(hip, knee, 0.17, 0.13), colour)
    paint(limb(knee, foot, 0.13, 0.09), _dim(colour, 0.92))
    x, y = foot
    paint(limb((x, y - 0.01), (x + 0.02, y - 0.05), 0.12, 0.10), (28, 26, 26))


def draw_pedestrian(painter: Painter, thing: Thing) -> None:
    """Paint a walking person; side +1 walks towards the camera."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    rng = stream(thing.style, 61)
    coat, trousers = _pick(rng, _COATS), _pick(rng, _TROUSERS)
    skin, hair = _pick(rng, _SKINS), _pick(rng, _HAIR)
    paint = _figure(board, StreetClass.PEDESTRIAN, float(rng.uniform(0.9, 1.06)))
    if board.scale < _DISTANT_SCALE:
        _draw_distant(paint, 0.15 * math.sin(thing.phase), coat, trousers, hair)
        return
    swing = math.sin(thing.phase)
    bob = 0.02 * abs(math.cos(thing.phase))
    _walk_legs(paint, swing, trousers, bob)
    hem = float(rng.choice([0.86, 0.80, 0.56], p=(0.4, 0.4, 0.2)))
    _walk_arms(paint, -swing, _dim(coat, 0.86), skin, bob)
    torso = [
        (-0.20, 1.44),
        (-0.11, 1.50),
        (0.11, 1.50),
        (0.20, 1.44),
        (0.18, 1.15),
        (0.16, 1.02),
        (0.20, hem),
        (-0.20, hem),
        (-0.16, 1.02),
        (-0.18, 1.15),
    ]
    paint(np.array(torso) + (0, bob), coat)
    if board.scale > _DETAIL_SCALE:
        board.polygon(limb((0, 1.44), (0, hem + 0.04), 0.02, 0.02), _dim(coat, 0.7))
        lapel = limb((-0.15, 1.44 + bob), (-0.14, 1.0), 0.07, 0.05)
        board.polygon(lapel, _dim(coat, 1.16), None, UP)
    _bag(paint, rng, thing.side > 0)
    _head(paint, (0.0, 1.63 + bob), thing.side > 0, skin, hair)


def _draw_distant(
    paint: Paint, stride: float, coat: Colour, trousers: Colour, hair: Colour
) -> None:
    """Paint a figure of a few pixels."""
    for side in (-1, 1):
        paint(limb((0.07 * side, 0.9), (0.07 * side - side * stride, 0.05), 0.16, 0.11), trousers)
    paint(limb((0.0, 0.9), (0.0, 1.42), 0.36, 0.40), coat)
    paint(ellipse((0.0, 1.63), 0.09, 0.12, corners=6), hair)


def _walk_legs(paint: Paint, swing: float, colour: Colour, bob: float) -> None:
    """Paint both legs, seen a little from the side so that the stride shows."""
    for side, stride in ((-1, swing), (1, -swing)):
        hip = (0.075 * side, 0.90 + bob)
        lift = 0.10 * max(0.0, -stride)
        foot = (0.075 * side + 0.15 * stride, 0.08 + lift)
        knee = (0.075 * side + 0.09 * stride + 0.02, 0.49 + 0.4 * lift)
        _leg(paint, hip, knee, foot, colour if side > 0 else _dim(colour, 0.85))


def _walk_arms(paint: Paint, swing: float, sleeve: Colour, skin: Colour, bob: float) -> None:
    for side, stride in ((-1, swing), (1, -swing)):
        shoulder = (0.19 * side, 1.42 + bob)
        elbow = (0.25 * side + 0.03 * stride, 1.14 + bob)
        hand = (0.24 * side + 0.08 * stride, 0.90 + 0.04 * abs(stride))
        paint(limb(shoulder, elbow, 0.12, 0.10), sleeve)
        paint(limb(elbow, hand, 0.10, 0.075), sleeve)
        paint(ellipse(hand, 0.045, 0.05, corners=8), skin)


def _bag(paint: Paint, rng: np.random.Generator, towards: bool) -> None:
    """Paint a shopping bag or, on a back, a rucksack, or nothing."""
    choice = rng.random()
    if choice < 0.2:
        paint(box(0.2, 0.52, 0.42, 0.86), _pick(rng, _COATS))
    elif choice < 0.4 and not towards:
        paint(ellipse((0.0, 1.22), 0.16, 0.22), _pick(rng, _COATS))


def draw_cyclist(painter: Painter, thing: Thing) -> None:
    """Paint a cyclist with the bicycle; side +1 comes towards the camera."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    rng = stream(thing.style, 62)
    coat = _HIVIS if rng.random() < 0.3 else _pick(rng, _COATS)
    trousers, skin, hair = _pick(rng, _TROUSERS), _pick(rng, _SKINS), _pick(rng, _HAIR)
    frame = _pick(rng, ((150, 34, 38), (40, 70, 120), (50, 52, 54), (170, 172, 174)))
    paint = _figure(board, StreetClass.BICYCLIST, float(rng.uniform(0.95, 1.05)))
    towards = thing.side > 0
    _bicycle(paint, frame, towards)
    for side, turn in ((-1, thing.phase), (1, thing.phase + math.pi)):
        crank = math.sin(turn)
        knee = (0.17 * side, 0.72 + 0.13 * crank)
        _leg(paint, (0.10 * side, 0.98), knee, (0.12 * side, 0.33 + 0.16 * crank), trousers)
    _ride_arms(paint, _dim(coat, 0.86), skin)
    torso = [
        (-0.21, 1.40),
        (-0.10, 1.50),
        (0.10, 1.50),
        (0.21, 1.40),
        (0.16, 1.05),
        (0.17, 0.90),
        (-0.17, 0.90),
        (-0.16, 1.05),
    ]
    paint(np.array(torso), coat)
    if coat == _HIVIS:
        board.polygon(box(-0.17, 1.12, 0.17, 1.18), (222, 222, 222))
    _head(paint, (0.0, 1.60), towards, skin, hair)
    if rng.random() < 0.6:
        helmet = _pick(rng, ((214, 214, 214), (40, 40, 44), (176, 40, 40), (50, 90, 160)))
        paint(ellipse((0.0, 1.67), 0.115, 0.085), helmet)
    if not towards:
        board.glow(ellipse((0.0, 0.80), 0.04, 0.04, corners=8), (226, 44, 40))


def _bicycle(paint: Paint, frame: Colour, towards: bool) -> None:
    """Paint wheel, forks, saddle and handlebar as seen from an end."""
    paint(ellipse((0.0, 0.34), 0.055, 0.34), (34, 34, 36))
    paint(ellipse((0.0, 0.34), 0.018, 0.27), (120, 122, 124))
    paint(limb((0.0, 0.34), (0.0, 0.95), 0.07, 0.05), frame)
    if towards:
        paint(limb((-0.28, 1.03), (0.28, 1.03), 0.05, 0.05), (60, 62, 64))
    else:
        paint(box(-0.10, 0.66, 0.10, 0.70), (60, 60, 62))


def _ride_arms(paint: Paint, sleeve: Colour, skin: Colour) -> None:
    for side in (-1, 1):
        elbow, hand = (0.31 * side, 1.20), (0.27 * side, 1.04)
        paint(limb((0.19 * side, 1.41), elbow, 0.12, 0.10), sleeve)
        paint(limb(elbow, hand, 0.10, 0.07), sleeve)
        paint(ellipse(hand, 0.045, 0.045, corners=8), skin)
