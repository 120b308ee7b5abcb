# SPDX-License-Identifier: Apache-2.0
"""Which frames make up which step, and the workers that prepare them."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from segnet_ros.training import distributed
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.training_frames import Key, TrainingFrames

# One prepares about 700 frames of 480x352 per second.
_MOST_WORKERS = 8


@dataclass(frozen=True)
class BatchPlan:
    """A new order of the frames for every epoch; it depends on the seed and the epoch alone.

    Attributes:
        frames: How many there are.
        batch_size: Frames per step, of all processes together. The last batch of an epoch may be
            smaller; one with fewer frames than processes is left out.
        seed: Of the order.
        process: Whose share to plan, from 0.
        processes: How many share every batch.

    Raises:
        TrainingError: some process would have nothing to do.

    """

    frames: int
    batch_size: int
    seed: int
    process: int = 0
    processes: int = 1

    def __post_init__(self) -> None:
        """Refuse more processes than frames in a batch."""
        if min(self.batch_size, self.frames) < self.processes:
            msg = (
                f"{self.processes} processes cannot share batches of {self.batch_size} from "
                f"{self.frames} frames; start fewer, or raise batch_size"
            )
            raise TrainingError(msg)

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        full, rest = divmod(self.frames, self.batch_size)
        return full + (rest >= self.processes)

    def epoch(self, epoch: int) -> list[list[Key]]:
        """What this process works on in every step of an epoch."""
        order = np.random.default_rng((self.seed, epoch)).permutation(self.frames).tolist()
        starts = range(0, self.steps * self.batch_size, self.batch_size)
        batches = [order[start : start + self.batch_size] for start in starts]
        return [
            [(epoch, index) for index in batch[self.process :: self.processes]] for batch in batches
        ]

    def epochs(self, epochs: Iterable[int]) -> Iterator[list[Key]]:
        """The steps of several epochs, one after the other."""
        return (batch for epoch in epochs for batch in self.epoch(epoch))


def load_batches(
    dataset: TrainingFrames,
    batches: Iterable[list[Key]],
    device: torch.device,
    workers: int | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Prepare batches ahead of their use.

    Args:
        dataset: The frames.
        batches: What to prepare, in this order.
        device: Where the batches will go; for a GPU they lie in pinned memory.
        workers: Processes that prepare them, 0 for none; by default as many as keep up. The
            batches do not depend on it.

    Yields:
        Images uint8 [N, h, w, 3] and labels uint8 [N, h, w], on the CPU.

    """
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=default_workers(device) if workers is None else workers,
        pin_memory=device.type == "cuda",
    )
    with _one_opencv_thread():
        prepared = iter(loader)
    yield from prepared


def default_workers(device: torch.device) -> int:
    """As many as the processor has cores to spare, up to what any network here can use.

    A network on the CPU needs all cores itself, and one worker is ahead of it.
    """
    if device.type == "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) // distributed.local_processes()
    return min(max(1, cores - 1), _MOST_WORKERS)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Workers started in here work alone.

    OpenCV's threads do not come along into them, and it would wait for them forever.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
