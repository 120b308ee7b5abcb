# SPDX-License-Identifier: Apache-2.0

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch

from segnet_ros.training.errors import TrainingError
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.training_step import Measurements

if TYPE_CHECKING:
    from segnet_ros.training.training_state import TrainingState


def measurements(device: str) -> Measurements:
    """Of a run whose seventh step is next."""
    state = SimpleNamespace(
        recipe=Recipe("segnet_light", 1), step=7, device=SimpleNamespace(type=device)
    )
    return Measurements(cast("TrainingState", state))


def epoch(measured: Measurements, rows: list[list[float]]) -> None:
    for row in rows:
        measured.add(torch.tensor(row))
    measured.means()


def test_means_are_over_all_steps() -> None:
    for device, steps in (("cpu", 3), ("cuda", 60)):
        measured = measurements(device)
        for step in range(steps):
            measured.add(torch.tensor([step, 2.0 * step, 5.0]))
        expected = {"loss": pytest.approx((steps - 1) / 2), "gradient_norm": 5.0}
        assert measured.means() == expected


def test_loss_is_known_after_every_step_on_a_cpu_and_now_and_then_on_a_gpu() -> None:
    cpu, gpu = measurements("cpu"), measurements("cuda")
    rows = [torch.tensor([float(step), 1.0, 1.0]) for step in range(60)]
    assert [cpu.add(row) for row in rows] == list(range(60))
    known = {step: loss for step, row in enumerate(rows) if (loss := gpu.add(row)) is not None}
    assert known == {24: 24.0, 49: 49.0}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1.0, math.nan, 1.0], "the loss is nan at step 9; lower learning_rate"),
        ([1.0, math.inf, 1.0], "the loss is inf at step 9"),
        ([1.0, 1.0, math.inf], "the gradient's norm is inf at step 9"),
    ],
)
def test_infinite_numbers_are_found_before_the_epoch_ends(
    device: str, row: list[float], message: str
) -> None:
    rows = [[1.0] * 3, [1.0] * 3, row, [1.0] * 3]
    with pytest.raises(TrainingError, match=message):
        epoch(measurements(device), rows)
