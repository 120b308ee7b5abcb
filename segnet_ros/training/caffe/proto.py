# SPDX-License-Identifier: Apache-2.0
"""The part of Caffe's public file format that holds trained layers.

A .caffemodel is one binary `NetParameter` message. Only the fields that are listed here are read;
whatever else a file holds is skipped. Nothing in a file is executed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from segnet_ros.inference.excerpts import one_line

_Schema = Mapping[str, Mapping[str, tuple[Any, ...]]]
# Field: number, kind and, where Caffe has one, the default. Enumerations are read as integers.
_SCHEMA: _Schema = {
    "NetParameter": {
        "layers": (2, "repeated V1LayerParameter"),
        "layer": (100, "repeated LayerParameter"),
    },
    "LayerParameter": {
        "name": (1, "string"),
        "type": (2, "string"),
        "bottom": (3, "repeated string"),
        "top": (4, "repeated string"),
        "blobs": (7, "repeated BlobProto"),
        "phase": (10, "int32"),
        "bn_param": (45, "BNParameter"),
        "dropout_param": (108, "DropoutParameter"),
        "lrn_param": (118, "LRNParameter"),
    },
    "V1LayerParameter": {
        "bottom": (2, "repeated string"),
        "name": (4, "string"),
        "type": (5, "int32"),
        "blobs": (6, "repeated BlobProto"),
        "dropout_param": (12, "DropoutParameter"),
        "lrn_param": (18, "LRNParameter"),
    },
    "BlobProto": {
        "num": (1, "int32"),
        "channels": (2, "int32"),
        "height": (3, "int32"),
        "width": (4, "int32"),
        "data": (5, "repeated float"),
        "shape": (7, "BlobShape"),
        "double_data": (8, "repeated double"),
    },
    "BlobShape": {"dim": (1, "repeated int64")},
    "BNParameter": {"bn_mode": (3, "int32")},
    "DropoutParameter": {"dropout_ratio": (1, "float", 0.5)},
    "LRNParameter": {
        "local_size": (1, "uint32", 5),
        "alpha": (2, "float", 1.0),
        "beta": (3, "float", 0.75),
        "norm_region": (4, "int32", 0),
        "k": (5, "float", 1.0),
    },
}
_V1_TYPES = {4: "Convolution", 6: "Dropout", 15: "LRN"}
_PHASE_TRAIN = 0
_BN_LEARN = 0
_MAX_BYTES = (1 << 31) - 1  # of any protobuf message


class CaffeImportError(ValueError):
    """A file is no caffemodel, is damaged, or holds another network than SegNet's family."""


@dataclass(frozen=True)
class CaffeBlob:
    """Parameters of a layer.

    Attributes:
        shape: As the file states it; it need not fit the number of values.
        values: float32 [N].

    """

    shape: tuple[int, ...]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class CaffeLayer:
    """One layer, trained or not.

    Attributes:
        name: Unique within the network.
        type: Such as "Convolution"; empty where an old file states a type of no interest here.
        bottoms: Names of the inputs.
        blobs: Weights and biases of a convolution; scale and shift of a batch norm.
        dropout_ratio: Share of the values that a dropout layer drops.
        response_norm: Of an LRN layer: channels in a window, alpha, beta, k, and 0 for windows
            across channels.
        normalizes_batches: Whether this batch norm was saved while training, so that it lacks the
            statistics of the data.

    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    blobs: tuple[CaffeBlob, ...]
    dropout_ratio: float
    response_norm: tuple[int, float, float, float, int]
    normalizes_batches: bool


def read_caffemodel(path: Path) -> list[CaffeLayer]:
    """Read the layers of a .caffemodel, in the order in which they run.

    Raises:
        CaffeImportError: the file is too large, is damaged, or holds no layers.
        OSError: the file cannot be read.

    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        msg = f"the file has {size} bytes; a caffemodel has at most {_MAX_BYTES}"
        raise CaffeImportError(msg)
    try:
        net = _NET_PARAMETER.FromString(path.read_bytes())
    except DecodeError as error:
        msg = f"the file is no caffemodel, or is truncated ({one_line(error)}); download it again"
        raise CaffeImportError(msg) from error
    layers = [*map(_layer, net.layer), *map(_v1_layer, net.layers)]
    if not layers:
        msg = "the file holds no layers; expected a trained .caffemodel"
        raise CaffeImportError(msg)
    return layers


def _layer(message: Any) -> CaffeLayer:
    return CaffeLayer(
        type=str(message.type), normalizes_batches=_normalizes_batches(message), **_common(message)
    )


def _v1_layer(message: Any) -> CaffeLayer:
    return CaffeLayer(
        type=_V1_TYPES.get(message.type, ""), normalizes_batches=False, **_common(message)
    )


def _common(message: Any) -> dict[str, Any]:
    norm = message.lrn_param
    return {
        "name": str(message.name),
        "bottoms": tuple(map(str, message.bottom)),
        "blobs": tuple(map(_blob, message.blobs)),
        "dropout_ratio": message.dropout_param.dropout_ratio,
        "response_norm": (norm.local_size, norm.alpha, norm.beta, norm.k, norm.norm_region),
    }


def _normalizes_batches(layer: Any) -> bool:
    """Caffe's solver notes the phase; the authors' script for the statistics adds two tops."""
    in_training = layer.HasField("phase") and layer.phase == _PHASE_TRAIN
    learning = layer.type == "BN" and layer.bn_param.bn_mode == _BN_LEARN
    return in_training and learning and len(layer.top) == 1


def _blob(message: Any) -> CaffeBlob:
    legacy = (message.num, message.channels, message.height, message.width)
    shape = tuple(message.shape.dim) if message.HasField("shape") else legacy
    values = np.array(message.data or message.double_data, dtype=np.float32)
    return CaffeBlob(shape, values)


def _message_class(schema: _Schema, name: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    file.message_type.extend(_descriptors(schema))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))


def _descriptors(schema: _Schema) -> Iterator[Any]:
    for name, fields in schema.items():
        message = descriptor_pb2.DescriptorProto(name=name)
        for field, (number, kind, *default) in fields.items():
            *repeated, type_name = kind.split()
            message.field.add(
                name=field,
                number=number,
                label="LABEL_REPEATED" if repeated else "LABEL_OPTIONAL",
                default_value=str(default[0]) if default else None,
                **_type(schema, type_name),
            )
        yield message


def _type(schema: _Schema, name: str) -> dict[str, str]:
    if name in schema:
        return {"type": "TYPE_MESSAGE", "type_name": name}
    return {"type": f"TYPE_{name.upper()}"}


_NET_PARAMETER = _message_class(_SCHEMA, "NetParameter")
