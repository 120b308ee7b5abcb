# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch

from segnet_ros.training.point_losses import density_loss, heatmap_loss


def maps(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1)


def test_heatmap_loss_of_a_hand_computed_case() -> None:
    # Squared errors 0.25, 0.04 and 0.01 times the cross-entropies.
    loss = heatmap_loss(maps(0.5, 0.2, 0.6), maps(1.0, 0.0, 0.5))
    entropies = (math.log(2), -math.log(0.8), -0.5 * math.log(0.6) - 0.5 * math.log(0.4))
    expected = 0.25 * entropies[0] + 0.04 * entropies[1] + 0.01 * entropies[2]
    assert loss.item() == pytest.approx(expected / 1.5)


def test_heatmap_loss_is_smallest_where_maps_equal_soft_targets() -> None:
    targets = maps(0.0, 0.3, 0.8, 1.0)
    assert heatmap_loss(targets, targets) == 0.0
    for error in (-0.1, 0.1):
        assert heatmap_loss((targets + error).clamp(0, 1), targets) > 0.001


def test_picture_without_keypoints_still_teaches() -> None:
    nothing = torch.zeros(1, 2, 3, 4)
    wrong = torch.full_like(nothing, 0.5)
    assert heatmap_loss(wrong, nothing).item() == pytest.approx(24 * 0.25 * math.log(2))
    assert density_loss(wrong, nothing) > 6.0


def test_losses_do_not_depend_on_how_often_a_frame_is_in_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    answer, target = torch.rand(2, 1, 2, 5, 7, generator=generator).unbind()
    for loss in (heatmap_loss, density_loss):
        once, twice = (
            loss(answer, target),
            loss(answer.repeat(2, 1, 1, 1), target.repeat(2, 1, 1, 1)),
        )
        assert once > 0
        assert twice.item() == pytest.approx(once.item())


def test_density_loss_of_a_hand_computed_case() -> None:
    # Two things; pixels miss by 0.5 and -0.2, the count by 0.3.
    loss = density_loss(maps(1.5, 0.8, 0.0), maps(1.0, 1.0, 0.0))
    assert loss.item() == pytest.approx((0.29 + 0.01 * 0.09) / 2)


def test_miscounts_of_frames_and_kinds_do_not_cancel() -> None:
    targets = torch.full((2, 2, 1, 2), 0.5)
    shift = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).reshape(2, 2, 1, 1) * 0.1
    loss = density_loss(targets + shift, targets)
    # Eight pixels miss by 0.1 each, four counts by 0.2, four things.
    assert loss.item() == pytest.approx((8 * 0.01 + 0.01 * 4 * 0.04) / 4)
