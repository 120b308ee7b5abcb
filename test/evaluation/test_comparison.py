# SPDX-License-Identifier: Apache-2.0

import json
import math

import numpy as np
import pytest

from segnet_ros.evaluation.agreement import agreement, count_agreement, pair_classes
from segnet_ros.evaluation.comparison import (
    ComparedCamera,
    ComparedFrame,
    Comparison,
    DifferingFrame,
    Event,
    Skipped,
)
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction

PAIRED = pair_classes(
    [SegmentationClass(name, (0, 0, 0)) for name in ("Sky", "Road", "Tram")],
    [SegmentationClass(name, (0, 0, 0)) for name in ("Road", "Sky", "Bus")],
)
START = 1_700_000_000_123_456_789


def camera(topic, a, b, events=()):
    maps = [np.array([labels], np.uint8) for labels in (a, b)]
    counts = count_agreement(*(Prediction(each, np.full_like(each, 51)) for each in maps), PAIRED)
    found = agreement(counts, PAIRED)
    frame = ComparedFrame(START + 7, 5, found.agreement, found.miou, 0.25, math.nan)
    return ComparedCamera("drive", topic, START, counts, [frame], events)


@pytest.fixture
def comparison():
    event = Event("frozen", START, START + 9, "the same picture")
    return Comparison(
        models=([{"model": "a", "runtime": "x"}, {"model": "a", "runtime": "y"}], [{"model": "b"}]),
        classes=PAIRED,
        size=(480, 360),
        cameras=[
            camera("/left", [0, 0, 1, 2], [1, 0, 0, 0], [event]),
            camera("/right", [0, 2], [1, 1]),
        ],
        skipped=[Skipped("drive", "/left", None, 3, "truncated")],
    )


def test_everything_is_plain_json(comparison) -> None:
    facts = comparison.as_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["format"] == 1
    assert facts["compared_size"] == [480, 360]
    assert facts["border"] == 2
    assert facts["frames"] == 2
    assert facts["classes"] == {
        "names": ["Sky", "Road", "Tram", "Bus"], "only_a": ["Tram"], "only_b": ["Bus"],
    }  # fmt: skip
    assert [each["runtime"] for each in facts["models"]["a"]] == ["x", "y"]
    assert facts["models"]["b"] == [{"model": "b"}]
    assert facts["skipped"] == [
        {"bag": "drive", "topic": "/left", "time_ns": None, "lost": 3, "reason": "truncated"}
    ]


def test_cameras_add_up(comparison) -> None:
    facts = comparison.as_dict()
    left, right = facts["cameras"]
    overall = facts["overall"]
    # B's labels are Sky, Road, Road, Road and Sky, Sky; Tram cannot be compared.
    assert left["matrix"] == [[1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0] * 5, [0] * 5]
    assert right["matrix"][0][0] == right["matrix"][2][0] == 1
    assert overall["matrix"] == (np.array(left["matrix"]) + np.array(right["matrix"])).tolist()
    assert (overall["pixels"], overall["compared"]) == (6, 4)
    assert (left["agreement"], right["agreement"], overall["agreement"]) == (2 / 3, 1, 3 / 4)
    assert overall["per_class"] == {
        "Sky": {"iou": 2 / 3, "pixels_a": 3, "pixels_b": 3, "pixels_both": 2},
        "Road": {"iou": 1 / 2, "pixels_a": 1, "pixels_b": 3, "pixels_both": 1},
        "Tram": {"iou": None, "pixels_a": 2, "pixels_b": 0, "pixels_both": 0},
        "Bus": {"iou": None, "pixels_a": 0, "pixels_b": 0, "pixels_both": 0},
    }
    assert overall["miou"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert overall["confidence_a"] == {"agreeing": 0.2, "differing": 0.2}
    assert right["confidence_b"] == {"agreeing": 0.2, "differing": None}
    assert overall["certain_disagreement"] == pytest.approx(0.2 / 4)


def test_cameras_tell_their_course(comparison) -> None:
    left = comparison.as_dict()["cameras"][0]
    assert (left["bag"], left["topic"], left["start_ns"], left["frames"]) == (
        "drive", "/left", START, 1,
    )  # fmt: skip
    assert left["events"] == [
        {"kind": "frozen", "begin_ns": START, "end_ns": START + 9, "text": "the same picture"}
    ]
    assert left["timeline"] == {
        "time_ns": [START + 7],
        "stamp_ns": [5],
        "agreement": [2 / 3],
        "miou": [pytest.approx(1 / 2)],
        "certain_disagreement": [0.25],
        "inside_disagreement": [None],
    }


def test_a_worst_frame_tells_where_it_is(comparison) -> None:
    camera = comparison.cameras[0]
    worst = DifferingFrame(camera.bag, camera.topic, camera.start_ns, camera.frames[0])
    facts = worst.as_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["time_ns"] == START + 7
    assert (facts["bag"], facts["topic"], facts["inside_disagreement"]) == ("drive", "/left", None)
