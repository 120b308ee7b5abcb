# SPDX-License-Identifier: Apache-2.0
"""Queues of work on the GPU, and marks in them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from segnet_ros.inference.engine.cuda import Cuda


class Stream:
    """A queue whose work runs in order, beside that of other queues.

    Args:
        cuda: The runtime API.
        owned: Destroys it when closed.

    """

    def __init__(self, cuda: Cuda, owned: ExitStack) -> None:
        self._cuda = cuda
        self.handle: Any = cuda.call("cudaStreamCreateWithFlags", cuda.cudart.cudaStreamNonBlocking)
        owned.callback(cuda.call, "cudaStreamDestroy", self.handle)

    def wait_for(self, event: "Event") -> None:
        """Let what is queued from now on wait for the event's last recording."""
        self._cuda.call("cudaStreamWaitEvent", self.handle, event.handle, 0)

    def finish(self) -> None:
        """Wait for everything queued; see `Cuda.wait`."""
        self._cuda.wait("cudaStreamQuery", self.handle)


class Event:
    """A mark in a stream, with the time at which the GPU reached it.

    Args:
        cuda: The runtime API.
        owned: Destroys it when closed.

    """

    def __init__(self, cuda: Cuda, owned: ExitStack) -> None:
        self._cuda = cuda
        self.handle: Any = cuda.call("cudaEventCreateWithFlags", cuda.cudart.cudaEventDefault)
        owned.callback(cuda.call, "cudaEventDestroy", self.handle)

    def record(self, stream: Stream) -> None:
        """Mark the present end of the stream."""
        self._cuda.call("cudaEventRecord", self.handle, stream.handle)

    def wait(self) -> None:
        """Wait until the GPU has reached the mark; see `Cuda.wait`."""
        self._cuda.wait("cudaEventQuery", self.handle)

    def milliseconds_since(self, start: "Event") -> float:
        """Time between two marks that the GPU has reached."""
        return float(self._cuda.call("cudaEventElapsedTime", start.handle, self.handle))


class Stage:
    """A part of an inference between two marks in a stream.

    Args:
        cuda: The runtime API.
        owned: Destroys the marks when closed.
        stream: Where the work is queued.

    """

    def __init__(self, cuda: Cuda, owned: ExitStack, stream: Stream) -> None:
        self.stream = stream
        self._begin = Event(cuda, owned)
        self.end = Event(cuda, owned)

    @contextmanager
    def marked(self) -> Iterator[Stream]:
        """Put the marks around what is queued inside."""
        self._begin.record(self.stream)
        yield self.stream
        self.end.record(self.stream)

    @property
    def milliseconds(self) -> float:
        """Time that the last one took; the GPU must have reached its end."""
        return self.end.milliseconds_since(self._begin)


@dataclass(frozen=True)
class Streams:
    """One queue per kind of work, so that copies overlap computing.

    Attributes:
        upload: Host to device.
        compute: The network. There is one, because contexts share their memory.
        download: Device to host.

    """

    upload: Stream
    compute: Stream
    download: Stream

    @classmethod
    def create(cls, cuda: Cuda, owned: ExitStack) -> "Streams":
        """Three new streams."""
        return cls(*(Stream(cuda, owned) for _ in range(3)))

    def finish(self) -> None:
        """Wait for everything queued; see `Cuda.wait`."""
        for stream in (self.upload, self.compute, self.download):
            stream.finish()
