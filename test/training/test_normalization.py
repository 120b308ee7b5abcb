# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from segnet_ros.training.normalization import MEAN_RGB, STD_RGB, Normalization


def test_bytes_become_standard_scores_channel_first() -> None:
    image = torch.zeros(1, 2, 3, 3, dtype=torch.uint8)
    image[0, 1, 2] = torch.tensor([255, 128, 7])
    result = Normalization()(image)
    assert result.shape == (1, 3, 2, 3)
    assert result.dtype == torch.float32
    assert result[0, :, 1, 2].tolist() == pytest.approx(
        [(255 - 123.675) / 58.395, (128 - 116.28) / 57.12, (7 - 103.53) / 57.375]
    )
    assert result[0, :, 0, 0].tolist() == pytest.approx(
        [-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375]
    )


def test_statistics_are_imagenets() -> None:
    assert [value / 255 for value in MEAN_RGB] == pytest.approx([0.485, 0.456, 0.406])
    assert [value / 255 for value in STD_RGB] == pytest.approx([0.229, 0.224, 0.225])


def test_statistics_are_no_part_of_saved_weights() -> None:
    assert dict(Normalization().state_dict()) == {}
