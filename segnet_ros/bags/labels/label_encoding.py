# SPDX-License-Identifier: Apache-2.0
"""Labelled frames to messages: independent of each other, so that threads can share the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.labels.label_messages import label_message, overlay_message
from segnet_ros.evaluation.flicker import flicker
from segnet_ros.inference.postprocessing import resize_labels
from segnet_ros.inference.rendering import Rendering, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segnet_ros.bags.recorded import RecordedMessage
    from segnet_ros.bags.steps import Step

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LabelEncoder:
    """Makes the messages of a frame.

    Attributes:
        cameras: Names by image topic.
        outputs: Some of `OUTPUTS`.
        style: How they are shown.
        keep_original: Whether the camera's own message comes first.

    """

    cameras: Mapping[str, str]
    outputs: Sequence[str]
    style: Style
    keep_original: bool

    def encode(self, step: Step) -> list[RecordedMessage]:
        """All messages of a frame; of `flicker` none where there is nothing to compare with."""
        picture = step.now.picture
        camera = self.cameras[picture.message.topic]
        shown = Rendering(step.now.segmentation, self.style)
        messages = [picture.message] if self.keep_original else []
        for output in self.outputs:
            if output == "overlay":
                messages.append(overlay_message(picture, camera, shown.overlay))
            elif (pixels := _MAPS[output](step, shown)) is not None:
                messages.append(label_message(picture, camera, output, pixels))
        return messages


def _flicker(step: Step, shown: Rendering) -> Pixels | None:
    if step.before is None:
        return None
    before, now = step.before, step.now
    labels = [each.segmentation.prediction.labels for each in (before, now)]
    mask = flicker(before.network_input, now.network_input, *labels).mask
    height, width = shown.labels.shape
    return resize_labels(mask, (width, height))


_MAPS: dict[str, Callable[[Step, Rendering], Pixels | None]] = {
    "label": lambda _step, shown: shown.labels,
    "confidence": lambda _step, shown: shown.confidence,
    "uncertainty": lambda _step, shown: shown.uncertainty,
    "flicker": _flicker,
}
