# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from segnet_ros.training.errors import TrainingError
from segnet_ros.training.failures import failures_explained
from segnet_ros.training.recipe import Recipe

RECIPE = Recipe("segnet_light", 1, batch_size=7)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("could not create a primitive"),
        MemoryError(),
    ],
)
def test_exhausted_memory_names_the_remedy(error: Exception) -> None:
    with (
        pytest.raises(TrainingError, match="out of memory with 7 frames per batch; lower batch_s"),
        failures_explained(RECIPE),
    ):
        raise error


def test_memory_that_the_machine_does_not_have_is_recognised() -> None:
    with pytest.raises(TrainingError, match="out of memory"), failures_explained(RECIPE):
        torch.empty(2**60, dtype=torch.uint8)


def test_lost_worker_names_the_remedy() -> None:
    killed = RuntimeError("DataLoader worker (pid 12) is killed by signal: Bus error. \nIt is")
    with (
        pytest.raises(TrainingError, match=r"lost \(.*Bus error. It is\); give fewer --workers"),
        failures_explained(RECIPE),
    ):
        raise killed


@pytest.mark.parametrize("error", [RuntimeError("a defect"), TrainingError("told"), KeyError(1)])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, failures_explained(RECIPE):
        raise error
    assert caught.value is error
