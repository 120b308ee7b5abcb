# SPDX-License-Identifier: Apache-2.0

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segnet_ros.training.caffe import proto
from segnet_ros.training.caffe.proto import CaffeImportError, CaffeLayer, read_caffemodel

WEIGHTS = np.arange(24, dtype=np.float32).reshape(4, 3, 2, 1) - 7.5
BIASES = np.array([1.5, -2.0, 0.25, 300.0], np.float32)
LRN, DROPOUT, BN = 118, 108, 45


def read(tmp_path: Path, data: bytes) -> list[CaffeLayer]:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    return read_caffemodel(path)


def read_one(tmp_path: Path, data: bytes) -> CaffeLayer:
    [layer] = read(tmp_path, data)
    return layer


@pytest.mark.parametrize(("form", "vector"), [("layer", (4,)), ("v1_layer", (1, 1, 1, 4))])
def test_layer_is_read(caffe: Any, tmp_path: Path, form: str, vector: tuple[int, ...]) -> None:
    data = getattr(caffe, form)("conv1", "Convolution", "data", [WEIGHTS, BIASES])
    layer = read_one(tmp_path, caffe.piece(1, "SegNet") + data)
    assert (layer.name, layer.type, layer.bottoms) == ("conv1", "Convolution", ("data",))
    weights, biases = layer.blobs
    assert (weights.shape, biases.shape) == ((4, 3, 2, 1), vector)
    assert np.array_equal(weights.values, WEIGHTS.ravel())
    assert np.array_equal(biases.values, BIASES)
    assert weights.values.dtype == np.float32


@pytest.mark.parametrize("form", ["layer", "v1_layer"])
def test_order_is_kept_and_types_are_named(caffe: Any, tmp_path: Path, form: str) -> None:
    kinds = ["LRN", "Convolution", "BN", "Dropout", "Pooling"]
    write = getattr(caffe, form)
    layers = read(tmp_path, b"".join(write(f"{kind}1", kind, "x") for kind in kinds))
    assert [layer.name for layer in layers] == [f"{kind}1" for kind in kinds]
    named = kinds if form == "layer" else ["LRN", "Convolution", "", "Dropout", ""]
    assert [layer.type for layer in layers] == named


def test_unpacked_and_double_values_are_read(caffe: Any, tmp_path: Path) -> None:
    unpacked = b"".join(caffe.real(5, value) for value in BIASES)
    double = caffe.piece(8, struct.pack("<4d", *BIASES))
    contents = caffe.piece(1, "ip") + caffe.piece(7, unpacked) + caffe.piece(7, double)
    layer = read_one(tmp_path, caffe.piece(100, contents))
    for blob in layer.blobs:
        assert np.array_equal(blob.values, BIASES)
        assert blob.shape == (0, 0, 0, 0)


@pytest.mark.parametrize("form", ["layer", "v1_layer"])
def test_parameters_are_read(caffe: Any, tmp_path: Path, form: str) -> None:
    norm = caffe.integer(1, 3) + caffe.real(2, 0.5) + caffe.real(3, 0.25) + caffe.integer(4, 1)
    parameters = {LRN: norm + caffe.real(5, 2.0), DROPOUT: caffe.real(1, 0.125)}
    layer = read_one(tmp_path, getattr(caffe, form)("x", "LRN", "data", parameters=parameters))
    assert layer.response_norm == (3, 0.5, 0.25, 2.0, 1)
    assert layer.dropout_ratio == 0.125


@pytest.mark.parametrize("parameters", [{}, {LRN: b"", DROPOUT: b""}])
def test_unstated_parameters_have_caffes_defaults(
    caffe: Any, tmp_path: Path, parameters: dict[int, bytes]
) -> None:
    layer = read_one(tmp_path, caffe.layer("x", "LRN", "data", parameters=parameters))
    assert layer.response_norm == (5, 1.0, 0.75, 1.0, 0)
    assert layer.dropout_ratio == 0.5


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"phase": 0}, True),
        ({"phase": 0, "kind": "Convolution"}, False),
        ({"phase": 0, "tops": ("y", "y-mean", "y-var")}, False),
        ({"phase": 0, "mode": 1}, False),
        ({"phase": 1}, False),
        ({"phase": None}, False),
    ],
)
def test_batch_norm_of_a_training_snapshot_is_known(
    caffe: Any, tmp_path: Path, changed: dict[str, Any], expected: bool
) -> None:
    facts = {"kind": "BN", "mode": 0, "tops": ("y",)} | changed
    mode = {BN: caffe.integer(3, facts.pop("mode"))}
    layer = read_one(tmp_path, caffe.layer("bn", bottom="x", parameters=mode, **facts))
    assert layer.normalizes_batches is expected


def test_every_truncation_is_refused(caffe: Any, tmp_path: Path) -> None:
    data = caffe.layer("conv1", "Convolution", "data", [BIASES])
    assert read_one(tmp_path, data).name == "conv1"
    for length in range(1, len(data)):
        with pytest.raises(CaffeImportError, match="no caffemodel, or is truncated"):
            read(tmp_path, data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b'name: "segnet"\nlayer {\n  name: "data"\n}\n',
        b"PK\x03\x04\x14\x00archive/data.pkl",
        b"\x80\x02ctorch._utils\n_rebuild",
        b"\x0b" * 5000,
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CaffeImportError, match="no caffemodel, or is truncated"):
        read(tmp_path, data)


def test_file_without_layers_is_refused(caffe: Any, tmp_path: Path) -> None:
    for data in (b"", caffe.piece(1, "empty")):
        with pytest.raises(CaffeImportError, match="holds no layers"):
            read(tmp_path, data)


def test_larger_than_a_message_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proto, "_MAX_BYTES", 99)
    with pytest.raises(CaffeImportError, match="has 100 bytes; a caffemodel has at most 99"):
        read(tmp_path, bytes(100))


def test_names_need_not_be_text(caffe: Any, tmp_path: Path) -> None:
    layer = read_one(tmp_path, caffe.layer(b"\xff\xfe", b"\xff", b"\xff"))
    assert all(isinstance(name, str) for name in (layer.name, layer.type, *layer.bottoms))
