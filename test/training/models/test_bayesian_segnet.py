# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from torch import Tensor, nn

from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.sampled_dropout import SampledDropout
from segnet_ros.training.models.segnet import SegNet

WIDTHS, DEPTHS = (2, 3, 4, 5, 6), (1, 1, 2, 1, 2)


def dropped_shapes(network: nn.Module, image: Tensor) -> list[tuple[int, ...]]:
    """Shapes of what passes each dropout, in the order of the computation."""
    shapes: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        shapes.append(tuple(output.shape))

    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(note)
    with torch.inference_mode():
        network(image)
    return shapes


def test_drops_after_the_inner_poolings_and_decoders() -> None:
    network = BayesianSegNet(3, WIDTHS, DEPTHS)
    assert dropped_shapes(network, torch.rand(1, 3, 90, 120)) == [
        (1, 4, 12, 15),  # pool3
        (1, 5, 6, 8),  # pool4
        (1, 6, 3, 4),  # pool5
        (1, 5, 6, 8),  # decoder 5
        (1, 4, 12, 15),  # decoder 4
        (1, 3, 23, 30),  # decoder 3
    ]


def test_dropout_follows_the_last_relu_of_a_decoder() -> None:
    network = BayesianSegNet(3, WIDTHS, DEPTHS)
    for stage in network.decoder[2:]:
        assert isinstance(stage[-1], SampledDropout)
        assert isinstance(stage[-2][-1], nn.ReLU)
    dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout)]
    assert [dropout.p for dropout in dropouts] == [0.5] * 6


def test_weights_are_segnets_and_so_are_the_scores_without_dropout() -> None:
    torch.manual_seed(0)
    plain, bayesian = SegNet(3, WIDTHS, DEPTHS).eval(), BayesianSegNet(3, WIDTHS, DEPTHS).eval()
    bayesian.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 45, 61)
    with torch.inference_mode():
        assert torch.equal(bayesian(image), plain(image))
        bayesian.train()
        torch.manual_seed(0)
        assert not torch.equal(bayesian(image), bayesian(image))


def test_full_size_has_segnets_parameters() -> None:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in BayesianSegNet(11).parameters())
    assert parameters == 29_449_355
