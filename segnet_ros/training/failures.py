# SPDX-License-Identifier: Apache-2.0
"""Failures of the machine, told with their remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segnet_ros.training.errors import TrainingError
from segnet_ros.training.recipe import Recipe

# PyTorch's own, and oneDNN's, which says no more.
_CPU_MEMORY = ("can't allocate memory", "could not create a primitive", "could not create a memory")
_LOST_WORKER = "DataLoader worker"


@contextmanager
def failures_explained(recipe: Recipe) -> Iterator[None]:
    """Turn exhausted memory and killed workers into one line.

    Raises:
        TrainingError: instead of what PyTorch raises.

    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        remedy = _remedy(error, recipe)
        if remedy is None:
            raise
        raise TrainingError(remedy) from error


def _remedy(error: Exception, recipe: Recipe) -> str | None:
    if _is_out_of_memory(error):
        return (
            f"out of memory with {recipe.batch_size} frames per batch; lower batch_size or the "
            "augmentation's crop (--dry-run shows what they cost), or share the batch among GPUs "
            "with torchrun"
        )
    if _LOST_WORKER in str(error):
        return (
            f"a process that prepares frames was lost ({' '.join(str(error).split())}); give "
            "fewer --workers, or more shared memory (Docker: --shm-size)"
        )
    return None


def _is_out_of_memory(error: Exception) -> bool:
    known = isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError))
    return known or any(sign in str(error) for sign in _CPU_MEMORY)
