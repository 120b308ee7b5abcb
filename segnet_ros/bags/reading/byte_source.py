# SPDX-License-Identifier: Apache-2.0
"""The bytes of a file, here or in an object store, read where they are wanted."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Protocol

import fsspec

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import is_url, local_path
from segnet_ros.inference.excerpts import one_line

_ENDS = "the file ends before it"


class UnreadableError(Exception):
    """Bytes of a file cannot be read or make no sense; the text is the reason."""


class ByteSource(Protocol):
    """A file, open for reading."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Read bytes; fewer where the file ends.

        Raises:
            UnreadableError: the disk cannot read them.
            BagError: the object store does not answer (any more).

        """
        ...

    def borrow(self, offset: int, length: int) -> memoryview:
        """Read bytes into memory that is used again by the next call in this thread.

        Raises:
            UnreadableError: the disk cannot read all of them.
            BagError: the object store does not answer (any more).

        """
        ...

    def close(self) -> None:
        """Release the file."""
        ...


def open_bytes(location: str) -> ByteSource:
    """Open a path or URL.

    Raises:
        BagError: it cannot be opened.

    """
    try:
        return RemoteBytes(location) if is_url(location) else LocalBytes(local_path(location))
    except Exception as error:  # every store's client has exceptions of its own
        msg = (
            f"{location} cannot be opened ({reason(error)}); expected a file of a recording that "
            "may be read. Check its name and your access"
        )
        raise BagError(msg) from error


def reason(error: Exception) -> str:
    """Say what an exception means; some have no text of their own."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return one_line(error).rstrip(".") or type(error).__name__


def _available(size: int, offset: int, length: int) -> int:
    """Lengths in damaged files are not to be believed."""
    return max(0, min(length, size - offset))


class LocalBytes:
    """A file of this machine."""

    def __init__(self, path: str) -> None:
        # NONBLOCK, as opening a pipe would wait for its writer.
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        self._descriptor = os.open(Path(path), flags)
        self.size = os.fstat(self._descriptor).st_size
        self._open = True
        self._lent = threading.local()

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        length = _available(self.size, offset, length)
        try:
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length:  # one read gives 2 GiB at most
                more = os.pread(self._descriptor, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except (OSError, MemoryError) as error:
            msg = f"{reason(error)} at byte {offset}"
            raise UnreadableError(msg) from error
        return data

    def borrow(self, offset: int, length: int) -> memoryview:
        """See `ByteSource.borrow`; fresh memory for every chunk costs more than reading it."""
        if length > self.size - offset:
            raise UnreadableError(_ENDS)
        memory: bytearray = getattr(self._lent, "memory", bytearray())
        if len(memory) < length:
            memory = self._lent.memory = bytearray(length)
        view = memoryview(memory)[:length]
        done = 0
        while done < length:  # one read gives 2 GiB at most
            try:
                step = os.preadv(self._descriptor, [view[done:]], offset + done)
            except OSError as error:
                msg = f"{reason(error)} at byte {offset}"
                raise UnreadableError(msg) from error
            if not step:
                raise UnreadableError(_ENDS)
            done += step
        return view

    def close(self) -> None:
        """See `ByteSource.close`."""
        if self._open:
            self._open = False
            os.close(self._descriptor)


class RemoteBytes:
    """A file that fsspec opens; of an object store only the ranges asked for are fetched."""

    def __init__(self, location: str) -> None:
        self._location = location
        files, path = fsspec.core.url_to_fs(location)
        self.size = int(files.size(path))
        self._file: Any = files.open(path, "rb")
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteSource.read`."""
        try:
            with self._lock:
                self._file.seek(offset)
                return bytes(self._file.read(_available(self.size, offset, length)))
        except Exception as error:
            msg = (
                f"{self._location} cannot be read any more ({reason(error)}); expected a store "
                "that answers. Check the network and start again"
            )
            raise BagError(msg) from error

    def borrow(self, offset: int, length: int) -> memoryview:
        """See `ByteSource.borrow`."""
        data = self.read(offset, length)
        if len(data) < length:
            raise UnreadableError(_ENDS)
        return memoryview(data)

    def close(self) -> None:
        """See `ByteSource.close`."""
        self._file.close()
