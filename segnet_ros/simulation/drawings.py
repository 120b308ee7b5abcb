# SPDX-License-Identifier: Apache-2.0
"""Which drawing belongs to which kind of thing."""

from collections.abc import Callable

from segnet_ros.simulation.assets import Assets
from segnet_ros.simulation.cars import draw_car
from segnet_ros.simulation.furniture import (
    draw_beacon,
    draw_bollard,
    draw_lamp,
    draw_railing,
    draw_sign,
    draw_traffic_light,
)
from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.people import draw_cyclist, draw_pedestrian
from segnet_ros.simulation.street_class import StreetClass

_DRAWINGS: dict[str, Callable[[Painter, Thing], None]] = {
    "beacon": draw_beacon,
    "bollard": draw_bollard,
    "car": draw_car,
    "cyclist": draw_cyclist,
    "lamp": draw_lamp,
    "pedestrian": draw_pedestrian,
    "railing": draw_railing,
    "sign": draw_sign,
    "traffic_light": draw_traffic_light,
}

_TREE_HEIGHT = {"tree": 9.5, "street_tree": 6.2}


def draw_thing(painter: Painter, assets: Assets, thing: Thing) -> None:
    """Paint one thing."""
    if thing.kind in _TREE_HEIGHT:
        high = _TREE_HEIGHT[thing.kind] * (0.8 + 0.4 * (thing.style % 97) / 97)
        size = (high * 320 / 384, high)
        painter.upright(assets.tree(thing.style), thing.x, thing.s, size, StreetClass.TREE)
    else:
        _DRAWINGS[thing.kind](painter, thing)
