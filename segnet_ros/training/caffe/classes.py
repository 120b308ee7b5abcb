# SPDX-License-Identifier: Apache-2.0
"""What the outputs of the SegNet authors' networks stand for; their files do not say."""

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.colors import pascal_color
from segnet_ros.datasets.sun_rgbd import SUN_RGBD
from segnet_ros.datasets.voc import VOC
from segnet_ros.inference.model import SegmentationClass

# The web demo tells road markings from road; order and colours of the tutorial's camvid12.png.
_DRIVING = (
    *CAMVID.classes[:3], SegmentationClass("RoadMarking", (255, 69, 0)), *CAMVID.classes[3:],
)  # fmt: skip


def usual_classes(outputs: int) -> tuple[SegmentationClass, ...]:
    """The classes of the zoo's network with so many outputs, else "class 0", "class 1", ...

    CamVid's for 11 outputs, the driving web demo's for 12, PASCAL VOC's for 21. For 38 they are
    SUN RGB-D's 37: the first output there is for unlabelled pixels, which training ignored, so
    nothing ever raised its score.
    """
    zoo = {11: CAMVID.classes, 12: _DRIVING, 21: VOC.classes, 38: SUN_RGBD.classes}
    generic = (SegmentationClass(f"class {k}", pascal_color(k + 1)) for k in range(outputs))
    return zoo.get(outputs) or tuple(generic)
