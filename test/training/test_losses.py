# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segnet_ros.datasets.frames import DatasetError
from segnet_ros.training.losses import (
    LossNormalization,
    class_weights,
    median_frequency_weights,
    weighted_cross_entropy,
)

VOID = 11
ONE_FRAME = 480 * 360
# Pixels of the 367 training images by class, and the number of images with the class.
CAMVID_PIXELS = [
    10682767, 14750079, 623349, 20076880, 2845085, 6166762, 743859, 714595, 3719877, 405385, 184967,
]  # fmt: skip
CAMVID_IMAGES = [366, 365, 366, 367, 349, 319, 351, 173, 360, 317, 201]


def test_weights_of_a_hand_computed_case() -> None:
    # Two images of 100 pixels; class 2 occurs in one of them only, class 3 never.
    pixels = torch.tensor([80, 20, 10, 0])
    image_pixels = torch.tensor([200, 200, 100, 0])
    # Frequencies 0.4, 0.1, 0.1; their median is 0.1.
    weights = median_frequency_weights(pixels, image_pixels)
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([0.25, 1.0, 1.0, 0.0])


def test_median_of_an_even_number_of_classes_lies_between_the_middle_two() -> None:
    weights = median_frequency_weights(torch.tensor([10, 20, 40, 80]), torch.full((4,), 100))
    assert weights.tolist() == pytest.approx([3.0, 1.5, 0.75, 0.375])


def test_power_tempers_the_balance() -> None:
    pixels, image_pixels = torch.tensor([80, 20, 5]), torch.full((3,), 100)
    assert median_frequency_weights(pixels, image_pixels, 0.5).tolist() == pytest.approx(
        [0.5, 1, 2]
    )
    assert median_frequency_weights(pixels, image_pixels, 0.0).tolist() == [1.0, 1.0, 1.0]


def test_weights_of_camvid() -> None:
    image_pixels = torch.tensor(CAMVID_IMAGES) * ONE_FRAME
    weights = median_frequency_weights(torch.tensor(CAMVID_PIXELS), image_pixels)
    published = [
        0.2793, 0.2017, 4.7865, 0.1490, 1.0, 0.4217,
        3.8467, 1.9736, 0.7889, 6.3747, 8.8587,
    ]  # fmt: skip
    assert weights.tolist() == pytest.approx(published, abs=5e-5)


def test_class_weights_count_void_in_the_image_but_not_as_a_class() -> None:
    first, second = np.full((2, 48, 64), VOID, np.uint8)
    first[:24], first[24:36] = 0, 3  # half and a quarter of the first picture
    second[:12] = 3  # a quarter of the second one, which has no class 0
    weights = class_weights([first, second], classes=5, power=1.0)
    # Frequencies 1/2 and 1/4, median 3/8.
    assert weights.tolist() == pytest.approx([0.75, 0, 0, 1.5, 0])


def test_labels_that_are_all_void_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"nothing to learn from .*: every label is void"):
        class_weights([np.full((4, 4), VOID, np.uint8)], classes=5)


def test_loss_divided_by_weights_is_the_weighted_mean_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 5), generator=generator)
    labels[:, 0] = VOID
    weights = torch.tensor([0.25, 1.0, 4.0])
    ours = weighted_cross_entropy(logits, labels, weights, VOID, "weights")
    theirs = F.cross_entropy(logits, labels, weights, ignore_index=VOID)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_on_camvid_the_two_normalizations_differ_by_about_two() -> None:
    share = torch.tensor(CAMVID_PIXELS) / sum(CAMVID_PIXELS)
    image_pixels = torch.tensor(CAMVID_IMAGES) * ONE_FRAME
    weights = median_frequency_weights(torch.tensor(CAMVID_PIXELS), image_pixels)
    # One pixel column per class, repeated by its share; equal scores cost log(11) everywhere.
    counts = (share * 10_000).round().long()
    labels = torch.arange(11).repeat_interleave(counts)[None, None]
    logits = torch.zeros(1, 11, 1, labels.shape[2])
    valid = weighted_cross_entropy(logits, labels, weights, VOID, "valid_pixels").item()
    weighted = weighted_cross_entropy(logits, labels, weights, VOID, "weights").item()
    assert weighted == pytest.approx(math.log(11), rel=1e-5)
    assert weighted / valid == pytest.approx(2.12, abs=0.01)


def test_loss_is_divided_by_labelled_pixels_not_by_their_weights() -> None:
    # Probabilities 3/4 and 1/4 for the right class, weights 2 and 0.5, and a void pixel.
    logits = torch.log(torch.tensor([[0.75, 0.75, 0.5], [0.25, 0.25, 0.5]]))[None, :, None]
    labels = torch.tensor([[[0, 1, VOID]]])
    loss = weighted_cross_entropy(logits, labels, torch.tensor([2.0, 0.5]), VOID)
    expected = (2.0 * -math.log(0.75) + 0.5 * -math.log(0.25)) / 2
    assert loss.item() == pytest.approx(expected)


def test_void_pixels_change_neither_loss_nor_gradient() -> None:
    labels = torch.tensor([[[0, 2], [VOID, 1]]])
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    other = logits.clone()
    other[:, :, 1, 0] = 50.0
    losses = []
    for scores in (logits, other):
        scores.requires_grad_()
        loss = weighted_cross_entropy(scores, labels, torch.ones(3), VOID)
        loss.backward()
        losses.append(loss.item())
        assert scores.grad is not None
        assert scores.grad[:, :, 1, 0].abs().max() == 0
        assert scores.grad[:, :, 0, 0].abs().max() > 0
    assert losses[0] == losses[1]


@pytest.mark.parametrize("normalization", ["valid_pixels", "weights"])
def test_batch_without_labels_costs_nothing(normalization: LossNormalization) -> None:
    labels = torch.full((1, 2, 2), VOID)
    logits = torch.randn(1, 3, 2, 2)
    assert weighted_cross_entropy(logits, labels, torch.ones(3), VOID, normalization) == 0.0


def test_half_precision_scores_are_summed_in_full_precision() -> None:
    logits = torch.zeros(1, 2, 300, 300, dtype=torch.bfloat16)
    loss = weighted_cross_entropy(logits, torch.zeros(1, 300, 300).long(), torch.ones(2), VOID)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(2), rel=1e-5)
