# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from torch import nn

from segnet_ros.training.models import build_model
from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.bayesian_segnet_camvid import BayesianSegNetCamVid

SMALL: dict[str, Any] = {"widths": (4, 5, 6, 6, 6), "depths": (2, 1, 1, 1, 1)}


def test_the_classifier_follows_one_convolution_more() -> None:
    torch.manual_seed(0)
    network = BayesianSegNetCamVid(3, **SMALL).eval()
    plain = BayesianSegNet(3, **SMALL).eval()
    missing, extra = plain.load_state_dict(network.state_dict(), strict=False)
    assert missing == []
    assert {name.rsplit(".", 2)[0] for name in extra} == {"decoder.0.1"}
    seen: list[torch.Tensor] = []
    plain.classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    picture = torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        scores = network(picture)
        plain(picture)
        convolution, norm, _ = network.decoder[0][1]  # type: ignore[index]
        expected = network.classifier(norm(convolution(seen[0])).relu())
    assert scores.shape == (1, 3, 33, 47)
    torch.testing.assert_close(scores, expected)


def test_parameters_of_the_released_size() -> None:
    with torch.device("meta"):
        counts = {
            name: sum(item.numel() for item in build_model(name, 11).parameters())
            for name in ("bayesian_segnet", "bayesian_segnet_camvid")
        }
    # 64 maps of 3x3x64 weights and a bias, scale and shift.
    assert counts["bayesian_segnet_camvid"] - counts["bayesian_segnet"] == 64 * (3 * 3 * 64 + 3)


def test_the_new_convolution_is_initialised_as_the_others() -> None:
    torch.manual_seed(0)
    last = BayesianSegNetCamVid(3, **SMALL | {"widths": (64, 5, 6, 6, 6)}).decoder[0][1][0]  # type: ignore[index]
    assert isinstance(last, nn.Conv2d)
    assert torch.count_nonzero(last.bias) == 0  # type: ignore[arg-type]
    assert abs(last.weight.std().item() / (2 / (64 * 9)) ** 0.5 - 1) < 0.02
