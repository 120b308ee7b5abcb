# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.sun_rgbd import SUN_RGBD
from segnet_ros.datasets.voc import VOC
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.caffe.classes import usual_classes


@pytest.mark.parametrize(
    ("outputs", "expected"), [(11, CAMVID.classes), (21, VOC.classes), (38, SUN_RGBD.classes)]
)
def test_datasets_of_the_zoo(outputs: int, expected: tuple[SegmentationClass, ...]) -> None:
    assert usual_classes(outputs) == expected


def test_web_demo_tells_road_markings_from_road() -> None:
    names = [item.name for item in usual_classes(12)]
    assert names[2:5] == ["Pole", "RoadMarking", "Road"]
    assert usual_classes(12)[3].color == (255, 69, 0)
    assert [name for name in names if name != "RoadMarking"] == [c.name for c in CAMVID.classes]


@pytest.mark.parametrize("outputs", [1, 2, 37, 255])
def test_other_outputs_are_numbered(outputs: int) -> None:
    classes = usual_classes(outputs)
    assert [item.name for item in classes] == [f"class {k}" for k in range(outputs)]
    assert len({item.color for item in classes}) == outputs
