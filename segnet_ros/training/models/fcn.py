# SPDX-License-Identifier: Apache-2.0
"""FCN-32s, FCN-16s and FCN-8s: Long, Shelhamer and Darrell, arXiv 1411.4038."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.layers import initialize, initialize_classifier
from segnet_ros.training.models.vgg16 import VGG16_WIDTHS, fully_connected, vgg16_encoder

_STRIDE = 32


class FCN(nn.Module):
    """VGG16 made fully convolutional; scores of shallower poolings sharpen the deepest ones.

    The scores are doubled by transposed convolutions, which start as bilinear interpolation and
    are learnt, and added to those of pool4 (FCN-16s) and pool3 (FCN-8s), which start at zero. The
    last step to the image's size is fixed bilinear interpolation, as in section 4.3.

    The authors pad the image by 100 pixels, so that fc6's 7x7 window fits, and crop the scores at
    offsets that undo it. Here fc6 is padded by three cells instead, and poolings round up. Cell i
    of a map of stride s is then centred on pixel s * (i + 1/2) - 1/2, doubling keeps it there, and
    all that has to be cropped is at the right and at the bottom; any image of at least one pixel
    will do.

    Args:
        classes: Number of classes.
        skips: How many shallower poolings are scored: 0 for FCN-32s, 1 for FCN-16s, 2 for FCN-8s.
        widths: Maps per stage.
        fc_width: Maps of fc6 and fc7.

    """

    def __init__(
        self,
        classes: int,
        skips: int,
        widths: Sequence[int] = VGG16_WIDTHS,
        fc_width: int = 4096,
    ) -> None:
        super().__init__()
        self.encoder = vgg16_encoder(widths)
        self.fc6 = fully_connected(widths[-1], fc_width, 7)
        self.fc7 = fully_connected(fc_width, fc_width, 1)
        self.classifier = nn.Conv2d(fc_width, classes, 1)
        self.skip_classifiers = nn.ModuleList(
            nn.Conv2d(width, classes, 1) for width in widths[-2::-1][:skips]
        )
        self.upsamplings = nn.ModuleList(bilinear_upsampling(classes, 2) for _ in range(skips))
        self.last_factor = _STRIDE // 2**skips
        self.apply(initialize)
        initialize_classifier(self.classifier)
        for skip_classifier in self.skip_classifiers:
            nn.init.zeros_(skip_classifier.weight)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        *shallower, x = self._pooled(image)
        scores: Tensor = self.classifier(self.fc7(self.fc6(x)))
        for classifier, upsampling, pooled in zip(
            self.skip_classifiers, self.upsamplings, reversed(shallower), strict=False
        ):
            scores = _crop(upsampling(scores), pooled) + classifier(pooled)
        return _crop(F.interpolate(scores, scale_factor=self.last_factor, mode="bilinear"), image)

    def _pooled(self, image: Tensor) -> list[Tensor]:
        maps = [image]
        for stage in self.encoder:
            maps.append(F.max_pool2d(stage(maps[-1]), 2, ceil_mode=True))
        return maps[1:]


def bilinear_upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """Transposed convolution that enlarges every map bilinearly until it is trained.

    Args:
        channels: Maps, in and out.
        factor: Even; [N, C, H, W] becomes [N, C, factor * H, factor * W].

    """
    upsampling = nn.ConvTranspose2d(
        channels, channels, 2 * factor, stride=factor, padding=factor // 2, bias=False
    )
    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs()
    triangle = 1 - distance / factor
    nn.init.zeros_(upsampling.weight)
    with torch.no_grad():
        upsampling.weight[range(channels), range(channels)] = torch.outer(triangle, triangle)
    return upsampling


def _crop(scores: Tensor, like: Tensor) -> Tensor:
    return scores[:, :, : like.shape[2], : like.shape[3]]
