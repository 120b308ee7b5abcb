# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from segnet_ros.evaluation.agreement import (
    AgreementCounts,
    agreement,
    count_agreement,
    pair_classes,
)
from segnet_ros.evaluation.agreement_gate import AgreementGate
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction

STREET = [SegmentationClass(name, (0, 0, 0)) for name in ("Sky", "Road", "Car", "Tram")]
PAIRED = pair_classes(STREET, STREET[:3])
SURE = np.full((1, 10), 255, np.uint8)


def found():
    """Agreement 8 of 10; IoU of Sky 4 of 5, of Road 4 of 6; Car is not shown, Tram A's only."""
    a = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]], np.uint8)
    b = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 1, 2]], np.uint8)
    b[0, 9] = 255
    return agreement(count_agreement(Prediction(a, SURE), Prediction(b, SURE), PAIRED), PAIRED)


def test_nothing_asked_nothing_missed() -> None:
    assert AgreementGate().misses(found(), PAIRED) == []
    assert not AgreementGate().asks
    nothing = agreement(AgreementCounts.none(4), PAIRED)
    assert AgreementGate().misses(nothing, PAIRED) == []


@pytest.mark.parametrize(
    ("gate", "misses"),
    [
        (AgreementGate(agreement=0.8), []),
        (AgreementGate(agreement=0.9), ["pixel agreement is 0.800000, expected at least 0.9"]),
        (AgreementGate(miou=0.73), []),
        (AgreementGate(miou=0.74), ["mean IoU is 0.733333, expected at least 0.74"]),
        (AgreementGate(class_iou=0.6), []),
        (AgreementGate(class_iou=0.7), ["IoU of Road is 0.666667, expected at least 0.7"]),
        (AgreementGate(agreement=0.0, miou=0.0, class_iou=0.0), []),
    ],
)
def test_what_falls_short_is_named(gate, misses) -> None:
    assert gate.asks
    assert gate.misses(found(), PAIRED) == misses


def test_all_that_falls_short_is_named() -> None:
    misses = AgreementGate(1.0, 1.0, 1.0).misses(found(), PAIRED)
    assert [miss.split(" is ")[0] for miss in misses] == [
        "pixel agreement", "mean IoU", "IoU of Sky", "IoU of Road",
    ]  # fmt: skip


@pytest.mark.parametrize("gate", [AgreementGate(0.0), AgreementGate(None, None, 0.0)])
def test_nothing_compared_passes_no_gate(gate) -> None:
    nothing = agreement(AgreementCounts.none(4), PAIRED)
    assert gate.misses(nothing, PAIRED) == ["no pixel could be compared"]
