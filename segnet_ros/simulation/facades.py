# SPDX-License-Identifier: Apache-2.0
"""Building fronts as textures: brick, render, windows, doors, shop fronts."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from segnet_ros.simulation.canvas import Pixels
from segnet_ros.simulation.light import Colour
from segnet_ros.simulation.noise import Floats, fractal

PIXELS_PER_METRE = 28

_BRICKS: tuple[Colour, ...] = (
    (142, 84, 62),
    (126, 74, 58),
    (196, 172, 124),
    (184, 156, 112),
    (112, 66, 54),
    (160, 104, 78),
)
_RENDERS: tuple[Colour, ...] = (
    (228, 222, 208),
    (236, 232, 222),
    (206, 196, 172),
    (216, 206, 196),
    (190, 198, 202),
    (226, 210, 170),
)
_PAINTS: tuple[Colour, ...] = (
    (140, 28, 32),
    (28, 58, 106),
    (26, 78, 56),
    (46, 46, 50),
    (196, 148, 40),
    (96, 40, 92),
    (220, 216, 206),
    (18, 104, 122),
)
_WHITE: Colour = (236, 234, 228)


@dataclass(frozen=True)
class Front:
    """A building front.

    Attributes:
        texture: unlit colours, uint8 [H, W, 3] at `PIXELS_PER_METRE`.
        width, height: metres.
        wall: colour of the bare wall.
        pitched: whether a tiled roof belongs on top.

    """

    texture: Pixels
    width: float
    height: float
    wall: Colour
    pitched: bool


class _Sheet:
    """A front being painted, in metres from its lower left corner."""

    def __init__(self, rng: np.random.Generator, lamps: bool, width: float, height: float) -> None:
        self.rng = rng
        self.lamps = lamps
        self.width, self.height = width, height
        shape = (round(height * PIXELS_PER_METRE), round(width * PIXELS_PER_METRE), 3)
        self.pixels: Floats = np.zeros(shape, np.float32)

    def box(self, x: float, y: float, w: float, h: float, colour: Colour) -> Floats:
        """Fill a rectangle whose lower left corner is (x, y) and return its pixels."""
        left, right = (round(v * PIXELS_PER_METRE) for v in (x, x + w))
        top, bottom = (round((self.height - v) * PIXELS_PER_METRE) for v in (y + h, y))
        part = self.pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        part[:] = colour
        return part

    def finish(self, wall: Colour, pitched: bool) -> Front:
        """Weather the front and return it."""
        grime = fractal(self.rng, self.pixels.shape[:2], cells=4)[..., None]
        down = np.linspace(0.0, 1.0, self.pixels.shape[0], dtype=np.float32)[:, None, None]
        aged = self.pixels * (1.0 + 0.035 * grime - 0.10 * down**6)
        texture = np.clip(aged, 0, 255).astype(np.uint8)
        return Front(texture, self.width, self.height, wall, pitched)


def _brickwork(sheet: _Sheet, colour: Colour) -> None:
    """Cover the sheet with courses of bricks of slightly different colour."""
    course, length = 0.085 * PIXELS_PER_METRE, 0.24 * PIXELS_PER_METRE
    height, width = sheet.pixels.shape[:2]
    rows = (np.arange(height) / course).astype(int)
    shift = (rows % 2)[:, None] * 0.5
    columns = (np.arange(width)[None, :] / length + shift).astype(int)
    bricks = sheet.rng.normal(1.0, 0.09, (rows[-1] + 1, columns.max() + 2))
    sheet.pixels[:] = np.array(colour) * bricks[rows[:, None], columns][..., None]
    mortar = np.diff(rows, prepend=0) > 0
    sheet.pixels[mortar] = 0.55 * sheet.pixels[mortar] + 0.45 * np.array((176, 166, 152))


def _plain(sheet: _Sheet, colour: Colour) -> None:
    """Cover the sheet with render or concrete."""
    rough = sheet.rng.normal(1.0, 0.025, sheet.pixels.shape[:2])
    sheet.pixels[:] = np.array(colour) * rough[..., None]


def _glass(sheet: _Sheet, x: float, y: float, w: float, h: float) -> None:
    """Fill a pane: dark, with the sky reflected in the upper part and a hint of a curtain."""
    pane = sheet.box(x, y, w, h, (44, 50, 58))
    if pane.size == 0:
        return
    up = np.linspace(1.0, 0.0, pane.shape[0])[:, None, None]
    if sheet.lamps and sheet.rng.random() < 0.3:
        pane[:] = np.array((430, 340, 200)) * (0.75 + 0.25 * up)
        return
    sky = sheet.rng.uniform(20, 110)
    pane += up * sky * np.array((0.86, 0.95, 1.05))
    slant = np.add.outer(np.arange(pane.shape[0]), np.arange(pane.shape[1]))
    band = (slant % 61 < sheet.rng.integers(6, 24))[..., None]
    pane += 14.0 * band
    if sheet.rng.random() < 0.45:
        fold = pane.shape[1] // 5
        cloth = np.array((206, 200, 188)) * sheet.rng.uniform(0.55, 0.95)
        pane[:, :fold] = cloth
        pane[:, pane.shape[1] - fold :] = cloth


def _window(sheet: _Sheet, x: float, y: float, w: float, h: float, frame: Colour) -> None:
    """Paint a sash window with its reveal, lintel and sill."""
    sheet.box(x - 0.10, y + h, w + 0.20, 0.20, (204, 196, 180))
    sheet.box(x - 0.05, y - 0.02, w + 0.10, h + 0.07, (58, 50, 46))
    sheet.box(x, y, w, h, frame)
    bar = 0.07
    half = (h - 3 * bar) / 2
    for low in (y + bar, y + 2 * bar + half):
        _glass(sheet, x + bar, low, w - 2 * bar, half)
        if w > 0.9:
            sheet.box(x + w / 2 - 0.02, low, 0.05, half, frame)
    sheet.box(x - 0.12, y - 0.13, w + 0.24, 0.13, (222, 216, 204))
    under = sheet.box(x - 0.10, y - 0.22, w + 0.20, 0.07, (0, 0, 0))
    under += 70.0


def _door(sheet: _Sheet, x: float, colour: Colour) -> None:
    """Paint a front door with fanlight, panels and step."""
    sheet.box(x - 0.14, 0.0, 1.24, 2.62, _WHITE)
    sheet.box(x - 0.02, 0.0, 1.0, 2.5, (54, 48, 44))
    sheet.box(x, 0.12, 0.96, 2.0, colour)
    _glass(sheet, x + 0.04, 2.18, 0.88, 0.28)
    dark: Colour = (colour[0] * 0.72, colour[1] * 0.72, colour[2] * 0.72)
    for left in (0.12, 0.54):
        sheet.box(x + left, 0.34, 0.3, 0.62, dark)
        sheet.box(x + left, 1.16, 0.3, 0.76, dark)
    sheet.box(x - 0.2, 0.0, 1.36, 0.12, (150, 146, 140))


def _bay(sheet: _Sheet, x: float, frame: Colour) -> None:
    """Paint a ground floor bay window of three panes under a small lead roof."""
    sheet.box(x - 0.12, 2.52, 2.44, 0.26, (98, 100, 106))
    sheet.box(x - 0.06, 0.0, 2.32, 2.52, (198, 190, 174))
    sheet.box(x, 0.88, 2.2, 1.5, frame)
    for left, width in ((0.07, 0.5), (0.64, 0.92), (1.63, 0.5)):
        _glass(sheet, x + left, 0.95, width, 1.36)
        sheet.box(x + left, 1.66, width, 0.05, frame)


def _sign_letters(sheet: _Sheet, x: float, y: float, w: float, colour: Colour) -> None:
    """Paint a shop's name: blocky letters nobody can read."""
    at = x
    while at < x + w - 0.3:
        wide = sheet.rng.uniform(0.10, 0.26)
        if sheet.rng.random() < 0.85:
            sheet.box(at, y, 0.08, 0.32, colour)
            sheet.box(at, y + sheet.rng.choice([0.0, 0.13, 0.25]), wide, 0.07, colour)
            if sheet.rng.random() < 0.6:
                sheet.box(at + wide - 0.07, y, 0.07, 0.32, colour)
        at += wide + 0.07


def _shop(sheet: _Sheet, paint: Colour) -> None:
    """Paint a shop front over the whole ground floor."""
    rng = sheet.rng
    sheet.box(0.1, 0.0, sheet.width - 0.2, 3.25, paint)
    shadow: Colour = (paint[0] * 0.6, paint[1] * 0.6, paint[2] * 0.6)
    sheet.box(0.1, 2.55, sheet.width - 0.2, 0.06, shadow)
    sheet.box(0.05, 3.25, sheet.width - 0.1, 0.12, (210, 206, 196))
    bright = sum(paint) > 450
    letters: Colour = (40, 40, 46) if bright else (238, 232, 214)
    length = rng.uniform(0.4, 0.7) * sheet.width
    _sign_letters(sheet, (sheet.width - length) / 2, 2.76, length, letters)
    door = rng.uniform(0.3, sheet.width - 1.5)
    for left, right in ((0.3, door - 0.1), (door + 1.1, sheet.width - 0.3)):
        if right - left > 0.5:
            pane = sheet.box(left, 0.55, right - left, 1.92, (52, 54, 58))
            _display(rng, pane, sheet.lamps)
    _glass(sheet, door + 0.12, 0.3, 0.76, 2.1)


def _display(rng: np.random.Generator, pane: Floats, lamps: bool) -> None:
    """Fill a shop window with goods under a warm light and a reflection."""
    height, width = pane.shape[:2]
    inside = 240.0 if lamps else 80.0
    pane += np.linspace(inside, 5, height)[:, None, None] * np.array((1.0, 0.92, 0.72))
    for _ in range(int(width / 9)):
        left, wide = rng.integers(0, max(1, width - 4)), rng.integers(3, 14)
        high = rng.integers(3, max(4, height // 2))
        pane[height - high - 3 : height - 3, left : left + wide] = rng.uniform(40, 205, 3)
    pane[: height // 3] += 22.0
    if rng.random() < 0.5:
        poster = pane[height // 6 : height // 6 + height // 5, width // 6 : width // 2]
        poster[:] = rng.uniform(90, 250, 3)


def _floors(
    sheet: _Sheet, first: float, pitch: float, high: float, wide: float, gap: float
) -> None:
    """Paint rows of windows from the height `first` upwards."""
    count = max(1, int((sheet.width - 0.6) / (wide + gap)))
    spacing = sheet.width / count
    frame = _WHITE if sheet.rng.random() < 0.8 else (74, 62, 52)
    y = first
    while y + high + 0.3 < sheet.height:
        for index in range(count):
            _window(sheet, (index + 0.5) * spacing - wide / 2, y, wide, high, frame)
        y += pitch


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _cover(sheet: _Sheet, brick_share: float) -> Colour:
    """Cover the sheet in brick or render and return the colour."""
    if sheet.rng.random() < brick_share:
        colour = _pick(sheet.rng, _BRICKS)
        _brickwork(sheet, colour)
    else:
        colour = _pick(sheet.rng, _RENDERS)
        _plain(sheet, colour)
    return colour


def build_terrace(rng: np.random.Generator, lamps: bool) -> Front:
    """Return a two-floor terraced house with a door and a bay window."""
    sheet = _Sheet(rng, lamps, float(rng.choice([5.0, 5.6, 6.2])), float(rng.choice([5.6, 5.9])))
    wall = _cover(sheet, 0.75)
    sheet.box(0.0, 2.95, sheet.width, 0.14, (206, 198, 182))
    _floors(sheet, 3.55, 3.0, 1.5, 0.95, 0.9)
    door = 0.45 if rng.random() < 0.5 else sheet.width - 1.5
    _door(sheet, door, _pick(rng, _PAINTS))
    bay = sheet.width - 2.75 if door < sheet.width / 2 else 0.5
    _bay(sheet, bay, _WHITE)
    sheet.box(sheet.width - 0.12, 0.0, 0.09, sheet.height, (52, 50, 50))
    sheet.box(0.0, sheet.height - 0.16, sheet.width, 0.16, (226, 224, 218))
    return sheet.finish(wall, pitched=True)


def build_shop(rng: np.random.Generator, lamps: bool) -> Front:
    """Return a shop with one to three floors above it."""
    floors = int(rng.integers(1, 4))
    sheet = _Sheet(rng, lamps, float(rng.uniform(5.5, 9.0)), 3.5 + 2.9 * floors)
    wall = _cover(sheet, 0.55)
    _floors(sheet, 4.1, 2.9, 1.6, 1.0, float(rng.uniform(0.8, 1.5)))
    _shop(sheet, _pick(rng, _PAINTS))
    sheet.box(0.0, sheet.height - 0.3, sheet.width, 0.3, (212, 204, 190))
    sheet.box(0.0, sheet.height - 0.38, sheet.width, 0.08, (92, 88, 82))
    return sheet.finish(wall, pitched=bool(rng.random() < 0.6))


def build_office(rng: np.random.Generator, lamps: bool) -> Front:
    """Return a modern block: bands of glass between concrete, brick or metal."""
    floors = int(rng.integers(3, 6))
    sheet = _Sheet(rng, lamps, float(rng.uniform(11.0, 17.0)), 3.4 * floors + 0.9)
    wall = _cover(sheet, 0.35)
    bay = float(rng.uniform(1.4, 2.4))
    for floor in range(floors):
        sheet.box(0.0, floor * 3.4 + 0.95, sheet.width, 1.85, (66, 70, 76))
        for index in range(int(sheet.width / bay)):
            _glass(sheet, index * bay + 0.1, floor * 3.4 + 1.0, bay - 0.16, 1.75)
        sheet.box(0.0, floor * 3.4 + 0.86, sheet.width, 0.10, (206, 204, 198))
    sheet.box(0.0, sheet.height - 0.25, sheet.width, 0.25, (120, 120, 122))
    return sheet.finish(wall, pitched=False)


def build_tiles(rng: np.random.Generator) -> Pixels:
    """Return roof tiles or slates, uint8 [128, 192, 3]."""
    colour = np.array(_pick(rng, ((92, 90, 96), (78, 78, 84), (122, 74, 56), (104, 84, 74))))
    rows = np.arange(128)
    tiles = rng.normal(1.0, 0.08, (17, 25))
    texture = colour * tiles[rows[:, None] // 8, np.arange(192)[None, :] // 8][..., None]
    texture[rows % 8 == 0] *= 0.72
    return np.asarray(np.clip(texture, 0, 255), np.uint8)


FRONT_BUILDERS: dict[str, Callable[[np.random.Generator, bool], Front]] = {
    "terrace": build_terrace,
    "shop": build_shop,
    "office": build_office,
}
"""What kinds of fronts there are; with lamps some windows are lit."""


def light_texture(texture: Pixels, gain: Colour) -> Pixels:
    """Multiply the RGB channels of a texture [h, w, 3 or 4] by a gain; alpha stays."""
    channels = texture.shape[2]
    factors = np.diag([*gain, 1.0][:channels])
    return np.asarray(cv2.transform(texture, factors), np.uint8)
