# SPDX-License-Identifier: Apache-2.0
"""Which network of the SegNet authors a caffemodel holds, by the layer names of their tutorial."""

from collections.abc import Mapping

import numpy as np

from segnet_ros.inference.excerpts import listed, plain
from segnet_ros.inference.model import UNLABELLED
from segnet_ros.training.caffe.proto import CaffeImportError, CaffeLayer
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.sampled_dropout import PROBABILITY
from segnet_ros.training.models.segnet_basic_lrn import ALPHA, BETA, LOCAL_SIZE

SEGNET = "segnet"
SEGNET_BASIC = "segnet_basic"

# What a Bayesian network drops from: the pooled maps and the decoders of its inner stages.
_DROPOUTS = {
    SEGNET: {"pool3", "pool4", "pool5", "conv5_1_D", "conv4_1_D", "conv3_1_D"},
    SEGNET_BASIC: {"pool3", "pool4", "conv_decode4", "conv_decode3"},
}
_RESPONSE_NORM = (LOCAL_SIZE, ALPHA, BETA, 1.0, 0)

Layers = Mapping[str, CaffeLayer]


def recognize(layers: Layers) -> str:
    """The key of `ARCHITECTURES` for these layers.

    Raises:
        CaffeImportError: they are of no network that we have, or not ready for inference.

    """
    family = recognize_family(layers)
    _refuse_training_batch_norm(layers)
    architecture = _bayesian(layers, family) + family + _response_norm(layers)
    if "conv1_1_D_bn" in layers:  # The zoo's bayesian_segnet_camvid has one convolution more.
        architecture += "_camvid"
    if architecture not in ARCHITECTURES:
        msg = (
            f"the layers would be those of {architecture}, which does not exist; "
            "expected a network of alexgkendall/SegNet-Tutorial"
        )
        raise CaffeImportError(msg)
    return architecture


def recognize_family(layers: Layers) -> str:
    """`SEGNET` or `SEGNET_BASIC`.

    Raises:
        CaffeImportError: it is neither.

    """
    if any(name.startswith("conv_decode") for name in layers):
        return SEGNET_BASIC
    if any(name.startswith("conv") and name.endswith("_D") for name in layers):
        return SEGNET
    msg = (
        f"the layers are not SegNet's: {listed(list(layers)[:6])}, ...; expected those of "
        "alexgkendall/SegNet-Tutorial, such as conv1_1_D or conv_decode1"
    )
    raise CaffeImportError(msg)


def find_classifier(layers: Layers) -> CaffeLayer:
    """The convolution without batch norm, which every training names after its own data.

    Raises:
        CaffeImportError: there is none, or a batch norm is missing.

    """
    convolutions = [layer for layer in layers.values() if layer.type == "Convolution"]
    bare = [layer for layer in convolutions if f"{layer.name}_bn" not in layers]
    if len(bare) != 1:
        names = listed(layer.name for layer in bare) or "none"
        msg = (
            f"convolutions without a batch norm named after them (conv1_bn): {names}; expected "
            "the classifier only"
        )
        raise CaffeImportError(msg)
    return bare[0]


def count_outputs(classifier: CaffeLayer) -> int:
    """How many scores the classifier gives per pixel.

    Raises:
        CaffeImportError: none, or more than labels of one byte can tell apart.

    """
    number = classifier.blobs[-1].values.size if classifier.blobs else 0
    if not 0 < number <= UNLABELLED:
        msg = (
            f"{plain(classifier.name)} has {number} biases, one per output; expected "
            f"1..{UNLABELLED}"
        )
        raise CaffeImportError(msg)
    return number


def _refuse_training_batch_norm(layers: Layers) -> None:
    if any(layer.normalizes_batches for layer in layers.values()):
        msg = (
            "the batch norm is as training left it, without the statistics of the data; run the "
            "authors' compute_bn_statistics.py, and import the test_weights.caffemodel it writes"
        )
        raise CaffeImportError(msg)


def _bayesian(layers: Layers, family: str) -> str:
    drops = [layer for layer in layers.values() if layer.type == "Dropout"]
    as_ours = {name for layer in drops for name in layer.bottoms} == _DROPOUTS[family]
    halves = all(layer.dropout_ratio == PROBABILITY for layer in drops)
    return "bayesian_" if as_ours and halves else ""


def _response_norm(layers: Layers) -> str:
    norms = [layer for layer in layers.values() if layer.type == "LRN"]
    for layer in norms:
        if not np.allclose(layer.response_norm, _RESPONSE_NORM, rtol=1e-5, atol=0.0):
            msg = (
                f"{plain(layer.name)} normalises with (local_size, alpha, beta, k, norm_region) "
                f"{layer.response_norm}; expected {_RESPONSE_NORM}"
            )
            raise CaffeImportError(msg)
    return "_lrn" if norms else ""
