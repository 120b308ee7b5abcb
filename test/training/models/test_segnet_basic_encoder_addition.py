# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn

from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_basic_encoder_addition import SegNetBasicEncoderAddition
from segnet_ros.training.models.switches import IndexSwitching, MaskSwitching


def made(classes: int = 5) -> SegNetBasicEncoderAddition:
    torch.manual_seed(0)
    return SegNetBasicEncoderAddition(classes, kernel_size=3, width=4).eval()


def test_every_decoder_result_gets_the_encoder_maps_added() -> None:
    network = made()
    image = torch.randn(2, 3, 21, 30, generator=torch.Generator().manual_seed(1))
    switching = IndexSwitching()
    with torch.inference_mode():
        e1 = network.encoder[0](image)
        p1, s1 = switching.pool(e1)
        e2 = network.encoder[1](p1)
        p2, s2 = switching.pool(e2)
        e3 = network.encoder[2](p2)
        p3, s3 = switching.pool(e3)
        e4 = network.encoder[3](p3)
        p4, s4 = switching.pool(e4)
        d4 = network.decoder[3](switching.unpool(p4, s4, (3, 4))) + e4
        d3 = network.decoder[2](switching.unpool(d4, s3, (6, 8))) + e3
        d2 = network.decoder[1](switching.unpool(d3, s2, (11, 15))) + e2
        d1 = network.decoder[0](switching.unpool(d2, s1, (21, 30))) + e1
        assert torch.allclose(network(image), network.classifier(d1), atol=1e-6)


def test_without_decoders_the_first_encoder_still_reaches_the_classifier() -> None:
    network = made()
    for stage in network.decoder:
        nn.init.zeros_(stage[1].weight)
    image = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        expected = network.classifier(network.encoder[0](image))
        assert torch.allclose(network(image), expected, atol=1e-6)


def test_weights_are_those_of_segnet_basic() -> None:
    plain = SegNetBasic(5, kernel_size=3, width=4).eval()
    network = made()
    plain.load_state_dict(network.state_dict())
    image = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        assert not torch.allclose(plain(image), network(image), atol=1e-3)


def test_other_switching_gives_the_same_scores() -> None:
    network = made()
    image = torch.randn(1, 3, 19, 22)
    with torch.inference_mode():
        expected = network(image)
        network.switching = MaskSwitching()
        assert torch.equal(network(image), expected)
