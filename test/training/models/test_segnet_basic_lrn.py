# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import nn

from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_basic_lrn import PictureResponseNorm, SegNetBasicLRN


@pytest.fixture
def picture() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 9, 7), generator=generator).float()


def test_one_pixel_by_hand() -> None:
    pixel = torch.tensor([10.0, 100.0, 200.0]).view(1, 3, 1, 1)
    factor = (1 + 1e-4 / 5 * (100 + 10_000 + 40_000)) ** -0.75
    expected = [10 * factor, 100 * factor, 200 * factor]
    assert PictureResponseNorm()(pixel).flatten().tolist() == pytest.approx(expected, rel=1e-6)


def test_is_local_response_norm_over_three_channels(picture: torch.Tensor) -> None:
    general = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
    torch.testing.assert_close(PictureResponseNorm()(picture), general(picture))


def test_white_does_not_overflow_half_precision() -> None:
    white = torch.full((1, 3, 1, 1), 255.0)
    expected = PictureResponseNorm()(white)
    actual = PictureResponseNorm()(white.half()).float()
    torch.testing.assert_close(actual, expected, rtol=5e-3, atol=0)


def test_network_normalises_first_and_has_segnet_basics_weights(picture: torch.Tensor) -> None:
    plain = SegNetBasic(5, kernel_size=3, width=4).eval()
    network = SegNetBasicLRN(5, kernel_size=3, width=4).eval()
    network.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        scores = network(picture)
        assert scores.shape == (2, 5, 9, 7)
        assert torch.equal(scores, plain(PictureResponseNorm()(picture)))
        assert not torch.allclose(scores, plain(picture))
