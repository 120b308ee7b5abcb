"""The architectures, by the names that recipes and model.yaml use."""

from collections.abc import Callable
from functools import partial

from torch import nn

from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight

ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "segnet": SegNet,
    "segnet_basic": SegNetBasic,
    # For computers that cannot afford 7x7 kernels.
    "segnet_basic_3x3": partial(SegNetBasic, kernel_size=3),
    "segnet_light": SegNetLight,
}


def build_model(architecture: str, classes: int) -> nn.Module:
    """Make a randomly initialised network.

    Raises:
        ValueError: there is no such architecture.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture {architecture!r} is not one of {', '.join(sorted(ARCHITECTURES))}"
        )
    return ARCHITECTURES[architecture](classes)
