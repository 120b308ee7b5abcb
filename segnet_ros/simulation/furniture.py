# SPDX-License-Identifier: Apache-2.0
"""Lamp posts, bollards, railings, road signs and traffic lights."""

import math
from itertools import pairwise

import numpy as np

from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.light import LEFT, Colour
from segnet_ros.simulation.noise import stream
from segnet_ros.simulation.painter import Board, Painter
from segnet_ros.simulation.shapes import Point, box, ellipse, limb
from segnet_ros.simulation.street_class import StreetClass

_STEEL: Colour = (120, 126, 126)
_BLACK: Colour = (40, 42, 44)
_RED: Colour = (196, 34, 38)
_BLUE: Colour = (28, 84, 168)
_WHITE: Colour = (236, 236, 232)
_THINNEST = 1.3
"""Pixels below which a post would vanish."""


def _post(board: Board, high: float, width: float, colour: Colour) -> None:
    """Paint an upright post with a lighter flank."""
    wide = max(width, _THINNEST / board.scale)
    board.polygon(box(-wide / 2, 0.0, wide / 2, high), colour, StreetClass.POLE)
    if board.scale * wide > 3:
        bright = (colour[0] * 1.3, colour[1] * 1.3, colour[2] * 1.3)
        board.polygon(box(-wide / 2, 0.0, -wide / 6, high), bright)


def draw_lamp(painter: Painter, thing: Thing) -> None:
    """Paint a lamp post 7.5 m high whose arm reaches over the road."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    _post(board, 1.4, 0.2, _STEEL)
    _post(board, 7.0, 0.13, _STEEL)
    thin = max(0.08, _THINNEST / board.scale)
    reach = -thing.side
    bend: list[Point] = [(0.0, 6.9), (0.15 * reach, 7.35), (0.6 * reach, 7.6), (1.5 * reach, 7.7)]
    for start, end in pairwise(bend):
        board.polygon(limb(start, end, thin, thin), _STEEL, StreetClass.POLE)
    head = limb((1.3 * reach, 7.68), (2.1 * reach, 7.74), 0.2, 0.14)
    board.polygon(head, (150, 152, 150), StreetClass.POLE)
    if painter.light.lamps:
        under = limb((1.4 * reach, 7.6), (2.0 * reach, 7.64), 0.1, 0.1)
        board.glow(under, (255, 216, 150), StreetClass.POLE)


def draw_bollard(painter: Painter, thing: Thing) -> None:
    """Paint a bollard 1 m high."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    _post(board, 1.0, 0.15, _BLACK)
    board.polygon(box(-0.075, 0.78, 0.075, 0.88), _WHITE)


def draw_railing(painter: Painter, thing: Thing) -> None:
    """Paint a 2 m panel of meshed guard rail along the kerb."""
    x, near, far = thing.x, thing.s, thing.s + 2.0
    if near <= painter.s_near:
        return
    corners = np.array([(x, 0.08, near), (x, 1.05, near), (x, 1.05, far), (x, 0.08, far)])
    pixels = painter.camera.project(corners)
    mesh = painter.light.shade((108, 114, 114), LEFT, near - painter.camera.s)
    painter.canvas.tint(pixels, mesh, 0.72, StreetClass.FENCE)
    bars = 9 if near - painter.camera.s < 40 else 2
    for k in range(bars + 1):
        s = near + 2.0 * k / bars
        bar = [(x, 0.0, s), (x, 1.05, s), (x, 1.05, s + 0.05), (x, 0.0, s + 0.05)]
        painter.face(np.array(bar), (168, 172, 170), LEFT, StreetClass.FENCE)
    rail = [(x, 1.0, near), (x, 1.07, near), (x, 1.07, far), (x, 1.0, far)]
    painter.face(np.array(rail), (176, 180, 178), LEFT, StreetClass.FENCE)


def draw_sign(painter: Painter, thing: Thing) -> None:
    """Paint a road sign on a post: a round, triangular or rectangular plate."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    rng = stream(thing.style)
    top = float(rng.uniform(2.5, 3.1))
    _post(board, top + 0.3, 0.08, _STEEL)
    (_round_sign, _warning_sign, _plate_sign, _bus_stop)[int(rng.integers(4))](board, top, rng)


def _round_sign(board: Board, top: float, rng: np.random.Generator) -> None:
    """Paint a speed limit, a ban or a blue order."""
    radius = 0.34
    if rng.random() < 0.35:
        board.polygon(ellipse((0, top), radius, radius), _BLUE, StreetClass.SIGN_SYMBOL)
        board.polygon(limb((-0.02, top - 0.2), (0.02, top + 0.2), 0.09, 0.09), _WHITE)
        return
    board.polygon(ellipse((0, top), radius, radius), _RED, StreetClass.SIGN_SYMBOL)
    board.polygon(ellipse((0, top), 0.25, 0.25), _WHITE)
    board.polygon(box(-0.13, top - 0.12, -0.03, top + 0.12), _BLACK)
    board.polygon(box(0.03, top - 0.12, 0.14, top + 0.12), _BLACK)


def _warning_sign(board: Board, top: float, rng: np.random.Generator) -> None:
    """Paint a warning triangle, sometimes with a plate below."""
    for grow, colour, label in ((0.44, _RED, StreetClass.SIGN_SYMBOL), (0.27, _WHITE, None)):
        angles = math.pi / 2 + np.arange(3) * 2 * math.pi / 3
        corners = np.stack([grow * np.cos(angles), top + grow * np.sin(angles)], axis=1)
        board.polygon(corners, colour, label)
    board.polygon(limb((0, top - 0.08), (0, top + 0.1), 0.06, 0.08), _BLACK)
    if rng.random() < 0.5:
        board.polygon(box(-0.32, top - 0.62, 0.32, top - 0.36), _WHITE, StreetClass.SIGN_SYMBOL)


def _plate_sign(board: Board, top: float, rng: np.random.Generator) -> None:
    """Paint a direction or information plate."""
    colour = ((24, 92, 66), _BLUE, _WHITE, (206, 176, 40))[int(rng.integers(4))]
    half, low = float(rng.uniform(0.4, 0.8)), top - float(rng.uniform(0.25, 0.5))
    board.polygon(box(-half, low, half, top + 0.3), colour, StreetClass.SIGN_SYMBOL)
    ink = _BLACK if sum(colour) > 400 else _WHITE
    for y in np.arange(low + 0.12, top + 0.2, 0.2):
        board.polygon(box(-half * 0.8, y, half * float(rng.uniform(0.1, 0.8)), y + 0.08), ink)


def _bus_stop(board: Board, top: float, _rng: np.random.Generator) -> None:
    """Paint a bus stop's flag and timetable."""
    board.polygon(box(0.02, top - 0.3, 0.5, top + 0.3), _RED, StreetClass.SIGN_SYMBOL)
    board.polygon(box(0.09, top - 0.14, 0.43, top + 0.16), _WHITE)
    board.polygon(box(-0.17, 1.1, 0.17, 1.75), (210, 210, 204), StreetClass.SIGN_SYMBOL)


def draw_traffic_light(painter: Painter, thing: Thing) -> None:
    """Paint a signal head with a white border on a black post."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    _post(board, 3.4, 0.12, _BLACK)
    board.polygon(box(-0.26, 2.3, 0.26, 3.55), (222, 222, 216), StreetClass.SIGN_SYMBOL)
    board.polygon(box(-0.2, 2.36, 0.2, 3.49), (24, 24, 26))
    lit = 2 if thing.style % 4 else 0
    colours = ((60, 18, 16), (62, 46, 14), (12, 52, 30))
    shining = ((255, 70, 50), (255, 190, 60), (70, 255, 170))
    for lens, y in enumerate((3.28, 2.93, 2.58)):
        if lens == lit:
            board.glow(ellipse((0, y), 0.13, 0.13), shining[lens])
        else:
            board.polygon(ellipse((0, y), 0.12, 0.12), colours[lens])


def draw_beacon(painter: Painter, thing: Thing) -> None:
    """Paint a Belisha beacon: a banded pole with an amber globe."""
    board = painter.board(thing.x, thing.s)
    if board is None:
        return
    _post(board, 2.6, 0.11, _WHITE)
    for low in np.arange(0.3, 2.4, 0.6):
        board.polygon(box(-0.055, low, 0.055, low + 0.3), _BLACK)
    board.polygon(ellipse((0, 2.78), 0.2, 0.2), (238, 160, 44), StreetClass.SIGN_SYMBOL)
    board.polygon(ellipse((-0.05, 2.84), 0.08, 0.08), (250, 206, 120))
