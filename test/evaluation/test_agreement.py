# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from segnet_ros.evaluation.agreement import (
    AgreementCounts,
    AgreementError,
    agreement,
    count_agreement,
    joint_labels,
    near_borders,
    pair_classes,
)
from segnet_ros.inference.model import UNLABELLED, SegmentationClass
from segnet_ros.inference.runtime import Prediction


def classes(*names, shade=0):
    return [SegmentationClass(name, (shade, place, 0)) for place, name in enumerate(names)]


def prediction(labels, confidence=255):
    labels = np.array(labels, np.uint8)
    return Prediction(labels, np.broadcast_to(np.uint8(confidence), labels.shape).copy())


STREET = pair_classes(classes("Sky", "Road", "Car"), classes("Sky", "Road", "Car"))


def test_classes_are_matched_by_name_and_keep_the_first_models_order() -> None:
    a = classes("Sky", "Road", "Tram", shade=1)
    b = classes("Road", "Bus", "Sky", shade=2)
    paired = pair_classes(a, b)
    assert paired.names == ["Sky", "Road", "Tram", "Bus"]
    assert [item.color[0] for item in paired.classes] == [1, 1, 1, 2]
    assert paired.ids_a[:4].tolist() == [0, 1, 2, 4]
    assert paired.ids_b[:4].tolist() == [1, 3, 0, 4]
    assert paired.ids_a[UNLABELLED] == paired.ids_b[UNLABELLED] == 4
    assert paired.only_a == ["Tram"]
    assert paired.only_b == ["Bus"]
    assert paired.comparable.tolist() == [True, True, False, False, True]


def test_joint_labels_of_another_order() -> None:
    paired = pair_classes(classes("Sky", "Road"), classes("Road", "Sky"))
    labels = np.array([[0, 1, UNLABELLED]], np.uint8)
    assert joint_labels(labels, paired.ids_b).tolist() == [[1, 0, 2]]


def test_models_without_a_common_class_are_refused() -> None:
    with pytest.raises(AgreementError, match=r"A has Sky; B has Road, Car; .*--taxonomies"):
        pair_classes(classes("Sky"), classes("Road", "Car"))


def test_most_classes_together() -> None:
    a = classes(*(f"a{k}" for k in range(200)))
    b = classes("a0", *(f"b{k}" for k in range(55)))
    assert pair_classes(a, b).comparable.sum() == 2
    most = pair_classes(a, b)
    labels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    counts = count_agreement(prediction(labels), prediction(np.full_like(labels, 55)), most)
    assert counts.matrix.shape == (256, 256)
    assert counts.matrix[199, 254] == 1, "the last class of both"
    assert counts.matrix.sum() == 200
    with pytest.raises(AgreementError, match="256 classes together; expected at most 255"):
        pair_classes(a, [*b, *classes("b55")])


def test_matrix_and_iou_by_hand() -> None:
    counts = count_agreement(
        prediction([[0, 0, 0, 1], [1, 1, 1, 1]]), prediction([[0, 0, 1, 1], [1, 1, 1, 0]]), STREET
    )
    assert counts.matrix.tolist() == [[2, 1, 0, 0], [1, 4, 0, 0], [0] * 4, [0] * 4]
    found = agreement(counts, STREET)
    assert (found.pixels, found.compared) == (8, 8)
    assert found.agreement == 6 / 8
    assert found.iou[:2].tolist() == [2 / 4, 4 / 6]
    assert np.isnan(found.iou[2]), "a class that neither shows"
    assert found.miou == pytest.approx((2 / 4 + 4 / 6) / 2)


def test_another_order_of_the_same_classes_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(3, size=(2, 20, 30))
    other = pair_classes(classes("Sky", "Road", "Car"), classes("Car", "Sky", "Road"))
    shuffled = np.array([1, 2, 0])[b]
    expected = count_agreement(prediction(a), prediction(b), STREET)
    found = count_agreement(prediction(a), prediction(shuffled), other)
    assert found.matrix.tolist() == expected.matrix.tolist()


def test_unlabelled_by_both_is_agreement_and_no_class() -> None:
    off = UNLABELLED
    counts = count_agreement(prediction([[0, 0, off, off]]), prediction([[0, off, off, 0]]), STREET)
    assert counts.matrix[3, 3] == 1
    found = agreement(counts, STREET)
    assert found.agreement == 2 / 4
    assert found.iou[0] == 1 / 3, "each of the two that only one model labels is missing"
    assert found.miou == 1 / 3


def test_classes_that_only_one_model_has_are_kept_apart() -> None:
    paired = pair_classes(classes("Sky", "Tram"), classes("Sky", "Bus"))
    # Tram and Bus on two pixels of A's Sky and Tram; what is left is two times Sky.
    counts = count_agreement(
        prediction([[0, 0, 1, 1, 0]], 100), prediction([[0, 0, 1, 0, 1]], 200), paired
    )
    assert counts.matrix.tolist() == [
        [2, 0, 1, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]
    found = agreement(counts, paired)
    assert (found.pixels, found.compared) == (5, 2)
    assert found.agreement == 1
    assert found.iou[0] == 1
    assert np.isnan(found.iou[1:]).all()
    assert counts.confidence.tolist() == [[200, 0], [400, 0]]
    assert counts.at_borders.sum() == 2, "a border to a class of one model is a border"


def test_confidence_where_they_differ() -> None:
    a = Prediction(np.array([[0, 0, 1, 1]], np.uint8), np.array([[255, 51, 102, 204]], np.uint8))
    b = Prediction(np.array([[0, 0, 0, 0]], np.uint8), np.array([[0, 51, 153, 51]], np.uint8))
    found = agreement(count_agreement(a, b, STREET), STREET)
    assert found.confidence[0].tolist() == pytest.approx([(1 + 0.2) / 2, (0.4 + 0.8) / 2])
    assert found.confidence[1].tolist() == pytest.approx([(0 + 0.2) / 2, (0.6 + 0.2) / 2])
    assert found.certain_disagreement == pytest.approx((0.4 + 0.2) / 4)


def test_certain_disagreement_weighs_more() -> None:
    different = prediction([[0]]), prediction([[1]])
    sure = agreement(count_agreement(*different, STREET), STREET)
    unsure = agreement(count_agreement(different[0], prediction([[1]], 51), STREET), STREET)
    assert (sure.agreement, unsure.agreement) == (0, 0)
    assert sure.certain_disagreement == 1
    assert unsure.certain_disagreement == pytest.approx(0.2)


def test_borders_reach_two_pixels_to_either_side() -> None:
    labels = np.zeros((12, 20), np.uint8)
    labels[:, 10:] = 1
    assert np.flatnonzero(near_borders(labels).all(axis=0)).tolist() == [8, 9, 10, 11]
    assert np.count_nonzero(near_borders(labels)) == 4 * 12
    labels = np.zeros((9, 9), np.uint8)
    labels[4, 4] = 7
    assert np.count_nonzero(near_borders(labels)) == 25, "diagonally as well"
    assert not near_borders(np.full((9, 9), 3, np.uint8)).any(), "the picture's edge is none"


def test_where_models_differ_at_borders_and_inside() -> None:
    a = np.zeros((12, 20), np.uint8)
    a[:, 10:] = 1
    b = a.copy()
    b[:, 9] = 1  # twelve pixels at the border
    b[:3, 0] = 1  # three inside
    found = agreement(count_agreement(prediction(a), prediction(b), STREET), STREET)
    assert found.border_pixels == 48
    assert found.border_disagreement == 12 / 48
    assert found.inside_disagreement == 3 / 192
    assert found.share_at_borders == 12 / 15


def test_counts_of_frames_add_up() -> None:
    rng = np.random.default_rng(0)
    shape = (2, 9, 11)
    total = AgreementCounts.none(3)
    labels = []
    for _ in range(3):
        a, b = rng.integers(3, size=shape)
        confidence = rng.integers(256, size=shape).astype(np.uint8)
        pair = [
            Prediction(each.astype(np.uint8), sure)
            for each, sure in zip((a, b), confidence, strict=True)
        ]
        total += count_agreement(*pair, STREET)
        labels.append((a, b, confidence))
    a, b, confidence = (np.concatenate(parts, axis=-1) for parts in zip(*labels, strict=True))
    assert total.matrix.sum() == a.size
    assert np.trace(total.matrix) == (a == b).sum()
    assert total.confidence[1, 1] == confidence[1][a != b].sum()
    assert total.confidence[0, 0] == confidence[0][a == b].sum()
    assert total.lower_confidence == confidence.min(axis=0)[a != b].sum()
    assert total.at_borders.sum() <= a.size


def test_nothing_is_not_a_number() -> None:
    with np.errstate(all="raise"):
        found = agreement(AgreementCounts.none(3), STREET)
    assert (found.pixels, found.compared, found.border_pixels) == (0, 0, 0)
    assert np.isnan(
        [
            found.agreement, found.miou, found.certain_disagreement, found.border_disagreement,
            found.inside_disagreement, found.share_at_borders, *found.iou, *found.confidence.flat,
        ]
    ).all()  # fmt: skip
