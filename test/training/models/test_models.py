import pytest
import torch
from torch import nn

from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight

EXPECTED = {
    "segnet": (SegNet, 3),
    "segnet_basic": (SegNetBasic, 7),
    "segnet_basic_3x3": (SegNetBasic, 3),
    "segnet_light": (SegNetLight, 5),
}


def test_every_architecture_is_covered_here() -> None:
    assert set(EXPECTED) == set(ARCHITECTURES)


@pytest.mark.parametrize("architecture", EXPECTED)
def test_name_selects_class_and_kernel(architecture: str) -> None:
    expected_class, kernel = EXPECTED[architecture]
    network = build_model(architecture, 7)
    assert type(network) is expected_class
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    assert first.kernel_size == (kernel, kernel)
    assert network.classifier.out_channels == 7


def test_seed_decides_the_weights() -> None:
    def first_weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(build_model("segnet_basic_3x3", 2).parameters())

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="architecture 'unet' is not one of segnet, segnet_basic"):
        build_model("unet", 11)
