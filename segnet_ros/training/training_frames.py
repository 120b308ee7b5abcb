# SPDX-License-Identifier: Apache-2.0
"""Labelled frames in memory, augmented the same way whenever the same epoch is drawn."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.training.transforms import Augmentation, augment

Pixels = npt.NDArray[np.uint8]

Key = tuple[int, int]
"""(epoch, index of the frame)"""


class TrainingFrames:
    """A map-style dataset of augmented frames.

    Every picture is decoded once and kept. What a frame looks like in an epoch depends on the seed,
    the epoch and the frame's index alone: not on the worker that prepares it, and a resumed run
    repeats an uninterrupted one.

    Args:
        frames: What to read; at least one, all of one taxonomy.
        augmentation: What a frame may become; None leaves every frame as it is.
        seed: Of all randomness.

    Raises:
        DatasetError: a frame cannot be read, or frames that stay as they are differ in size.

    """

    def __init__(
        self, frames: Sequence[LabelledFrame], augmentation: Augmentation | None, seed: int
    ) -> None:
        self.classes = common_taxonomy(frames).classes
        self._pixels = [read_frame(frame) for frame in frames]
        self._augmentation = augmentation
        self._seed = seed
        if augmentation is None:
            self._refuse_mixed_sizes(frames)

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, key: Key) -> tuple[Pixels, Pixels]:
        """Image uint8 [h, w, 3] RGB and labels uint8 [h, w], all frames of one size."""
        epoch, index = key
        if self._augmentation is None:
            return self._pixels[index]
        rng = np.random.default_rng((self._seed, epoch, index))
        return augment(*self._pixels[index], self._augmentation, VOID, rng)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every item, pixels."""
        if self._augmentation is not None:
            return self._augmentation.crop
        height, width = self._pixels[0][1].shape
        return width, height

    @property
    def nbytes(self) -> int:
        """Memory that the decoded frames take."""
        return sum(image.nbytes + labels.nbytes for image, labels in self._pixels)

    def labels(self) -> Iterator[Pixels]:
        """The labels of every frame, uint8 [H, W], not augmented."""
        return (labels for _, labels in self._pixels)

    def _refuse_mixed_sizes(self, frames: Sequence[LabelledFrame]) -> None:
        for frame, labels in zip(frames, self.labels(), strict=True):
            if labels.shape != (self.size[1], self.size[0]):
                msg = (
                    f"{frame.image_path} is {labels.shape[1]}x{labels.shape[0]}, "
                    f"{frames[0].image_path} {self.size[0]}x{self.size[1]}; without augmentation "
                    "all frames must have one size; give the recipe an augmentation with a crop"
                )
                raise DatasetError(msg)
