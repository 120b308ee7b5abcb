# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn

from segnet_ros.training.models.segnet_basic_single_channel_decoder import (
    SegNetBasicSingleChannelDecoder,
)


def test_decoder_kernels_see_one_map_each() -> None:
    network = SegNetBasicSingleChannelDecoder(11)
    kernels = [stage[0] for stage in network.decoder]
    assert [tuple(kernel.weight.shape) for kernel in kernels] == [(64, 1, 7, 7)] * 4
    assert [kernel.groups for kernel in kernels] == [64] * 4
    assert all(type(stage[1]) is nn.BatchNorm2d for stage in network.decoder)


def test_a_decoder_does_not_mix_maps() -> None:
    torch.manual_seed(0)
    decoder = SegNetBasicSingleChannelDecoder(3, kernel_size=3, width=4).eval().decoder[0]
    x = torch.zeros(1, 4, 9, 9)
    with torch.inference_mode():
        silent = decoder(x)
        x[0, 2, 4, 4] = 1.0
        changed = (decoder(x) - silent)[0].abs().amax((1, 2)) > 0
    assert changed.tolist() == [False, False, True, False]


def test_encoder_and_classifier_mix_all_maps() -> None:
    network = SegNetBasicSingleChannelDecoder(3, kernel_size=3, width=4)
    assert [stage[0].groups for stage in network.encoder] == [1] * 4
    assert network.classifier.weight.shape == (3, 4, 1, 1)


def test_decoder_weights_are_drawn_for_their_few_inputs() -> None:
    torch.manual_seed(0)
    network = SegNetBasicSingleChannelDecoder(11)
    # He et al.: variance 2 / inputs, of which there are 7 * 7.
    deviation = torch.stack([stage[0].weight for stage in network.decoder]).std().item()
    assert abs(deviation - (2 / 49) ** 0.5) < 0.01
    assert all((stage[0].bias == 0).all() for stage in network.decoder)
