# SPDX-License-Identifier: Apache-2.0
"""A drive through an endless British street, rendered frame by frame with exact labels."""

import math
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from segnet_ros.simulation.assets import Assets
from segnet_ros.simulation.buildings import build_skyline, draw_lot, draw_skyline
from segnet_ros.simulation.camera import Camera, CentreLine
from segnet_ros.simulation.canvas import Canvas
from segnet_ros.simulation.drawings import draw_thing
from segnet_ros.simulation.ground import VIEW_DISTANCE, draw_ground
from segnet_ros.simulation.layout import BLOCK, Block, Lot, Thing, build_block, choose_plan
from segnet_ros.simulation.light import choose_light
from segnet_ros.simulation.noise import stream
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.sensor import Sensor
from segnet_ros.simulation.sky import build_sky, draw_sky
from segnet_ros.simulation.street_class import StreetClass
from segnet_ros.simulation.surface import Surface
from segnet_ros.simulation.traffic import build_flows, lead_car, movers

FRAME_RATE = 15.0
"""Frames per second."""

SPEED = 8.0
"""Metres per second of the camera."""

_SMALLEST = (64, 48)
_HEAD_START = 6.0


class StreetDrive:
    """A camera on a car that drives through a street generated from a seed.

    The same seed, size and index always give the same frame, in any order of calls.

    Args:
        seed: selects street, traffic, weather and camera; 0 or more.
        size: image width and height in pixels, at least 64x48.

    Attributes:
        plan: the cross-section of the street.
        block: function from a block's number to what stands in it.

    Raises:
        ValueError: if the seed is negative or the size too small.

    """

    def __init__(self, seed: int, size: tuple[int, int] = (480, 360)) -> None:
        _check_seed(seed)
        _check_size(size)
        self._seed = seed
        self._size = size
        rng = stream(seed, 0)
        self.plan = choose_plan(seed)
        self._light = choose_light(rng)
        self._road = _choose_road(rng)
        self._eye = float(rng.uniform(1.2, 1.5))
        self._horizon = float(rng.uniform(0.47, 0.56)) * size[1]
        self._focal = float(rng.uniform(0.95, 1.1)) * size[0]
        self._flows = build_flows(seed, self.plan)
        self._assets = Assets(seed, self._light)
        self._surface = Surface(seed)
        self._sensor = Sensor(seed, size, self._light.lamps)
        rows = math.ceil(self._horizon) + 8
        self._sky = build_sky(stream(seed, 10), self._light, size[0], rows)
        self._skyline = build_skyline(stream(seed, 11))
        self.block = lru_cache(maxsize=32)(partial(build_block, seed, plan=self.plan))

    def frame(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Render frame `index` (0 or more; `FRAME_RATE` per second).

        Returns:
            The image, RGB uint8 [H, W, 3], and its label, uint8 [H, W] of `StreetClass` ids.

        Raises:
            ValueError: if the index is negative.

        """
        painter = self._painter(index)
        blocks = self._blocks_in_view(painter.camera.s)
        things = self.things(index)
        lots = [lot for _, block in blocks for lot in block.lots]
        draw_sky(painter.canvas, painter.camera, self._sky)
        draw_skyline(painter, self._skyline)
        draw_ground(painter, self.plan, blocks)
        self._surface.apply(painter, self.plan, lots, things)
        for item in _far_to_near(lots, things):
            self._draw(painter, item)
        return self._sensor.expose(painter.canvas.image, index), painter.canvas.label

    def instances(self, index: int) -> tuple[list[Thing], npt.NDArray[np.int32]]:
        """Tell which thing every pixel of frame `index` shows.

        What hides a thing takes its pixels, so a point of a thing, projected by `camera(index)`,
        is in sight where the nearest pixel is the thing's own.

        Returns:
            `things(index)`, and int32 [H, W]: the place in that list of what the label image shows
            at a pixel; -1 for sky, ground and buildings.

        Raises:
            ValueError: if the index is negative.

        """
        painter = self._painter(index)
        things = self.things(index)
        lots = [lot for _, block in self._blocks_in_view(painter.camera.s) for lot in block.lots]
        places = {thing: place for place, thing in enumerate(things)}
        label = painter.canvas.label
        shown = np.full(label.shape, -1, np.int32)
        for item in _far_to_near(lots, things):
            label.fill(StreetClass.VOID)
            self._draw(painter, item)
            shown[label != StreetClass.VOID] = places[item] if isinstance(item, Thing) else -1
        return things, shown

    def camera(self, index: int) -> Camera:
        """Return where the camera is and how it projects at frame `index`."""
        time = index / FRAME_RATE
        bounce = 0.0012 * math.sin(7.3 * time) + 0.0008 * math.sin(12.1 * time + 1.0)
        return Camera(
            size=self._size,
            x=-0.5 * self.plan.lane + 0.12 * math.sin(0.5 * time),
            eye=self._eye,
            s=_HEAD_START + SPEED * time,
            focal=self._focal,
            horizon=self._horizon + bounce * self._size[1],
            road=self._road,
        )

    def _blocks_in_view(self, s: float) -> list[tuple[int, Block]]:
        first = int((s - BLOCK) // BLOCK)
        last = int((s + VIEW_DISTANCE) // BLOCK)
        return [(number, self.block(number)) for number in range(max(0, first), last + 1)]

    def things(self, index: int) -> list[Thing]:
        """Return everything that stands or moves up to the view distance at frame `index`."""
        time = index / FRAME_RATE
        s = self.camera(index).s
        span = (s - 6.0, s + VIEW_DISTANCE)
        things = [thing for _, block in self._blocks_in_view(s) for thing in block.things]
        things += lead_car(self._seed, self.plan, s, time)
        for number, flow in enumerate(self._flows):
            things += movers(self._seed, number, flow, time, span)
        return [thing for thing in things if span[0] < thing.s < span[1]]

    def _painter(self, index: int) -> Painter:
        """Return the means to paint frame `index` on an empty canvas."""
        if index < 0:
            msg = f"frame index is {index}; expected 0 or more"
            raise ValueError(msg)
        return Painter(self.camera(index), self._light, Canvas(self._size))

    def _draw(self, painter: Painter, item: Thing | Lot) -> None:
        if isinstance(item, Thing):
            draw_thing(painter, self._assets, item)
        else:
            draw_lot(painter, self._assets, self.plan, item)


def _far_to_near(lots: list[Lot], things: list[Thing]) -> list[Thing | Lot]:
    """Return the order to paint in.

    A building is as far as its far end, so that whatever stands before it comes later.
    """
    items: list[Thing | Lot] = [*lots, *things]
    return sorted(items, key=_distance_key, reverse=True)


def _distance_key(item: Thing | Lot) -> float:
    return item.s if isinstance(item, Thing) else item.end


def _choose_road(rng: np.random.Generator) -> CentreLine:
    """Draw a course with bends no tighter than about 250 m radius."""
    sway = rng.uniform(0.0, 1.0)
    return CentreLine(
        amplitudes=(9.0 * sway, 2.2 * sway),
        wavelengths=(72.0, 31.0),
        phases=(float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28))),
    )


def _check_seed(seed: int) -> None:
    if seed < 0:
        msg = f"seed is {seed}; expected 0 or more"
        raise ValueError(msg)


def _check_size(size: tuple[int, int]) -> None:
    if size[0] < _SMALLEST[0] or size[1] < _SMALLEST[1]:
        msg = (
            f"size is {size[0]}x{size[1]} pixels; expected at least {_SMALLEST[0]}x{_SMALLEST[1]} "
            "(width x height)"
        )
        raise ValueError(msg)
