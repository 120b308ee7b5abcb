# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from torch import Tensor, nn

from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.sampled_dropout import SampledDropout
from segnet_ros.training.models.segnet_basic import SegNetBasic


def test_drops_after_the_inner_poolings_and_decoders() -> None:
    network = BayesianSegNetBasic(3, kernel_size=3, width=4)
    sizes: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        sizes.append(tuple(output.shape[2:]))

    for module in network.modules():
        if isinstance(module, nn.Dropout):
            assert module.p == 0.5
            module.register_forward_hook(note)
    with torch.inference_mode():
        network(torch.rand(1, 3, 90, 120))
    # pool3, pool4, decoder 4, decoder 3
    assert sizes == [(12, 15), (6, 8), (12, 15), (23, 30)]


def test_dropout_follows_batch_norm_in_the_decoder() -> None:
    network = BayesianSegNetBasic(3, kernel_size=3, width=4)
    layers = [[type(layer) for layer in stage] for stage in network.decoder]
    plain = [nn.Conv2d, nn.BatchNorm2d]
    assert layers == [plain, plain, [*plain, SampledDropout], [*plain, SampledDropout]]


def test_weights_are_segnet_basics_and_so_are_the_scores_without_dropout() -> None:
    torch.manual_seed(0)
    plain = SegNetBasic(3, kernel_size=3, width=4).eval()
    bayesian = BayesianSegNetBasic(3, kernel_size=3, width=4).eval()
    bayesian.load_state_dict(plain.state_dict())
    image = torch.randn(1, 3, 45, 61)
    with torch.inference_mode():
        assert torch.equal(bayesian(image), plain(image))
        bayesian.train()
        torch.manual_seed(0)
        assert not torch.equal(bayesian(image), bayesian(image))
