# SPDX-License-Identifier: Apache-2.0
"""Textures and sprites of one drive, lit once and kept."""

from functools import lru_cache

from segnet_ros.simulation.facades import FRONT_BUILDERS, Front, build_tiles, light_texture
from segnet_ros.simulation.layout import Lot
from segnet_ros.simulation.light import Light, Normal
from segnet_ros.simulation.noise import stream
from segnet_ros.simulation.painter import Pyramid, build_pyramid
from segnet_ros.simulation.trees import build_tree

_FRONTS = 7
_TREES = 7
_ROOFS = 4
_KINDS = sorted(FRONT_BUILDERS)


class Assets:
    """Makes each texture when it is first asked for."""

    def __init__(self, seed: int, light: Light) -> None:
        self._seed = seed
        self._light = light
        self._front = lru_cache(maxsize=None)(self._make_front)
        self._lit_front = lru_cache(maxsize=None)(self._make_lit_front)
        self._roof = lru_cache(maxsize=None)(self._make_roof)
        self._tree = lru_cache(maxsize=None)(self._make_tree)

    def front(self, lot: Lot) -> tuple[Front, Pyramid]:
        """Return a lot's building front and its texture as lit on the lot's side."""
        variant = lot.variant % _FRONTS
        return self._front(lot.kind, variant), self._lit_front(lot.kind, variant, lot.side)

    def roof(self, lot: Lot) -> Pyramid:
        """Return the lit tiles of a lot's roof."""
        return self._roof(lot.variant % _ROOFS, lot.side)

    def tree(self, style: int) -> Pyramid:
        """Return a lit tree, RGBA."""
        return self._tree(style % _TREES)

    def _make_front(self, kind: str, variant: int) -> Front:
        rng = stream(self._seed, 30, _KINDS.index(kind), variant)
        return FRONT_BUILDERS[kind](rng, self._light.lamps)

    def _make_lit_front(self, kind: str, variant: int, side: int) -> Pyramid:
        facing: Normal = (-float(side), 0.0, 0.0)
        texture = self._front(kind, variant).texture
        return build_pyramid(light_texture(texture, self._light.gain(facing)))

    def _make_roof(self, variant: int, side: int) -> Pyramid:
        slope: Normal = (-0.55 * side, 0.83, 0.0)
        tiles = build_tiles(stream(self._seed, 31, variant))
        return build_pyramid(light_texture(tiles, self._light.gain(slope)))

    def _make_tree(self, variant: int) -> Pyramid:
        return build_pyramid(build_tree(stream(self._seed, 32, variant), self._light))
