# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.sampled_dropout import SampledDropout
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.switches import MaskSwitching, TwoBitSwitching
from segnet_ros.training.monte_carlo import (
    FrozenDropout,
    freeze_dropout,
    is_bayesian,
    summarize,
)

TINY: dict[str, Callable[..., SegNet | SegNetBasic]] = {
    "bayesian_segnet": partial(BayesianSegNet, widths=(3, 4, 5, 6), depths=(1, 1, 2, 1)),
    "bayesian_segnet_basic": partial(BayesianSegNetBasic, kernel_size=3, width=6),
}
IMAGE = torch.randn(1, 3, 37, 50, generator=torch.Generator().manual_seed(3))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(architecture: str, **options: Any) -> SegNet | SegNetBasic:
    torch.manual_seed(0)
    network = TINY[architecture](5, **options)
    nn.init.normal_(network.classifier.weight, std=1.0)
    network.switching = MaskSwitching()
    return network.eval()


def frozen(architecture: str, samples: int, **options: Any) -> SegNet | SegNetBasic:
    network = made(architecture, **options)
    freeze_dropout(network, samples)
    return network


def masks_of(network: nn.Module) -> list[Tensor]:
    """Which cells each frozen dropout keeps for `IMAGE`, in the order of the computation."""
    masks: list[Tensor] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        masks.append(module.forward(torch.ones_like(inputs[0])) != 0)

    dropouts = [module for module in network.modules() if isinstance(module, FrozenDropout)]
    handles = [dropout.register_forward_hook(note) for dropout in dropouts]
    with torch.inference_mode():
        network(IMAGE)
    for handle in handles:
        handle.remove()
    return masks


@pytest.mark.parametrize("architecture", TINY)
def test_one_pass_equals_single_passes_with_the_same_masks(architecture: str) -> None:
    """Dropout by hand, sample after sample, in the network as it was trained."""
    samples = 3
    network = frozen(architecture, samples)
    masks = masks_of(network)
    plain = made(architecture)
    current: Iterator[Tensor] = iter(())

    def drop(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return inputs[0] * next(current) / 0.5

    for module in plain.modules():
        if isinstance(module, SampledDropout):
            module.register_forward_hook(drop)
    singles = []
    with torch.inference_mode():
        for sample in range(samples):
            current = iter([mask[sample] for mask in masks])
            singles.append(torch.softmax(plain(IMAGE), 1))
        together = torch.softmax(network(IMAGE), 1)
    assert together.shape == (samples, 5, 37, 50)
    assert torch.allclose(together, torch.cat(singles), atol=1e-5)
    assert not torch.allclose(singles[0], singles[1], atol=0.05)
    mean, _ = summarize(together)
    assert torch.allclose(mean, torch.cat(singles).mean(0, keepdim=True), atol=1e-5)


@pytest.mark.parametrize("architecture", TINY)
def test_batch_norm_stays_in_evaluation_mode(architecture: str) -> None:
    network = frozen(architecture, 4)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [{name: t.clone() for name, t in norm.state_dict().items()} for norm in norms]
    with torch.inference_mode():
        network(10 * IMAGE + 5)
    assert len(norms) >= 8
    assert not any(norm.training for norm in norms)
    for norm, state in zip(norms, before, strict=True):
        assert norm.num_batches_tracked == 0
        assert all(torch.equal(state[name], t) for name, t in norm.state_dict().items())


@pytest.mark.parametrize("architecture", TINY)
def test_without_dropout_nothing_is_uncertain(architecture: str) -> None:
    network = frozen(architecture, 3, probability=0.0)
    with torch.inference_mode():
        mean, uncertainty = summarize(torch.softmax(network(IMAGE), 1))
        expected = torch.softmax(made(architecture)(IMAGE), 1)
    assert torch.allclose(mean, expected, atol=1e-6)
    assert uncertainty.max() < 1e-6


def test_same_frame_same_answer_whatever_the_random_state() -> None:
    answers = []
    for seed in (1, 2):
        network = frozen("bayesian_segnet_basic", 4)
        torch.manual_seed(seed)
        with torch.inference_mode():
            answers += [network(IMAGE), network(IMAGE)]
    assert all(torch.equal(answer, answers[0]) for answer in answers)


def test_first_stages_are_computed_once() -> None:
    network = frozen("bayesian_segnet", 4)
    batches: list[int] = []
    for stage in (*network.encoder, *reversed(network.decoder)):
        stage.register_forward_hook(lambda module, inputs, output: batches.append(len(output)))
    with torch.inference_mode():
        network(IMAGE)
    # Four stages here: the three deepest poolings are the second to the fourth.
    assert batches == [1, 1, 4, 4] + [4] * 4


def test_other_index_free_switching_gives_the_same_samples() -> None:
    network = frozen("bayesian_segnet_basic", 2)
    with torch.inference_mode():
        expected = network(IMAGE)
        network.switching = TwoBitSwitching()
        assert torch.equal(network(IMAGE), expected)


@pytest.mark.parametrize("probability", [0.5, 0.2])
def test_masks_are_fair_independent_coin_flips(probability: float) -> None:
    dropout = FrozenDropout(probability, samples=6, seed=1)
    kept = (dropout(torch.ones(1, 16, 20, 30)) != 0).float()
    assert kept.shape == (6, 16, 20, 30)
    assert abs(kept.mean().item() - (1 - probability)) < 0.01
    # No two samples, no two maps and no two neighbours have anything to do with each other.
    rows = [kept.flatten(1), kept[0].flatten(1), kept[0, :, :, :2].flatten(0, 1).T]
    for row in rows:
        correlation = torch.corrcoef(row) - torch.eye(len(row))
        assert correlation.abs().max() < 0.2


def test_what_is_kept_is_scaled_up() -> None:
    x = torch.full((1, 4, 10, 10), 3.0)
    assert FrozenDropout(0.25, samples=2, seed=0)(x).unique().tolist() == [0.0, 4.0]


def test_every_dropout_has_masks_of_its_own() -> None:
    masks = masks_of(frozen("bayesian_segnet_basic", 2))
    assert len(masks) == 4
    # pool3 and decoder 4 have the same shape.
    assert masks[0].shape == masks[2].shape == (2, 6, 5, 7)
    assert not torch.equal(masks[0], masks[2])


def test_dropout_that_only_regularises_is_left_alone() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.Sequential(SampledDropout(0.5)))
    freeze_dropout(network, 2)
    assert type(network[0]) is nn.Dropout
    assert isinstance(network[1][0], FrozenDropout)


def test_bayesian_is_what_has_dropout_to_sample() -> None:
    assert is_bayesian(made("bayesian_segnet"))
    assert not is_bayesian(SegNetBasic(2, kernel_size=3, width=2))
    assert not is_bayesian(nn.Sequential(nn.Dropout(0.5)))


def test_summary_of_known_samples() -> None:
    samples = torch.tensor(
        [
            [[1.0, 0.5], [0.0, 0.3], [0.0, 0.2]],
            [[0.0, 0.5], [1.0, 0.3], [0.0, 0.2]],
        ]
    )[:, :, None]
    mean, uncertainty = summarize(samples)
    assert mean.shape == (1, 3, 1, 2)
    assert torch.allclose(mean[0, :, 0].T, torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.3, 0.2]]))
    # Each of two classes has a variance of 1/4: the bound for two samples, sqrt(1 - 1/2).
    assert torch.allclose(uncertainty, torch.tensor([[[0.5**0.5, 0.0]]]))


def test_uncertainty_is_the_papers_mean_variance_on_another_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.softmax(torch.randn(7, 11, 4, 5, generator=generator), 1)
    _, uncertainty = summarize(samples)
    expected = samples.var(dim=0, unbiased=False).mean(0)
    assert torch.allclose(uncertainty[0].square() / 11, expected, atol=1e-6)
