# SPDX-License-Identifier: Apache-2.0
"""The image and its label, painted together in pixel coordinates."""

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.simulation.camera import Points
from segnet_ros.simulation.light import Colour
from segnet_ros.simulation.street_class import StreetClass

Pixels = npt.NDArray[np.uint8]

_SUBPIXEL_BITS = 4


def _fixed_point(points: Points) -> npt.NDArray[np.int32]:
    """Convert pixels [N, 2] to OpenCV's fixed-point polygon format."""
    return np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def blend(target: Pixels, paint: Pixels, alpha: Pixels) -> None:
    """Mix paint [H, W, 3] into target [H, W, 3] in place; alpha uint8 [H, W], 255 = paint."""
    cover = cv2.merge([alpha, alpha, alpha])
    over = cv2.multiply(paint, cover, scale=1 / 255)
    under = cv2.multiply(target, cv2.bitwise_not(cover), scale=1 / 255)
    cv2.add(over, under, dst=target)


def _split(rgba: Pixels) -> tuple[Pixels, Pixels]:
    """Return colours [H, W, 3] and alpha [H, W] of an RGBA image, each contiguous."""
    return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])


class Canvas:
    """An RGB image uint8 [H, W, 3] and a label uint8 [H, W].

    Whatever hides what lies behind it is painted into both through the same geometry; the image
    gets smooth edges, the label crisp ones. `detail` paints into the image alone and is meant for
    what lies inside a shape that is labelled already.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        self.image: Pixels = np.zeros((height, width, 3), np.uint8)
        self.label: Pixels = np.full((height, width), StreetClass.SKY, np.uint8)

    def polygon(self, points: Points, colour: Colour, label: StreetClass) -> None:
        """Fill a polygon of pixels [N, 2] (x, y) in image and label."""
        outline = [_fixed_point(points)]
        cv2.fillPoly(self.image, outline, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.fillPoly(self.label, outline, int(label), cv2.LINE_8, _SUBPIXEL_BITS)

    def detail(self, points: Points, colour: Colour) -> None:
        """Fill a polygon of pixels [N, 2] in the image only."""
        cv2.fillPoly(self.image, [_fixed_point(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def details(self, polygons: Points, colour: Colour) -> None:
        """Fill disjoint polygons of equally many corners, pixels [N, M, 2], in the image only."""
        outlines = list(_fixed_point(polygons))
        cv2.fillPoly(self.image, outlines, colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def tint(self, points: Points, colour: Colour, share: float, label: StreetClass) -> None:
        """Fill a polygon of pixels [N, 2] with a see-through colour, share 0..1, and label it."""
        window = self._window(points)
        if window is None:
            return
        rows, columns, origin = window
        patch = self.image[rows, columns]
        alpha = np.zeros(patch.shape[:2], np.uint8)
        outline = [_fixed_point(points - origin)]
        cv2.fillPoly(alpha, outline, 255 * share, cv2.LINE_AA, _SUBPIXEL_BITS)
        blend(patch, np.full_like(patch, np.asarray(colour, np.uint8)), alpha)
        labels = self.label[rows, columns]
        cv2.fillPoly(labels, outline, int(label), cv2.LINE_8, _SUBPIXEL_BITS)

    def texture(
        self, texture: Pixels, corners: Points, label: StreetClass, span: tuple[float, float]
    ) -> None:
        """Stretch a texture [h, w, 3] over a quadrilateral in image and label.

        Corners are pixels [4, 2]: upper left, upper right, lower right, lower left. They show the
        share `span` (from, to) of the texture's width.
        """
        window = self._window(corners)
        if window is None:
            return
        rows, columns, origin = window
        local = corners - origin
        patch = self.image[rows, columns]
        height, width = texture.shape[:2]
        left, right = span[0] * width, span[1] * width
        source = np.array([[left, 0], [right, 0], [right, height], [left, height]]) - 0.5
        matrix = cv2.getPerspectiveTransform(source.astype(np.float32), local.astype(np.float32))
        shape = (patch.shape[1], patch.shape[0])
        paint = cv2.warpPerspective(texture, matrix, shape, borderMode=cv2.BORDER_REPLICATE)
        alpha = np.zeros(patch.shape[:2], np.uint8)
        outline = [_fixed_point(local)]
        cv2.fillPoly(alpha, outline, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        blend(patch, np.asarray(paint, np.uint8), alpha)
        labels = self.label[rows, columns]
        cv2.fillPoly(labels, outline, int(label), cv2.LINE_8, _SUBPIXEL_BITS)

    def sprite(
        self, sprite: Pixels, upper_left: Points, lower_right: Points, label: StreetClass
    ) -> None:
        """Paint an RGBA sprite [h, w, 4] into an upright rectangle given by two pixels [2]."""
        window = self._window(np.stack([upper_left, lower_right]))
        if window is None:
            return
        rows, columns, origin = window
        height, width = sprite.shape[:2]
        scale = (lower_right - upper_left) / (width, height)
        shift = upper_left - origin + 0.5 * scale - 0.5
        matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
        patch = self.image[rows, columns]
        warped = cv2.warpAffine(sprite, matrix, (patch.shape[1], patch.shape[0]))
        paint, alpha = _split(np.asarray(warped, np.uint8))
        blend(patch, paint, alpha)
        self.label[rows, columns][alpha >= 128] = int(label)

    def _window(self, points: Points) -> tuple[slice, slice, Points] | None:
        """Return rows, columns and origin (x, y) of the image part around points [N, 2]."""
        height, width = self.label.shape
        left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + 2
        right, bottom = min(right, width), min(bottom, height)
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right), np.array([left, top], np.float64)
