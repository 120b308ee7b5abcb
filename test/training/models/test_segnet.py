# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.switches import IndexSwitching

VGG16 = [
    (3, 64), (64, 64),
    (64, 128), (128, 128),
    (128, 256), (256, 256), (256, 256),
    (256, 512), (512, 512), (512, 512),
    (512, 512), (512, 512), (512, 512),
]  # fmt: skip
CLASSES = 11


class RecordingSwitching(IndexSwitching):
    """Notes the size of every pooled map, (height, width)."""

    def __init__(self) -> None:
        self.pooled: list[tuple[int, int]] = []

    def pool(self, x: Tensor) -> tuple[Tensor, Tensor]:
        result = super().pool(x)
        self.pooled.append((result[0].shape[2], result[0].shape[3]))
        return result


def thin_segnet(classes: int = 3, stages: int = 5) -> SegNet:
    return SegNet(classes, widths=[2] * stages, depths=[1] * stages).eval()


def pass_through(network: nn.Module) -> None:
    """Make every convolution the identity, so that only pooling and unpooling are left."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.dirac_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0


def test_parameters_are_those_of_the_paper() -> None:
    # 3x3 kernels and a bias, plus two numbers of batch normalisation per map; the decoder mirrors
    # the encoder, but for its last convolution, which gives the classes and is not normalised.
    normalized = VGG16 + [(b, a) for a, b in VGG16[1:]]
    expected = sum(9 * a * b + b + 2 * b for a, b in normalized) + 9 * 64 * CLASSES + CLASSES
    parameters = sum(p.numel() for p in SegNet(CLASSES).parameters())
    assert parameters == expected == 29_449_355


def test_encoder_is_vgg16_and_decoder_its_mirror() -> None:
    network = SegNet(CLASSES)
    maps = [(m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, nn.Conv2d)]
    decoder = [
        (m.in_channels, m.out_channels)
        for stage in reversed(network.decoder)
        for m in stage.modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert maps[:13] == VGG16
    assert [*decoder, (64, CLASSES)] == [(b, a) for a, b in reversed(VGG16[1:])] + [(64, CLASSES)]


def test_sizes_are_rounded_up_as_in_caffe() -> None:
    network = thin_segnet()
    network.switching = recorder = RecordingSwitching()
    with torch.inference_mode():
        scores = network(torch.zeros(1, 3, 360, 480))
    assert recorder.pooled == [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)]
    assert scores.shape == (1, 3, 360, 480)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (1, 1), (5, 64)])
def test_scores_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert thin_segnet()(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_every_decoder_stage_unpools_through_the_switches_of_its_mirror() -> None:
    network = SegNet(3, widths=(3, 3), depths=(1, 1)).eval()
    pass_through(network)
    image = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
    with torch.inference_mode():
        scores = network(image.expand(1, 3, 4, 4))
    # Pooled twice, only the 8 is left, and it returns to where it came from.
    assert scores[0, 0].nonzero().tolist() == [[3, 3]]
    assert scores[0, :, 3, 3].tolist() == [8.0, 8.0, 8.0]


def test_decoder_is_rectified() -> None:
    network = thin_segnet(stages=2)
    lowest = minima_of_decoder(network)
    assert len(lowest) == 2
    assert min(lowest) == 0.0


def test_first_scores_are_nearly_equal() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        scores = SegNet(CLASSES, widths=(8, 8), depths=(1, 1))(torch.randn(1, 3, 16, 16))
    assert 0 < scores.std() < 0.3


def minima_of_decoder(network: nn.Module) -> list[float]:
    """The lowest value that each decoder stage gives for a random image."""
    lowest: list[float] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        lowest.append(output.min().item())

    for stage in network.decoder:  # type: ignore[union-attr]
        stage.register_forward_hook(note)
    with torch.inference_mode():
        network(torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    return lowest
