# SPDX-License-Identifier: Apache-2.0
"""The grain of the ground and the shadows on it, applied to the whole ground at once."""

import math

import cv2
import numpy as np

from segnet_ros.simulation.camera import Camera, Points
from segnet_ros.simulation.canvas import Pixels
from segnet_ros.simulation.ground import strip
from segnet_ros.simulation.layout import Lot, Plan, Thing
from segnet_ros.simulation.noise import Floats, stream, tileable
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.street_class import StreetClass

_TILE = 512
_TILE_PIXELS_PER_METRE = 32.0
_SLAB = 0.64
_SHADOW_REACH = 70.0


def build_asphalt(seed: int) -> Floats:
    """Return a seamless tile of brightness factors, float32 [512, 512], 16 m wide."""
    rng = stream(seed, 40)
    grain = 0.75 * tileable(rng, _TILE, (0.7, 1.6)) + 0.8 * tileable(rng, _TILE, (18.0, 50.0))
    return np.asarray(1.0 + 0.055 * grain, np.float32)


def build_paving(seed: int) -> Floats:
    """Return a seamless tile of paving slabs, float32 [512, 512] brightness factors."""
    rng = stream(seed, 41)
    count = int(_TILE / (_SLAB * _TILE_PIXELS_PER_METRE))
    lattice = np.arange(_TILE) * count // _TILE
    slabs = rng.normal(1.0, 0.045, (count, count))[lattice[:, None], lattice[None, :]]
    joint = np.diff(lattice, prepend=-1) != 0
    slabs[joint] *= 0.80
    slabs[:, joint] *= 0.80
    return np.asarray(slabs * (1.0 + 0.035 * tileable(rng, _TILE, (0.8, 12.0))), np.float32)


class Surface:
    """Grain and shadows of the ground for one drive."""

    def __init__(self, seed: int) -> None:
        self._asphalt = np.pad(build_asphalt(seed), (0, 1), mode="wrap")
        self._paving = np.pad(build_paving(seed), (0, 1), mode="wrap")

    def apply(self, painter: Painter, plan: Plan, lots: list[Lot], things: list[Thing]) -> None:
        """Darken and roughen the ground that is already painted."""
        top = math.ceil(painter.camera.horizon) + 1
        if top >= painter.camera.size[1]:
            return
        factor = self._grain(painter, top)
        factor *= _shadow_map(painter, plan, lots, things, top)
        ground = painter.canvas.image[top:]
        factors = cv2.merge([factor, factor, factor])
        cv2.multiply(ground, factors, dst=ground, dtype=cv2.CV_8U)

    def _grain(self, painter: Painter, top: int) -> Floats:
        """Return the brightness factors of the ground from row `top` down, float32 [rows, W]."""
        camera = painter.camera
        width, height = camera.size
        depth = camera.ground_depth(np.arange(top, height))
        across = camera.x - camera.bend(camera.s + depth)
        columns = (np.arange(width) - camera.centre)[None, :]
        x = across[:, None] + columns * (depth / camera.focal)[:, None]
        map_x = np.asarray(x * _TILE_PIXELS_PER_METRE, np.float32) % _TILE
        along = ((camera.s + depth) * _TILE_PIXELS_PER_METRE % _TILE).astype(np.float32)
        map_y = np.repeat(along[:, None], width, axis=1)
        asphalt = cv2.remap(self._asphalt, map_x, map_y, cv2.INTER_LINEAR)
        paving = cv2.remap(self._paving, map_x, map_y, cv2.INTER_LINEAR)
        paved = painter.canvas.label[top:] == StreetClass.PAVEMENT
        grain = np.where(paved, paving, asphalt)
        fade = np.clip(14.0 / depth, 0.15, 1.0).astype(np.float32)[:, None]
        return np.asarray(1.0 + (grain - 1.0) * fade, np.float32)


def _shadow_map(
    painter: Painter, plan: Plan, lots: list[Lot], things: list[Thing], top: int
) -> Floats:
    """Return the light that reaches the ground from row `top` down, float32 [rows, W], 0..1."""
    camera = painter.camera
    width, height = camera.size
    mask: Pixels = np.full((height - top, width), 255, np.uint8)
    if painter.light.shadow < 0.8:
        dark = int(255 * painter.light.shadow)
        for outline in _cast_shadows(painter, plan, lots, things):
            _fill(camera, mask, outline, dark, top)
    for thing in things:
        if thing.kind == "car":
            _fill(camera, mask, _footprint(thing), int(255 * min(0.42, painter.light.shadow)), top)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.6 + width / 700)
    return np.asarray(soft.astype(np.float32) / 255.0, np.float32)


def _fill(camera: Camera, mask: Pixels, outline: Points, value: int, top: int) -> None:
    """Fill a ground polygon [N, 3] in the shadow mask unless it begins behind the camera."""
    if outline[:, 2].min() < camera.s + 1.2:
        outline = outline.copy()
        outline[:, 2] = np.maximum(outline[:, 2], camera.s + 1.2)
    pixels = camera.project(outline) - (0.0, top)
    fixed = np.rint(pixels * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], value, cv2.LINE_AA, 4)


def _footprint(thing: Thing) -> Points:
    """Return the dark patch under a car."""
    return strip(thing.x - 0.86, thing.x + 0.86, thing.s - 0.05, thing.s + 4.2)


def _cast_shadows(
    painter: Painter, plan: Plan, lots: list[Lot], things: list[Thing]
) -> list[Points]:
    """Return the outlines of shadows that buildings, trees, cars and people cast."""
    sun = painter.light.sun
    across, along = -sun[0] / sun[1], -sun[2] / sun[1]
    outlines = [
        _lot_shadow(plan, lot, across, along)
        for lot in lots
        if lot.side * sun[0] > 0 and lot.kind in ("terrace", "shop", "office")
    ]
    for thing in things:
        if abs(thing.s - painter.camera.s) < _SHADOW_REACH:
            outlines += _thing_shadow(thing, across, along)
    return outlines


def _lot_shadow(plan: Plan, lot: Lot, across: float, along: float) -> Points:
    """Return the shadow of a building as high as its kind usually is."""
    high = {"terrace": 6.0, "shop": 8.5, "office": 13.0}[lot.kind] + lot.variant % 5 * 0.5
    wall = plan.boundary(lot.side) + lot.side * lot.setback
    reach = wall + across * high
    shift = along * high
    near, far = lot.start, lot.end + 0.05
    return np.array(
        [(wall, 0, near), (wall, 0, far), (reach, 0, far + shift), (reach, 0, near + shift)],
        np.float64,
    )


def _thing_shadow(thing: Thing, across: float, along: float) -> list[Points]:
    if thing.kind in ("tree", "street_tree"):
        high, radius = (6.5, 2.6) if thing.kind == "tree" else (4.2, 1.8)
        angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        wobble = radius * (1.0 + 0.18 * np.sin(angles * 5 + thing.style))
        x = thing.x + across * high + 1.2 * wobble * np.cos(angles)
        s = thing.s + along * high + 1.5 * wobble * np.sin(angles)
        return [np.stack([x, np.zeros(14), s], axis=1)]
    if thing.kind == "car":
        side = thing.x + np.sign(across) * 0.8
        return [strip(thing.x, side + across * 1.2, thing.s + 0.2, thing.s + 4.1)]
    if thing.kind in ("pedestrian", "cyclist", "lamp", "sign", "traffic_light", "beacon"):
        high, half = (1.75, 0.2) if thing.kind in ("pedestrian", "cyclist") else (3.0, 0.06)
        tip = (thing.x + across * high, thing.s + along * high)
        return [
            np.array(
                [
                    (thing.x, 0, thing.s - half),
                    (thing.x, 0, thing.s + half),
                    (tip[0], 0, tip[1] + half),
                    (tip[0], 0, tip[1] - half),
                ],
                np.float64,
            )
        ]
    return []
