# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.layers import conv_bn_relu
from segnet_ros.training.models.vgg16 import (
    chain,
    conv_relu,
    fully_connected,
    recast_linear_as_convolution,
    vgg16_encoder,
)

VGG16 = [
    (3, 64), (64, 64),
    (64, 128), (128, 128),
    (128, 256), (256, 256), (256, 256),
    (256, 512), (512, 512), (512, 512),
    (512, 512), (512, 512), (512, 512),
]  # fmt: skip


def slide(classifier: nn.Module, x: Tensor, height: int, width: int) -> Tensor:
    """Apply a classifier of [N, C, height, width] to every such window of a larger map."""
    rows = [
        torch.stack(
            [
                classifier(x[:, :, top : top + height, left : left + width].flatten(1))
                for left in range(x.shape[3] - width + 1)
            ],
            dim=2,
        )
        for top in range(x.shape[2] - height + 1)
    ]
    return torch.stack(rows, dim=2)


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_recast_layer_gives_the_same_scores_at_the_original_size(bias: bool) -> None:
    linear = nn.Linear(3 * 4 * 5, 7, bias=bias)
    convolution = recast_linear_as_convolution(linear, in_channels=3, kernel_size=(4, 5))
    x = torch.randn(2, 3, 4, 5)
    scores = convolution(x)
    assert scores.shape == (2, 7, 1, 1)
    assert torch.allclose(scores.flatten(1), linear(x.flatten(1)), atol=1e-6)
    assert (convolution.bias is not None) is bias


@torch.inference_mode()
def test_recast_layer_slides_over_a_larger_input() -> None:
    linear = nn.Linear(3 * 4 * 5, 7)
    x = torch.randn(2, 3, 6, 9)
    scores = recast_linear_as_convolution(linear, 3, (4, 5))(x)
    assert scores.shape == (2, 7, 3, 5)
    assert torch.allclose(scores, slide(linear, x, 4, 5), atol=1e-6)


@torch.inference_mode()
def test_recast_classifier_slides_as_a_whole() -> None:
    fc6, fc7, fc8 = nn.Linear(2 * 3 * 3, 8), nn.Linear(8, 8), nn.Linear(8, 5)
    classifier = nn.Sequential(fc6, nn.ReLU(), fc7, nn.ReLU(), fc8)
    convolutional = nn.Sequential(
        recast_linear_as_convolution(fc6, 2, (3, 3)),
        nn.ReLU(),
        recast_linear_as_convolution(fc7, 8, (1, 1)),
        nn.ReLU(),
        recast_linear_as_convolution(fc8, 8, (1, 1)),
    )
    x = torch.randn(1, 2, 7, 4)
    assert torch.allclose(convolutional(x), slide(classifier, x, 3, 3), atol=1e-6)


def test_recast_layer_owns_its_weights() -> None:
    linear = nn.Linear(4, 2)
    convolution = recast_linear_as_convolution(linear, 1, (2, 2))
    before = convolution.weight.clone()
    nn.init.zeros_(linear.weight)
    assert torch.equal(convolution.weight, before)
    assert convolution.weight.requires_grad


def test_layer_of_another_size_is_refused() -> None:
    message = r"has 60 inputs; expected 3 maps of 5x5 cells, 75 inputs; check in_channels"
    with pytest.raises(ValueError, match=message):
        recast_linear_as_convolution(nn.Linear(60, 2), 3, (5, 5))


def test_encoder_is_vgg16() -> None:
    with torch.device("meta"):
        encoder = vgg16_encoder()
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in convolutions] == VGG16
    assert [len(stage) for stage in encoder] == [2, 2, 3, 3, 3]  # type: ignore[arg-type]
    # What torchvision's VGG16 holds without its classifier.
    assert sum(p.numel() for p in encoder.parameters()) == 14_714_688


def test_layer_is_made_as_asked() -> None:
    encoder = vgg16_encoder(widths=(2, 3, 4, 5, 6), layer=conv_bn_relu)
    norms = [m.num_features for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == [2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6]


@torch.inference_mode()
def test_chain_keeps_the_size_and_rectifies() -> None:
    for dilation in (1, 2, 3):
        stage = chain([3, 4, 5], lambda a, b, d=dilation: conv_relu(a, b, d))  # type: ignore[misc]
        y = stage(torch.randn(1, 3, 9, 11))
        assert y.shape == (1, 5, 9, 11)
        assert y.min() == 0
        assert y.max() > 0


@torch.inference_mode()
def test_hole_of_a_dilated_layer() -> None:
    layer = fully_connected(1, 1, kernel_size=3, dilation=4).eval()
    nn.init.ones_(layer[0].weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer[0].bias)  # type: ignore[arg-type]
    point = torch.zeros(1, 1, 11, 11)
    point[..., 5, 5] = 1
    cells = {(row, column) for row in (1, 5, 9) for column in (1, 5, 9)}
    assert set(map(tuple, layer(point)[0, 0].nonzero().tolist())) == cells
