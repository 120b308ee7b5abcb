# SPDX-License-Identifier: Apache-2.0

import copy
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.losses import weighted_cross_entropy
from segnet_ros.training.models import build_model
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.recipe import RecipeError

CLASSES = 3
VOID = 11
WEIGHTS = torch.tensor([0.5, 1.0, 2.0])
CRITERION = partial(weighted_cross_entropy, weights=WEIGHTS, void=VOID)


def network() -> SegNet:
    torch.manual_seed(0)
    return SegNet(CLASSES, widths=(4, 5, 6), depths=(1, 1, 1))


def labels() -> Tensor:
    drawn = torch.randint(0, CLASSES, (2, 16, 16), generator=torch.Generator().manual_seed(1))
    drawn[:, :3] = VOID
    return drawn


def inner_outputs(model: SegNet, image: Tensor) -> list[Tensor]:
    """What decoder stages 1 and 2 give for an image, in this order."""
    outputs: list[Tensor] = []
    for stage in model.decoder[1:]:
        stage.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    model(image)
    return outputs[::-1]


def test_loss_is_the_mean_over_inner_stages() -> None:
    model, image = network(), torch.randn(2, 3, 16, 16)
    plain = copy.deepcopy(model)
    supervision = DeepSupervision(model, CLASSES)
    model(image)
    loss = supervision.loss(labels(), CRITERION)
    expected = []
    for head, features in zip(supervision.heads, inner_outputs(plain, image), strict=True):
        stride = 16 // features.shape[2]
        # The nearest label of a 2x2 or 4x4 block is that just after its middle.
        small = labels()[:, stride // 2 :: stride, stride // 2 :: stride]
        scores = F.log_softmax(head(features), dim=1)
        costs = [
            -WEIGHTS[small[n, y, x]] * scores[n, small[n, y, x], y, x]
            for n, y, x in (small != VOID).nonzero().tolist()
        ]
        expected.append(torch.stack(costs).mean())
    assert loss.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


def test_heads_fit_the_stages_from_the_outside_in() -> None:
    supervision = DeepSupervision(network(), CLASSES)
    assert [tuple(head.weight.shape) for head in supervision.heads] == [(3, 4, 1, 1), (3, 5, 1, 1)]


def test_gradients_reach_the_deepest_layer_but_not_the_classifier() -> None:
    model = network()
    supervision = DeepSupervision(model, CLASSES)
    model(torch.randn(1, 3, 16, 16))
    supervision.loss(labels()[:1], CRITERION).backward()
    deepest = model.encoder[2][0][0].weight.grad
    assert deepest is not None
    assert deepest.abs().max() > 0
    assert model.classifier.weight.grad is None


def test_network_is_not_changed() -> None:
    model, image = network().eval(), torch.randn(1, 3, 16, 16)
    before, names = model(image), list(model.state_dict())
    DeepSupervision(model, CLASSES)
    assert torch.equal(model(image), before)
    assert list(model.state_dict()) == names


def test_forward_passes_outside_training_are_not_collected() -> None:
    model, image = network(), torch.randn(1, 3, 16, 16)
    supervision = DeepSupervision(model, CLASSES)
    model.eval()
    model(torch.randn(2, 3, 16, 16))
    model.train()
    model(image)
    first = supervision.loss(labels()[:1], CRITERION)
    model(image)
    # Of the last pass only: the first one was used up.
    assert torch.allclose(supervision.loss(labels()[:1], CRITERION), first)


@pytest.mark.parametrize("architecture", ["segnet_light", "segnet_basic_3x3"])
def test_networks_with_a_mirrored_decoder_can_be_supervised(architecture: str) -> None:
    model = build_model(architecture, CLASSES)
    supervision = DeepSupervision(model, CLASSES)
    for head in supervision.heads:
        nn.init.zeros_(head.weight)  # type: ignore[arg-type]
        nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    model(torch.randn(2, 3, 32, 32))
    ones = partial(weighted_cross_entropy, weights=torch.ones(CLASSES), void=VOID)
    loss = supervision.loss(torch.zeros(2, 32, 32).long(), ones)
    assert loss.item() == pytest.approx(math.log(CLASSES))


def test_criterion_decides_the_loss() -> None:
    model, image = network(), torch.randn(2, 3, 16, 16)
    supervision = DeepSupervision(model, CLASSES)
    model(image)
    assert supervision.loss(labels(), lambda logits, small: logits.new_tensor(2.5)) == 2.5


@pytest.mark.parametrize(
    "decoder",
    [None, nn.Conv2d(3, 3, 1), nn.ModuleList([nn.Conv2d(3, 3, 1)]), nn.ModuleList([nn.ReLU()] * 2)],
    ids=["none", "no list", "one stage", "no convolution"],
)
def test_other_networks_are_refused(decoder: nn.Module | None) -> None:
    model = nn.Module()
    if decoder is not None:
        model.decoder = decoder
    with pytest.raises(
        RecipeError, match=r"inner_weight needs .*Module has none; set inner_weight"
    ):
        DeepSupervision(model, CLASSES)
