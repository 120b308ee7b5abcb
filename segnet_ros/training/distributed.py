# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one network, started by `torchrun`: one per GPU, or on CPUs.

Every process holds all frames and the whole network, and works on its share of each batch. What a
batch teaches does not depend on the number of processes: sums over its pixels run over all shares.
Without torchrun everything here does nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

_T = TypeVar("_T")


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started, for the length of a block.

    Its environment variables say where they meet; a group that exists already is used as it is.
    """
    if dist.is_initialized() or _variable("WORLD_SIZE", 1) == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    yield
    # Not after an error: the others may wait in the middle of an exchange, until torchrun stops
    # them because this process ended.
    dist.destroy_process_group()


def processes() -> int:
    """How many processes train."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else _variable("RANK", 0)


def local_rank() -> int:
    """The number of this process among those of its machine, from 0."""
    return _variable("LOCAL_RANK", 0)


def local_processes() -> int:
    """How many of the processes run on this machine."""
    return _variable("LOCAL_WORLD_SIZE", 1)


def is_main() -> bool:
    """Whether this is the process that reads checkpoints, writes and prints."""
    return rank() == 0


def sum_over_processes(tensor: Tensor) -> Tensor:
    """The sum of all processes' tensors, for every process; without gradient."""
    if processes() == 1:
        return tensor
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The mean of all processes' tensors, for every process; without gradient."""
    return tensor if processes() == 1 else sum_over_processes(tensor) / processes()


def from_main(make: Callable[[], _T]) -> _T:
    """What the main process makes, for every process; so only its machine needs the files.

    Raises:
        Exception: what `make` raises there, in every process.

    """
    if processes() == 1:
        return make()
    made: list[object] = [_value_or_error(make) if is_main() else None]
    dist.broadcast_object_list(made)
    if isinstance(made[0], Exception):
        raise made[0]
    return made[0]  # type: ignore[return-value]


def _value_or_error(make: Callable[[], _T]) -> _T | Exception:
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # raised again in every process
        return error


def _variable(name: str, default: int) -> int:
    return int(os.environ.get(name, default))
