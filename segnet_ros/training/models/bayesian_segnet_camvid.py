# SPDX-License-Identifier: Apache-2.0
"""Bayesian SegNet as its authors released it for CamVid, in bayesian_segnet_camvid.caffemodel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.layers import conv_bn_relu, initialize
from segnet_ros.training.models.sampled_dropout import PROBABILITY

if TYPE_CHECKING:
    from torch import nn


class BayesianSegNetCamVid(BayesianSegNet):
    """Bayesian SegNet with one convolution more: the classifier follows a whole mirror image.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        depths: Convolutions per stage.
        probability: Of dropping a cell.

    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        depths: Sequence[int] = (2, 2, 3, 3, 3),
        probability: float = PROBABILITY,
    ) -> None:
        super().__init__(classes, widths, depths, probability)
        last = conv_bn_relu(widths[0], widths[0])
        cast("nn.Sequential", self.decoder[0]).append(last.apply(initialize))
