# SPDX-License-Identifier: Apache-2.0
"""The architectures, by the names that recipes and model.yaml use."""

from collections.abc import Callable
from functools import partial

from torch import nn

from segnet_ros.inference.excerpts import shown
from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.bayesian_segnet_basic_lrn import BayesianSegNetBasicLRN
from segnet_ros.training.models.bayesian_segnet_camvid import BayesianSegNetCamVid
from segnet_ros.training.models.deconvnet import DeconvNet
from segnet_ros.training.models.deeplab_largefov import DeepLabLargeFOV
from segnet_ros.training.models.fcn import FCN
from segnet_ros.training.models.fcn_basic import FCNBasic
from segnet_ros.training.models.fcn_basic_no_addition import FCNBasicNoAddition
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_basic_bilinear import SegNetBasicBilinear
from segnet_ros.training.models.segnet_basic_encoder_addition import SegNetBasicEncoderAddition
from segnet_ros.training.models.segnet_basic_lrn import SegNetBasicLRN
from segnet_ros.training.models.segnet_basic_single_channel_decoder import (
    SegNetBasicSingleChannelDecoder,
)
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.models.unet import UNet

ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "segnet": SegNet,
    "segnet_basic": SegNetBasic,
    # For computers that cannot afford 7x7 kernels.
    "segnet_basic_3x3": partial(SegNetBasic, kernel_size=3),
    "segnet_light": SegNetLight,
    "fcn_32s": partial(FCN, skips=0),
    "fcn_16s": partial(FCN, skips=1),
    "fcn_8s": partial(FCN, skips=2),
    "deconvnet": DeconvNet,
    "unet": UNet,
    "deeplab_largefov": DeepLabLargeFOV,
    # The decoder variants of the paper's Table 1.
    "segnet_basic_bilinear": SegNetBasicBilinear,
    "segnet_basic_encoder_addition": SegNetBasicEncoderAddition,
    "segnet_basic_single_channel_decoder": SegNetBasicSingleChannelDecoder,
    "fcn_basic": FCNBasic,
    "fcn_basic_no_addition": FCNBasicNoAddition,
    "fcn_basic_no_dim_reduction": partial(FCNBasic, dim_reduction=False),
    "fcn_basic_no_addition_no_dim_reduction": partial(FCNBasicNoAddition, dim_reduction=False),
    "bayesian_segnet": BayesianSegNet,
    "bayesian_segnet_basic": BayesianSegNetBasic,
    # What the authors released for Caffe and `segnet import-caffe` reads.
    "segnet_basic_lrn": SegNetBasicLRN,
    "bayesian_segnet_basic_lrn": BayesianSegNetBasicLRN,
    "bayesian_segnet_camvid": BayesianSegNetCamVid,
}


def build_model(architecture: str, classes: int) -> nn.Module:
    """Make a randomly initialised network.

    Raises:
        ValueError: there is no such architecture.

    """
    if architecture not in ARCHITECTURES:
        msg = f"architecture {shown(architecture)} is not one of {', '.join(sorted(ARCHITECTURES))}"
        raise ValueError(msg)
    return ARCHITECTURES[architecture](classes)
