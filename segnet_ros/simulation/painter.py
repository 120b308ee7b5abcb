# SPDX-License-Identifier: Apache-2.0
"""Painting in street coordinates: camera, light and canvas together."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from segnet_ros.simulation.camera import NEAR, Camera, Points, clip_near
from segnet_ros.simulation.canvas import Canvas, Pixels
from segnet_ros.simulation.light import TOWARDS, Colour, Light, Normal
from segnet_ros.simulation.street_class import StreetClass

Pyramid = tuple[Pixels, ...]
"""A texture and its successive halvings, finest first."""


def build_pyramid(texture: Pixels, smallest: int = 4) -> Pyramid:
    """Return the texture [h, w, C] and its halvings until an edge would fall under `smallest`."""
    levels = [texture]
    while min(levels[-1].shape[:2]) >= 2 * smallest:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return tuple(levels)


def _level(pyramid: Pyramid, pixels_high: float) -> Pixels:
    """Pick the level whose height comes closest to the height on the image."""
    halvings = math.log2(max(1e-6, pyramid[0].shape[0] / max(pixels_high, 1.0)))
    return pyramid[min(max(0, round(halvings - 0.2)), len(pyramid) - 1)]


class Face(NamedTuple):
    """A flat polygon of a body, [N, 3] metres; without a label it goes into the image only."""

    points: Points
    albedo: Colour
    normal: Normal
    label: StreetClass | None = None
    shines: bool = False


def _visible_span(left: float, right: float, near: float) -> tuple[float, float] | None:
    """Return which share (from, to) of the way from left to right lies beyond near."""
    if max(left, right) <= near + 0.01:
        return None
    if min(left, right) >= near:
        return 0.0, 1.0
    cut = (near - left) / (right - left)
    return (cut, 1.0) if left < right else (0.0, cut)


@dataclass(frozen=True)
class Painter:
    """Paints surfaces given in street coordinates (metres; x right, y up, s along)."""

    camera: Camera
    light: Light
    canvas: Canvas

    @property
    def s_near(self) -> float:
        """Position along the road before which nothing is drawn."""
        return self.camera.s + NEAR

    def face(
        self, points: Points, albedo: Colour, normal: Normal, label: StreetClass | None = None
    ) -> None:
        """Fill a flat polygon [N, 3]; without a label into the image only."""
        visible = clip_near(points, self.s_near)
        if len(visible) < 3:
            return
        depth = float(visible[:, 2].mean()) - self.camera.s
        colour = self.light.shade(albedo, normal, depth)
        self.fill(self.camera.project(visible), colour, label)

    def patches(self, patches: Points, albedo: Colour, normal: Normal) -> None:
        """Fill disjoint quadrilaterals [N, 4, 3] of one surface in the image only.

        The part before the near plane is pushed back to it; that is exact for edges along s.
        """
        seen = patches[patches[:, :, 2].max(axis=1) > self.s_near + 0.1]
        if len(seen) == 0:
            return
        seen[:, :, 2] = np.maximum(seen[:, :, 2], self.s_near)
        depth = float(seen[:, :, 2].mean()) - self.camera.s
        pixels = self.camera.project(seen.reshape(-1, 3)).reshape(-1, 4, 2)
        self.canvas.details(pixels, self.light.shade(albedo, normal, depth))

    def faces(self, faces: list[Face], origin: Points) -> None:
        """Paint the faces of a body in their order; points are metres from the origin [3]."""
        points = np.concatenate([face.points for face in faces]) + origin
        if points[:, 2].min() < self.s_near:
            for face in faces:
                self.face(face.points + origin, face.albedo, face.normal, face.label)
            return
        pixels = self.camera.project(points)
        if pixels[:, 0].max() < 0 or pixels[:, 0].min() > self.camera.size[0]:
            return
        depth = float(origin[2]) - self.camera.s
        start = 0
        for face in faces:
            end = start + len(face.points)
            colour = face.albedo if face.shines else self.light.shade(*face[1:3], depth)
            self.fill(pixels[start:end], colour, face.label)
            start = end

    def fill(self, pixels: Points, colour: Colour, label: StreetClass | None) -> None:
        """Fill a polygon given in pixels [N, 2]; without a label into the image only."""
        if label is None:
            self.canvas.detail(pixels, colour)
        else:
            self.canvas.polygon(pixels, colour, label)

    def wall(self, pyramid: Pyramid, corners: Points, label: StreetClass) -> None:
        """Stretch a lit texture over a quadrilateral [4, 3].

        Corners are upper left, upper right, lower right, lower left as the texture has them; left
        and right edges lie at constant s.
        """
        span = _visible_span(float(corners[0, 2]), float(corners[1, 2]), self.s_near)
        if span is None:
            return
        top = corners[0] + np.outer(span, corners[1] - corners[0])
        bottom = corners[3] + np.outer(span, corners[2] - corners[3])
        pixels = self.camera.project(np.array([top[0], top[1], bottom[1], bottom[0]]))
        depths = top[:, 2] - self.camera.s
        texture = _level(pyramid, self._height_in_view(top, bottom))
        hazed = self._hazed(texture, float(depths.mean()))
        self.canvas.texture(hazed, pixels, label, span)

    def _height_in_view(self, top: Points, bottom: Points) -> float:
        """Return the height in pixels of a wall where it is nearest and inside the image."""
        lateral = float(np.abs(top[:, 0] - self.camera.x).min())
        enters = 2 * lateral * self.camera.focal / self.camera.size[0]
        depth = max(float(top[:, 2].min()) - self.camera.s, enters)
        return float((top[:, 1] - bottom[:, 1]).max()) * self.camera.focal / depth

    def upright(
        self, pyramid: Pyramid, x: float, s: float, size: tuple[float, float], label: StreetClass
    ) -> None:
        """Paint a lit RGBA sprite that stands on the ground at (x, s); size is width, height."""
        if s <= self.s_near:
            return
        width, height = size
        ends = np.array([[x - width / 2, height, s], [x + width / 2, 0.0, s]])
        upper_left, lower_right = self.camera.project(ends)
        sprite = _level(pyramid, float(lower_right[1] - upper_left[1]))
        hazed = self._hazed(sprite, s - self.camera.s)
        self.canvas.sprite(hazed, upper_left, lower_right, label)

    def board(self, x: float, s: float) -> "Board | None":
        """Return the upright plane through (x, s) that faces the camera; None if not in view."""
        if s <= self.s_near:
            return None
        foot = self.camera.project(np.array([[x, 0.0, s]]))[0]
        scale = self.camera.scale(s)
        if not -4 * scale < foot[0] < self.camera.size[0] + 4 * scale:
            return None
        return Board(self, foot, scale, s - self.camera.s)

    def _hazed(self, texture: Pixels, depth: float) -> Pixels:
        """Mix the horizon's colour into a texture [h, w, 3 or 4]; alpha stays."""
        haze = self.light.haze(depth)
        if haze < 0.02:
            return texture
        channels = texture.shape[2]
        gain = [1.0 - haze] * 3 + [1.0] * (channels - 3)
        offset = [haze * c for c in self.light.horizon] + [0.0] * (channels - 3)
        matrix = np.hstack([np.diag(gain), np.array(offset)[:, None]])
        return np.asarray(cv2.transform(texture, matrix), np.uint8)


@dataclass(frozen=True)
class Board:
    """An upright plane that faces the camera; points on it are metres (right, up) from its foot."""

    painter: Painter
    foot: Points
    scale: float
    depth: float

    def polygon(
        self,
        points: Points,
        albedo: Colour,
        label: StreetClass | None = None,
        normal: Normal = TOWARDS,
    ) -> None:
        """Fill a polygon [N, 2] of metres; without a label into the image only."""
        colour = self.painter.light.shade(albedo, normal, self.depth)
        self.painter.fill(self.pixels(points), colour, label)

    def glow(self, points: Points, colour: Colour, label: StreetClass | None = None) -> None:
        """Fill a polygon [N, 2] of metres that shines by itself."""
        self.painter.fill(self.pixels(points), colour, label)

    def pixels(self, points: Points) -> Points:
        """Convert metres [N, 2] to pixels [N, 2]."""
        return self.foot + points * (self.scale, -self.scale)
