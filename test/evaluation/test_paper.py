# SPDX-License-Identifier: Apache-2.0
"""Slips in copying: figures that the paper states twice, or that follow from others, must agree."""

import numpy as np
import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.evaluation import paper

BYTES_PER_PARAMETER = 4


def by_name(rows):
    return {row.name: row for row in rows}


def test_table_1_has_the_eight_variants_with_their_sizes() -> None:
    found = [(row.name, row.parameters, row.storage) for row in paper.DECODER_VARIANTS]
    assert found == [
        ("Bilinear-Interpolation", 0.625, 0),
        ("SegNet-Basic", 1.425, 1),
        ("SegNet-Basic-EncoderAddition", 1.425, 64),
        ("SegNet-Basic-SingleChannelDecoder", 0.625, 1),
        ("FCN-Basic", 0.65, 11),
        ("FCN-Basic-NoAddition", 0.65, None),
        ("FCN-Basic-NoDimReduction", 1.625, 64),
        ("FCN-Basic-NoAddition-NoDimReduction", 1.625, 0),
    ]


def test_table_1_says_what_the_text_says_about_it() -> None:
    rows = paper.DECODER_VARIANTS
    basic = by_name(rows)["SegNet-Basic"]
    assert basic.test.miou == 47.7
    # "bilinear interpolation ... performs the worst based on all the measures of accuracy"
    for measure in ("global_accuracy", "miou", "bf"):
        worst = min(rows, key=lambda row: getattr(row.test, measure))
        assert worst.name == "Bilinear-Interpolation"
    # "discarding dimensionality reduction ... leads to the best performance"
    assert max(rows, key=lambda row: row.test.miou).name == "FCN-Basic-NoDimReduction"
    # "without weighting the results are poorer for all the variants, particularly for class
    # average accuracy": so in training, too, which would show a swapped column.
    for row in rows:
        assert row.natural_test.class_accuracy < row.test.class_accuracy
        assert row.natural_train.class_accuracy < row.train.class_accuracy
        assert row.test.bf is not None
        assert row.natural_test.bf is not None
        assert row.train.bf is None


def test_table_3_is_of_the_large_training_set() -> None:
    assert (paper.CAMVID_TRAINING_IMAGES, paper.LARGE_TRAINING_IMAGES) == (367, 3433)
    segnet = by_name(paper.DEEP_NETWORKS)["SegNet"]
    assert segnet.best == (90.40, 71.20, 60.10, 46.84)
    assert max(paper.DEEP_NETWORKS, key=lambda row: row.best.miou) == segnet
    deconvnet = by_name(paper.DEEP_NETWORKS)["DeconvNet"]
    assert max(paper.DEEP_NETWORKS, key=lambda row: row.best.bf) == deconvnet


def test_table_2_and_table_3_agree_on_segnet() -> None:
    assert set(paper.CLASS_ACCURACY) == {item.name for item in CAMVID.classes}
    mean = np.mean(list(paper.CLASS_ACCURACY.values()))
    segnet = by_name(paper.DEEP_NETWORKS)["SegNet"]
    assert mean == pytest.approx(segnet.best.class_accuracy, abs=0.05)


def test_table_6() -> None:
    rows = by_name(paper.RESOURCES)
    assert {name: row.inference_mb for name, row in rows.items()} == {
        "SegNet": 1052,
        "DeepLab-LargeFOV": 1993,
        "FCN (learnt deconv)": 1806,
        "DeconvNet": 1872,
    }
    # Caffe stores float32: 29.4, 20.5 and 134.3 million parameters.
    for name, millions in (
        ("SegNet", 29.4),
        ("DeepLab-LargeFOV", 20.5),
        ("FCN (learnt deconv)", 134.3),
    ):
        assert rows[name].model_mb == pytest.approx(BYTES_PER_PARAMETER * millions, rel=0.02)
    for row in paper.RESOURCES:
        assert row.forward_ms < row.backward_ms
        assert row.inference_mb < row.training_mb
