# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.segnet_basic import SegNetBasic


def shapes(architecture: str, classes: int) -> dict[str, torch.Size]:
    """The parameters' sizes; nothing is allocated, so the largest networks cost nothing."""
    with torch.device("meta"):
        network = build_model(architecture, classes)
    return {name: parameter.shape for name, parameter in network.named_parameters()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_number_of_classes_shapes_the_scores_alone(architecture: str) -> None:
    for_two, for_seven = shapes(architecture, 2), shapes(architecture, 7)
    assert for_two.keys() == for_seven.keys()
    changed = [name for name in for_two if for_two[name] != for_seven[name]]
    assert changed
    for name in changed:
        assert 2 in for_two[name], name
        assert 7 in for_seven[name], name


@pytest.mark.parametrize(
    ("architecture", "kernel"),
    [("segnet", 3), ("segnet_basic", 7), ("segnet_basic_3x3", 3), ("segnet_light", 5)],
)
def test_name_selects_the_first_kernel(architecture: str, kernel: int) -> None:
    first = next(iter(shapes(architecture, 2).values()))
    assert first[1:] == (3, kernel, kernel)


def test_small_basic_is_basic_with_small_kernels() -> None:
    assert type(build_model("segnet_basic_3x3", 2)) is SegNetBasic


def test_seed_decides_the_weights() -> None:
    def first_weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(build_model("segnet_basic_3x3", 2).parameters())

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="architecture 'resnet' is not one of bayesian_segnet, "):
        build_model("resnet", 11)
