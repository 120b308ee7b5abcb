# SPDX-License-Identifier: Apache-2.0

from typing import Any

import numpy as np
import pytest

from segnet_ros.training.caffe.proto import CaffeBlob, CaffeImportError, CaffeLayer
from segnet_ros.training.caffe.recognition import (
    Layers,
    count_outputs,
    find_classifier,
    recognize,
    recognize_family,
)

# Bottoms of the dropout layers in the tutorial's prototxts.
CENTRAL = ("pool3", "pool4", "pool5", "conv5_1_D", "conv4_1_D", "conv3_1_D")
PASCAL = (
    "conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "pool5",
    "conv5_1_D", "conv4_1_D", "conv3_1_D", "conv2_1_D",
)  # fmt: skip
BASIC = ("pool3", "pool4", "conv_decode4", "conv_decode3")
AUTHORS_LRN = (5, float(np.float32(1e-4)), 0.75, 1.0, 0)


def layer(name: str, kind: str = "Convolution", **facts: Any) -> CaffeLayer:
    defaults: dict[str, Any] = {
        "bottoms": (), "blobs": (), "dropout_ratio": 0.5, "response_norm": (5, 1.0, 0.75, 1.0, 0),
        "normalizes_batches": False,
    }  # fmt: skip
    return CaffeLayer(name=name, type=kind, **(defaults | facts))


def net(*names: str, drops: tuple[str, ...] = (), ratio: float = 0.5) -> dict[str, CaffeLayer]:
    layers = [layer(name, "BN" if name.endswith("_bn") else "Convolution") for name in names]
    for k, bottom in enumerate(drops):
        layers.append(layer(f"drop{k}", "Dropout", bottoms=(bottom,), dropout_ratio=ratio))
    return {item.name: item for item in layers}


DEEP = ("conv1_1", "conv1_1_bn", "conv1_2_D", "conv1_2_D_bn", "conv1_1_D")
FLAT = ("conv1", "conv1_bn", "conv_decode1", "conv_decode1_bn", "conv_classifier")
LRN = {"norm": layer("norm", "LRN", response_norm=AUTHORS_LRN)}


@pytest.mark.parametrize(
    ("layers", "architecture"),
    [
        (net(*DEEP), "segnet"),
        (net(*DEEP, drops=CENTRAL), "bayesian_segnet"),
        (net(*DEEP, "conv1_1_D_bn", "camvid", drops=CENTRAL), "bayesian_segnet_camvid"),
        (net(*DEEP, drops=PASCAL), "segnet"),
        (net(*DEEP, drops=CENTRAL, ratio=0.25), "segnet"),
        (net(*FLAT), "segnet_basic"),
        (LRN | net(*FLAT), "segnet_basic_lrn"),
        (net(*FLAT, drops=BASIC), "bayesian_segnet_basic"),
        (LRN | net(*FLAT, drops=BASIC), "bayesian_segnet_basic_lrn"),
        (LRN | net(*FLAT, drops=BASIC[:3]), "segnet_basic_lrn"),
    ],
)
def test_network_is_recognized(layers: Layers, architecture: str) -> None:
    assert recognize(layers) == architecture
    assert recognize_family(layers) == ("segnet_basic" if "basic" in architecture else "segnet")


def test_vgg_is_not_segnet() -> None:
    with pytest.raises(CaffeImportError, match=r"not SegNet's: conv1_1, conv1_2, fc6, \.\.\."):
        recognize(net("conv1_1", "conv1_2", "fc6"))


def test_network_that_nobody_released_is_refused() -> None:
    with pytest.raises(CaffeImportError, match="those of segnet_lrn, which does not exist"):
        recognize(LRN | net(*DEEP))


@pytest.mark.parametrize("place", range(5))
def test_other_response_norm_is_refused(place: int) -> None:
    changed = list(AUTHORS_LRN)
    changed[place] = changed[place] * 3 + 1
    layers = {"norm": layer("norm", "LRN", response_norm=tuple(changed))} | net(*FLAT)
    with pytest.raises(CaffeImportError, match=r"norm normalises with .*; expected"):
        recognize(layers)


def test_training_snapshot_is_refused() -> None:
    layers = net(*DEEP) | {"conv1_1_bn": layer("conv1_1_bn", "BN", normalizes_batches=True)}
    with pytest.raises(CaffeImportError, match=r"run the authors' compute_bn_statistics\.py"):
        recognize(layers)


@pytest.mark.parametrize("name", ["conv1_1_D", "dense_softmax_inner_prod", "camvid"])
def test_classifier_may_have_any_name(name: str) -> None:
    assert find_classifier(net(*DEEP[:-1], name)).name == name


@pytest.mark.parametrize(
    ("names", "found"), [(DEEP[:-1], "none"), (("conv1_1", *DEEP[2:]), "conv1_1, conv1_1_D")]
)
def test_classifier_is_the_only_one_without_batch_norm(names: tuple[str, ...], found: str) -> None:
    with pytest.raises(CaffeImportError, match=f"after them .conv1_bn.: {found}; expected the cla"):
        find_classifier(net(*names))


@pytest.mark.parametrize("number", [1, 12, 255])
def test_outputs_are_counted(number: int) -> None:
    blobs = tuple(CaffeBlob((), np.zeros(n, np.float32)) for n in (number * 9, number))
    assert count_outputs(layer("conv1_1_D", blobs=blobs)) == number


@pytest.mark.parametrize("number", [0, 256])
def test_impossible_number_of_outputs_is_refused(number: int) -> None:
    blobs = (CaffeBlob((), np.zeros(number, np.float32)),)
    with pytest.raises(CaffeImportError, match=rf"conv1_1_D has {number} biases.*1\.\.255"):
        count_outputs(layer("conv1_1_D", blobs=blobs))
    with pytest.raises(CaffeImportError, match="has 0 biases"):
        count_outputs(layer("conv1_1_D"))
