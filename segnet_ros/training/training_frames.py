"""Labelled frames in memory, augmented the same way whenever the same epoch is drawn."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.frames import LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.training.transforms import Augmentation, augment

Pixels = npt.NDArray[np.uint8]


class TrainingFrames:
    """A map-style dataset of augmented frames.

    Every picture is decoded once and kept. What frame `index` looks like in an epoch depends on
    the seed, the epoch and the index alone, so a resumed run repeats an uninterrupted one.

    Args:
        frames: What to read; at least one, all of one taxonomy.
        augmentation: What a frame may become.
        seed: Of all randomness.
    """

    def __init__(
        self, frames: Sequence[LabelledFrame], augmentation: Augmentation, seed: int
    ) -> None:
        self.classes = common_taxonomy(frames).classes
        self._pixels = [read_frame(frame) for frame in frames]
        self._augmentation = augmentation
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
        """Image uint8 [h, w, 3] RGB and labels uint8 [h, w] at the crop size."""
        rng = np.random.default_rng((self._seed, self.epoch, index))
        return augment(*self._pixels[index], self._augmentation, VOID, rng)

    def labels(self) -> Iterator[Pixels]:
        """The labels of every frame, uint8 [H, W], not augmented."""
        return (labels for _, labels in self._pixels)
