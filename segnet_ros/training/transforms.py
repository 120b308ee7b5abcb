# SPDX-License-Identifier: Apache-2.0
"""Random changes that make more out of few training frames. All work on uint8 RGB."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# ITU-R BT.601: shares of red, green and blue in perceived brightness.
_LUMA = (0.299, 0.587, 0.114)
# Below this a Gaussian kernel is a single pixel.
_SMALLEST_BLUR = 0.2


@dataclass(frozen=True)
class Augmentation:
    """What a training frame may become.

    Attributes:
        crop: (width, height) of the result, pixels.
        scale: Smallest and largest zoom; drawn log-uniformly.
        brightness: Largest factor between the darkest and the brightest result's gain, in stops.
        gamma: Largest exponent applied to 0..1 intensities; its inverse is the smallest.
        color: Largest relative gain of one colour channel against the others.
        saturation: Largest relative change of the distance from grey.
        blur: Largest deviation of a Gaussian blur, pixels; half of the frames stay sharp.
        flip: Whether to mirror left and right.

    Raises:
        ValueError: a value is out of range.

    """

    crop: tuple[int, int] = (480, 360)
    scale: tuple[float, float] = (0.75, 1.5)
    brightness: float = 1.0
    gamma: float = 1.5
    color: float = 0.1
    saturation: float = 0.0
    blur: float = 0.0
    flip: bool = True

    def __post_init__(self) -> None:
        """Refuse what no picture can become."""
        smallest, largest = self.scale
        expected = {
            "crop": ("sides of 1 pixel or more", min(self.crop) >= 1),
            "scale": ("0 < smallest <= largest", 0 < smallest <= largest < math.inf),
            "brightness": ("0 or more", 0 <= self.brightness < math.inf),
            "gamma": ("1 or more", 1 <= self.gamma < math.inf),
            "color": ("0 <= value < 1", 0 <= self.color < 1),
            "saturation": ("0 <= value <= 1", 0 <= self.saturation <= 1),
            "blur": ("0 or more", 0 <= self.blur < math.inf),
        }
        for name, (what, holds) in expected.items():
            if not holds:
                msg = f"{name} is {getattr(self, name)}; expected {what}"
                raise ValueError(msg)


def augment(
    image: Pixels, labels: Pixels, recipe: Augmentation, void: int, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Scale, crop, mirror and recolour one frame.

    Args:
        image: uint8 [H, W, 3] RGB.
        labels: uint8 [H, W].
        recipe: What may happen.
        void: Label of the area that the frame does not cover after shrinking.
        rng: The only source of randomness: equal generators give equal results.

    Returns:
        Image [h, w, 3] and labels [h, w] at the recipe's crop size.

    """
    image, labels = _scale_and_crop(image, labels, recipe, void, rng)
    if recipe.flip and rng.random() < 0.5:
        image, labels = image[:, ::-1], labels[:, ::-1]
    image = _recolor(np.ascontiguousarray(image), recipe, rng)
    return _blur(_saturate(image, recipe, rng), recipe, rng), np.ascontiguousarray(labels)


def _scale_and_crop(
    image: Pixels, labels: Pixels, recipe: Augmentation, void: int, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    width, height = recipe.crop
    zoom = float(np.exp(rng.uniform(*np.log(recipe.scale))))
    left = rng.uniform(*sorted((0.0, image.shape[1] * zoom - width)))
    top = rng.uniform(*sorted((0.0, image.shape[0] * zoom - height)))
    # Pixel centres are at half-integers, for the picture and for the crop.
    shift = 0.5 * zoom - 0.5
    to_crop = np.array([[zoom, 0.0, shift - left], [0.0, zoom, shift - top]])
    smooth = cv2.warpAffine(image, to_crop, (width, height), flags=cv2.INTER_LINEAR)
    crisp = cv2.warpAffine(
        labels, to_crop, (width, height), flags=cv2.INTER_NEAREST, borderValue=(void,)
    )
    return np.asarray(smooth, np.uint8), np.asarray(crisp, np.uint8)


def _recolor(image: Pixels, recipe: Augmentation, rng: np.random.Generator) -> Pixels:
    stops = rng.uniform(-recipe.brightness, recipe.brightness) / 2
    gains = 2.0**stops * rng.uniform(1 - recipe.color, 1 + recipe.color, size=3)
    exponent = np.exp(rng.uniform(-1, 1) * np.log(recipe.gamma))
    intensity = (np.arange(256)[:, None] / 255.0) ** exponent * gains
    table = np.clip(np.rint(intensity * 255.0), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def _saturate(image: Pixels, recipe: Augmentation, rng: np.random.Generator) -> Pixels:
    if recipe.saturation == 0:
        return image
    kept = rng.uniform(1 - recipe.saturation, 1 + recipe.saturation)
    mix = kept * np.eye(3) + (1 - kept) * np.tile(_LUMA, (3, 1))
    return np.asarray(cv2.transform(image, mix), np.uint8)


def _blur(image: Pixels, recipe: Augmentation, rng: np.random.Generator) -> Pixels:
    if recipe.blur == 0 or rng.random() < 0.5:
        return image
    sigma = max(_SMALLEST_BLUR, rng.uniform(0, recipe.blur))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
