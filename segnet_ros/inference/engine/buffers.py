# SPDX-License-Identifier: Apache-2.0
"""Memory that host and GPU both use: two copies on a graphics card, one on a Jetson."""

import ctypes
from contextlib import ExitStack
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.streams import Stream


class Buffer(Protocol):
    """Bytes under two addresses."""

    array: npt.NDArray[np.uint8]
    """uint8 [size], as the host sees them; invalid after the memory was freed."""

    address: int
    """As the GPU sees them."""

    needs_copies: bool
    """Whether the two differ until `upload` or `download` has run."""

    def upload(self, size: int, stream: Stream) -> None:
        """Queue a copy of the first bytes, host to device."""
        ...

    def download(self, size: int, stream: Stream) -> None:
        """Queue a copy of the first bytes, device to host."""
        ...


class CopiedBuffer:
    """Page-locked host memory and memory of the graphics card."""

    needs_copies = True

    def __init__(self, cuda: Cuda, owned: ExitStack, size: int) -> None:
        self._cuda = cuda
        self._host = _host_memory(cuda, owned, size, cuda.cudart.cudaHostAllocDefault)
        self.array = _view(self._host, size)
        self.address = device_memory(cuda, owned, size)

    def upload(self, size: int, stream: Stream) -> None:
        """See `Buffer.upload`."""
        kind = self._cuda.cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(self.address, self._host, size, kind, stream)

    def download(self, size: int, stream: Stream) -> None:
        """See `Buffer.download`."""
        kind = self._cuda.cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(self._host, self.address, size, kind, stream)

    def _copy(self, target: int, source: int, size: int, kind: object, stream: Stream) -> None:
        self._cuda.call("cudaMemcpyAsync", target, source, size, kind, stream.handle)


class MappedBuffer:
    """Host memory that an integrated GPU works in: nothing is copied."""

    needs_copies = False

    def __init__(self, cuda: Cuda, owned: ExitStack, size: int) -> None:
        host = _host_memory(cuda, owned, size, cuda.cudart.cudaHostAllocMapped)
        self.array = _view(host, size)
        self.address = int(cuda.call("cudaHostGetDevicePointer", host, 0))

    def upload(self, size: int, stream: Stream) -> None:
        """Nothing to do."""

    def download(self, size: int, stream: Stream) -> None:
        """Nothing to do."""


def allocate(cuda: Cuda, owned: ExitStack, size: int, mapped: bool) -> Buffer:
    """A buffer of `size` bytes; `mapped` where the GPU shares the host's memory."""
    return (MappedBuffer if mapped else CopiedBuffer)(cuda, owned, size)


def device_memory(cuda: Cuda, owned: ExitStack, size: int) -> int:
    """Address of `size` bytes that only the GPU uses; 0 if none are wanted."""
    if not size:
        return 0
    address = int(cuda.call("cudaMalloc", size))
    owned.callback(cuda.call, "cudaFree", address)
    return address


def _host_memory(cuda: Cuda, owned: ExitStack, size: int, flags: int) -> int:
    address = int(cuda.call("cudaHostAlloc", size, flags))
    owned.callback(cuda.call, "cudaFreeHost", address)
    return address


def _view(address: int, size: int) -> npt.NDArray[np.uint8]:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
