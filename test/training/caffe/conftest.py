# SPDX-License-Identifier: Apache-2.0
"""Caffemodels, written byte by byte with the field numbers of the public caffe.proto."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

V1_TYPES = {"Convolution": 4, "Dropout": 6, "LRN": 15, "Pooling": 17, "ReLU": 18}
V1_PARAMETERS = {108: 12, 118: 18}


class CaffeWriter:
    """Encodes messages of protobuf's wire format; `parameters` are messages by field number."""

    def varint(self, value: int) -> bytes:
        low, rest = value & 0x7F, value >> 7
        return bytes([low | 0x80]) + self.varint(rest) if rest else bytes([low])

    def integer(self, number: int, value: int) -> bytes:
        return self.varint(number << 3) + self.varint(value)

    def real(self, number: int, value: float) -> bytes:
        return self.varint(number << 3 | 5) + struct.pack("<f", value)

    def piece(self, number: int, content: bytes | str) -> bytes:
        data = content.encode() if isinstance(content, str) else content
        return self.varint(number << 3 | 2) + self.varint(len(data)) + data

    def pieces(self, number: int, contents: Sequence[bytes | str]) -> bytes:
        return b"".join(self.piece(number, content) for content in contents)

    def blob(self, values: npt.NDArray[Any]) -> bytes:
        """With a shape, and with the gradients that a solver may leave beside the weights."""
        shape = b"".join(map(self.varint, values.shape))
        return (
            self._floats(5, values)
            + self._floats(6, np.ones(3))
            + self.piece(7, self.piece(1, shape))
        )

    def legacy_blob(self, values: npt.NDArray[Any]) -> bytes:
        """With num, channels, height and width, as before blobs had shapes."""
        shape = (1,) * (4 - values.ndim) + values.shape
        sides = b"".join(self.integer(n, length) for n, length in enumerate(shape, start=1))
        return sides + self._floats(5, values)

    def layer(
        self,
        name: str,
        kind: str,
        bottom: str,
        blobs: Sequence[npt.NDArray[Any]] = (),
        parameters: Mapping[int, bytes] | None = None,
        tops: Sequence[str] = ("top",),
        phase: int | None = 1,
    ) -> bytes:
        """A `layer` of a net."""
        data = self.piece(1, name) + self.piece(2, kind) + self.piece(3, bottom)
        data += self.pieces(4, tops) + self.pieces(7, [self.blob(values) for values in blobs])
        data += b"" if phase is None else self.integer(10, phase)
        data += b"".join(self.piece(n, content) for n, content in (parameters or {}).items())
        return self.piece(100, data)

    def v1_layer(
        self,
        name: str,
        kind: str,
        bottom: str,
        blobs: Sequence[npt.NDArray[Any]] = (),
        parameters: Mapping[int, bytes] | None = None,
        **_: Any,
    ) -> bytes:
        """One of the `layers` of an old net, whose types are numbers; BN's is a fork's own."""
        data = self.piece(2, bottom) + self.piece(3, "top") + self.piece(4, name)
        data += self.integer(5, V1_TYPES.get(kind, 77))
        data += self.pieces(6, [self.legacy_blob(values) for values in blobs])
        for number, content in (parameters or {}).items():
            if number in V1_PARAMETERS:
                data += self.piece(V1_PARAMETERS[number], content)
        return self.piece(2, data)

    def _floats(self, number: int, values: npt.NDArray[Any]) -> bytes:
        return self.piece(number, values.astype("<f4").tobytes())


@pytest.fixture(scope="session")
def caffe() -> CaffeWriter:
    return CaffeWriter()
