# SPDX-License-Identifier: Apache-2.0

import copy

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.optimization import (
    learning_rate,
    make_optimizer,
    parameter_groups,
    update_average,
)
from segnet_ros.training.recipe import Recipe

STEPS = 10


def recipe(**changes: object) -> Recipe:
    values = {"epochs": 3, "learning_rate": 0.5, "warmup_epochs": 0.5, "weight_decay": 0.1}
    return Recipe("segnet_light", **(values | changes))  # type: ignore[arg-type]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


def rates(schedule: str) -> list[float]:
    changed = recipe(schedule=schedule)
    return [learning_rate(changed, step, STEPS) for step in range(3 * STEPS)]


@pytest.mark.parametrize("schedule", ["cosine", "poly", "constant"])
def test_every_schedule_rises_to_its_peak_at_first(schedule: str) -> None:
    assert rates(schedule)[:6] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


def test_cosine_falls_to_half_in_the_middle_and_to_zero_at_the_end() -> None:
    # 25 steps after the warm-up of five.
    assert learning_rate(recipe(epochs=3, warmup_epochs=1), 20, STEPS) == pytest.approx(0.25)
    assert rates("cosine")[-1] == pytest.approx(0.5 * 0.5 * (1 - 0.99211), abs=1e-5)


def test_poly_falls_as_a_power_of_what_is_left() -> None:
    assert rates("poly")[5:] == pytest.approx([0.5 * (1 - i / 25) ** 0.9 for i in range(25)])


def test_constant_stays() -> None:
    assert set(rates("constant")[5:]) == {0.5}


def test_without_warm_up_the_first_step_is_the_peak() -> None:
    assert learning_rate(recipe(warmup_epochs=0), 0, STEPS) == 0.5


def test_only_kernels_decay() -> None:
    model = network()
    kernels, others = parameter_groups(list(model.parameters()), 0.25)
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.25, 0.0)
    assert [id(p) for p in kernels["params"]] == [id(model[0].weight)]
    assert {id(p) for p in others["params"]} == {
        id(p) for p in (model[0].bias, model[1].weight, model[1].bias)
    }


def stepped(changed: Recipe, gradients: list[float]) -> Tensor:
    """A kernel of ones after some steps."""
    kernel = nn.Parameter(torch.ones(1, 1, 1, 1))
    optimizer = make_optimizer([kernel], changed)
    for gradient in gradients:
        kernel.grad = torch.full_like(kernel, gradient)
        optimizer.step()
    return kernel.detach().flatten()


def test_sgd_is_caffes() -> None:
    # v = 0.9 v + g + decay * w; w -= rate * v
    kernel, velocity = 1.0, 0.0
    for gradient in (1.0, -0.5, 2.0):
        velocity = 0.9 * velocity + gradient + 0.1 * kernel
        kernel -= 0.5 * velocity
    ours = stepped(recipe(optimizer="sgd", momentum=0.9), [1.0, -0.5, 2.0])
    assert ours.item() == pytest.approx(kernel)


def test_adamw_decays_apart_from_the_gradient() -> None:
    # The first step of Adam is the rate itself, whatever the gradient.
    ours = stepped(recipe(), [123.0])
    assert ours.item() == pytest.approx(1.0 * (1 - 0.5 * 0.1) - 0.5)


def averaged_after(step: int, largest_decay: float) -> nn.Sequential:
    """An average of zeros, moved towards ones."""
    averaged, model = network(), network()
    for tensor in averaged.state_dict().values():
        tensor.zero_()
    for tensor in model.state_dict().values():
        tensor.fill_(1)
    update_average(averaged, model, largest_decay, step)
    return averaged


def test_average_starts_quickly_and_ends_at_its_decay() -> None:
    for step, kept in ((0, 0.0), (1, 2 / 11), (2, 3 / 12), (1000, 0.5)):
        averaged = averaged_after(step, largest_decay=0.5).state_dict()
        for name in ("0.weight", "1.bias", "1.running_var"):
            assert averaged[name].flatten()[0].item() == pytest.approx(1 - kept)
        assert averaged["1.num_batches_tracked"] == 1


def test_no_decay_takes_the_weights_as_they_are() -> None:
    averaged, model = network(), network()
    before = copy.deepcopy(model.state_dict())
    update_average(averaged, model, 0.0, 1000)
    for name, tensor in averaged.state_dict().items():
        assert torch.equal(tensor, before[name]), name
