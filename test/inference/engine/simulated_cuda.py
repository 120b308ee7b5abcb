# SPDX-License-Identifier: Apache-2.0
"""CUDA's runtime API without a GPU: what its contract allows, done as late as it allows.

Nothing runs on a GPU here. This stands in for `cuda.bindings.runtime` so that our bookkeeping can
be tested: work is queued in streams and done only when somebody waits for it, so a missing wait
shows as wrong values; device memory is out of the host's reach but for copies; a clock of its own
says when each piece of work would have begun and ended, so overlap can be seen.
"""

# ruff: noqa: N802, N815 - the names are CUDA's

import ctypes
import enum
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

SUCCESS, INVALID_VALUE, OUT_OF_MEMORY = 0, 1, 2
INVALID_HANDLE, NOT_READY, ILLEGAL_ADDRESS = 400, 600, 700
CAPTURE_UNSUPPORTED, CAPTURE_INVALIDATED = 900, 901
_WORDS = {
    INVALID_VALUE: b"invalid argument",
    OUT_OF_MEMORY: b"out of memory",
    INVALID_HANDLE: b"invalid resource handle",
    ILLEGAL_ADDRESS: b"an illegal memory access was encountered",
    CAPTURE_UNSUPPORTED: b"operation not permitted when stream is capturing",
    CAPTURE_INVALIDATED: b"operation failed due to a previous error during capture",
}
_ALIAS = 1 << 60
"""Between the host's and the GPU's address of mapped memory."""

FRESH, FREED = 0xA5, 0xDD
"""What memory holds before anything was written to it, and after it was freed."""

COPY_MILLISECONDS = {"h2d": 1.0, "d2h": 0.5}


class CallError(Exception):
    """Ends a simulated call, or queued work, with an error."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class MemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


@dataclass
class Mark:
    """A stream's end at the time when an event was recorded."""

    stream: "Queue"
    at: float | None = None
    asked: int = 0


@dataclass
class Work:
    """Done in the order of its stream."""

    run: Callable[[], None] = lambda: None
    milliseconds: float = 0.0
    queued_at: float = 0.0
    after: Mark | None = None
    reaches: Mark | None = None
    kind: str = ""


@dataclass
class Queue:
    work: deque[Work] = field(default_factory=deque)
    time: float = 0.0
    recording: list[Work] | None = None
    is_spoiled: bool = False
    asked: int = 0


@dataclass
class Memory:
    content: Any
    kind: str
    size: int


def _api(results: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function of the API with so many results beside the status."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(self: "SimulatedCuda", *arguments: Any) -> tuple[Any, ...]:
            name = function.__name__
            self.calls.append(name)
            try:
                self._fail_if_asked(name)
                result = function(self, *arguments)
            except CallError as failure:
                return (failure.code, *[None] * results)
            if isinstance(result, Status):
                return (int(result), *[None] * results)
            return (SUCCESS, result) if results else (SUCCESS,)

        return call

    return decorate


class Status(int):
    """A status that is no failure."""


class SimulatedCuda:
    """Stands in for the module.

    Attributes:
        calls: Names of all functions called.
        freed: Kinds of what was freed, in order.
        spans: (kind, begin, end) of all work done, by the simulated clock, milliseconds.
        is_hung: Queued work never ends, and what would wait for it raises AssertionError.
        lost: Error that every call gives from now on; 0 for none.
        clock: The host's time, milliseconds: it goes on only by waiting.
    """

    cudaStreamNonBlocking = 1
    cudaEventDefault = 0
    cudaHostAllocDefault = 0
    cudaHostAllocMapped = 2
    cudaMemcpyKind = MemcpyKind
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.freed: list[str] = []
        self.spans: list[tuple[str, float, float]] = []
        self.is_hung = False
        self.lost = 0
        self.clock = 0.0
        self._handles: dict[int, Any] = {}
        self._memory: dict[int, Memory] = {}
        self._graveyard: list[Any] = []
        self._failures: list[tuple[str, int, int]] = []
        self._next_handle = 1000

    def fail(self, function: str, code: int, after: int = 0) -> None:
        """Let a function fail once, at its call number `after` from now."""
        self._failures.append((function, code, self.calls.count(function) + after))

    @property
    def held(self) -> Counter[str]:
        """How many of each kind were created and not freed."""
        handles = Counter(type(thing).__name__ for thing in self._handles.values())
        return handles + Counter(memory.kind for memory in self._memory.values())

    @property
    def pending(self) -> int:
        """Pieces of work that were queued and not done."""
        queues = (thing for thing in self._handles.values() if isinstance(thing, Queue))
        return sum(len(queue.work) for queue in queues)

    # What a simulated TensorRT needs

    def queue(self, stream: int, kind: str, run: Callable[[], None], milliseconds: float) -> None:
        """Queue a kernel, or record it."""
        self._queue(self._stream(stream), Work(run, milliseconds, kind=kind))

    def is_recording(self, stream: int) -> bool:
        return self._stream(stream).recording is not None

    def spoil_recording(self, stream: int) -> None:
        """What the driver does when something is queued that cannot be recorded."""
        self._stream(stream).is_spoiled = True

    def device_view(self, address: int, size: int) -> npt.NDArray[np.uint8]:
        """Memory as the GPU sees it."""
        for base, memory in self._memory.items():
            start = base + _ALIAS if memory.kind == "mapped" else base
            if memory.kind != "host" and start <= address and address + size <= start + memory.size:
                return _array(memory.content)[address - start :][:size]
        raise CallError(ILLEGAL_ADDRESS)

    # Memory

    @_api(results=1)
    def cudaMalloc(self, size: int) -> int:
        return self._allocate(size, "device")

    @_api(results=1)
    def cudaHostAlloc(self, size: int, flags: int) -> int:
        return self._allocate(size, "mapped" if flags & self.cudaHostAllocMapped else "host")

    @_api(results=1)
    def cudaHostGetDevicePointer(self, address: int, flags: int) -> int:
        if flags or self._memory[address].kind != "mapped":
            raise CallError(INVALID_VALUE)
        return address + _ALIAS

    @_api(results=0)
    def cudaFree(self, address: int) -> None:
        self._release(address, ("device",))

    @_api(results=0)
    def cudaFreeHost(self, address: int) -> None:
        self._release(address, ("host", "mapped"))

    @_api(results=0)
    def cudaMemcpyAsync(
        self, target: int, source: int, size: int, kind: MemcpyKind, stream: int
    ) -> None:
        to_device = kind == MemcpyKind.cudaMemcpyHostToDevice
        host, device = (source, target) if to_device else (target, source)
        host_view, device_view = self._host_view(host, size), self.device_view(device, size)

        def copy() -> None:
            pair = (device_view, host_view) if to_device else (host_view, device_view)
            np.copyto(*pair)

        name = "h2d" if to_device else "d2h"
        self._queue(self._stream(stream), Work(copy, COPY_MILLISECONDS[name], kind=name))

    # Streams and events

    @_api(results=1)
    def cudaStreamCreateWithFlags(self, flags: int) -> int:
        assert flags == self.cudaStreamNonBlocking
        return self._new(Queue())

    @_api(results=0)
    def cudaStreamDestroy(self, stream: int) -> None:
        assert not self._stream(stream).work, "a stream is destroyed with work in it"
        self._destroy(stream, Queue)

    @_api(results=0)
    def cudaStreamQuery(self, stream: int) -> Any:
        queue = self._stream(stream)
        self._refuse_while_recording()
        if queue.work and (self.is_hung or not queue.asked):
            queue.asked += 1
            return Status(NOT_READY)
        queue.asked = 0
        self._run(queue)
        self.clock = max(self.clock, queue.time)
        return None

    @_api(results=0)
    def cudaStreamWaitEvent(self, stream: int, event: int, flags: int) -> None:
        mark = self._event(event).mark
        assert mark, "a stream waits for an event that was never recorded: that waits for nothing"
        self._queue(self._stream(stream), Work(after=mark, kind="wait"))

    @_api(results=1)
    def cudaEventCreateWithFlags(self, flags: int) -> int:
        assert flags == self.cudaEventDefault, "times are wanted"
        return self._new(Event())

    @_api(results=0)
    def cudaEventDestroy(self, event: int) -> None:
        self._destroy(event, Event)

    @_api(results=0)
    def cudaEventRecord(self, event: int, stream: int) -> None:
        queue = self._stream(stream)
        mark = self._event(event).mark = Mark(queue)
        self._queue(queue, Work(reaches=mark, kind="mark"))

    @_api(results=0)
    def cudaEventQuery(self, event: int) -> Any:
        mark = self._event(event).mark
        self._refuse_while_recording()
        if mark is None:
            return None
        if mark.at is None and (self.is_hung or not mark.asked):
            mark.asked += 1
            return Status(NOT_READY)
        self.clock = max(self.clock, self._reach(mark))
        return None

    @_api(results=1)
    def cudaEventElapsedTime(self, start: int, end: int) -> float:
        marks = [self._event(event).mark for event in (start, end)]
        if None in marks:
            raise CallError(INVALID_HANDLE)
        times = [mark.at for mark in marks if mark]
        if None in times:
            raise CallError(NOT_READY)
        return float(times[1] - times[0])

    # Graphs

    @_api(results=0)
    def cudaStreamBeginCapture(self, stream: int, mode: int) -> None:
        assert mode == self.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        queue = self._stream(stream)
        assert queue.recording is None
        queue.recording = []

    @_api(results=1)
    def cudaStreamEndCapture(self, stream: int) -> Any:
        queue = self._stream(stream)
        recording, queue.recording = queue.recording, None
        was_spoiled, queue.is_spoiled = queue.is_spoiled, False
        if was_spoiled or recording is None:
            raise CallError(CAPTURE_INVALIDATED)
        return self._new(Graph(recording))

    @_api(results=1)
    def cudaGraphInstantiateWithFlags(self, graph: int, flags: int) -> int:
        assert flags == 0
        return self._new(ExecutableGraph(self._handles[graph].work))

    @_api(results=0)
    def cudaGraphLaunch(self, graph: int, stream: int) -> None:
        assert graph in self._handles, "a destroyed graph is used"
        for work in self._handles[graph].work:
            self._queue(self._stream(stream), Work(work.run, work.milliseconds, kind=work.kind))

    @_api(results=0)
    def cudaGraphDestroy(self, graph: int) -> None:
        self._destroy(graph, Graph)

    @_api(results=0)
    def cudaGraphExecDestroy(self, graph: int) -> None:
        self._destroy(graph, ExecutableGraph)

    # Errors

    @_api(results=0)
    def cudaGetLastError(self) -> None:
        return None

    def cudaGetErrorString(self, code: int) -> tuple[int, bytes]:
        return SUCCESS, _WORDS.get(code, b"unknown error")

    def _fail_if_asked(self, name: str) -> None:
        if self.lost:
            raise CallError(self.lost)
        for failure in self._failures:
            function, code, call = failure
            if function == name and self.calls.count(name) > call:
                self._failures.remove(failure)
                raise CallError(code)

    def _refuse_while_recording(self) -> None:
        queues = [thing for thing in self._handles.values() if isinstance(thing, Queue)]
        recording = [queue for queue in queues if queue.recording is not None]
        for queue in recording:
            queue.is_spoiled = True
        if recording:
            raise CallError(CAPTURE_UNSUPPORTED)

    def _allocate(self, size: int, kind: str) -> int:
        self._refuse_while_recording()
        content = (ctypes.c_uint8 * (size + 4096))()
        address = -(-ctypes.addressof(content) // 4096) * 4096
        placed = (ctypes.c_uint8 * size).from_address(address)
        self._graveyard.append(content)  # freed memory stays readable: no crash, wrong values
        _array(placed)[:] = FRESH
        self._memory[address] = Memory(placed, kind, size)
        return address

    def _release(self, address: int, kinds: tuple[str, ...]) -> None:
        self._refuse_while_recording()
        assert not (self.is_hung and self.pending), "freeing on a hung GPU never returns"
        for thing in list(self._handles.values()):
            if isinstance(thing, Queue):
                self._run(thing)
        assert self._memory[address].kind in kinds, "freed as memory of another kind"
        memory = self._memory.pop(address)
        _array(memory.content)[:] = FREED
        self.freed.append(memory.kind)

    def _host_view(self, address: int, size: int) -> npt.NDArray[np.uint8]:
        for base, memory in self._memory.items():
            if memory.kind == "host" and base <= address and address + size <= base + memory.size:
                return _array(memory.content)[address - base :][:size]
        raise CallError(INVALID_VALUE)

    def _new(self, thing: Any) -> int:
        self._next_handle += 1
        self._handles[self._next_handle] = thing
        return self._next_handle

    def _destroy(self, handle: int, kind: type) -> None:
        assert isinstance(self._handles.get(handle), kind), "destroyed twice, or never created"
        self.freed.append(type(self._handles.pop(handle)).__name__)

    def _stream(self, handle: int) -> Queue:
        assert isinstance(self._handles.get(handle), Queue), "a destroyed stream is used"
        return self._handles[handle]

    def _event(self, handle: int) -> "Event":
        assert isinstance(self._handles.get(handle), Event), "a destroyed event is used"
        return self._handles[handle]

    def _queue(self, stream: Queue, work: Work) -> None:
        if stream.recording is not None:
            stream.recording.append(work)
            return
        work.queued_at = self.clock
        stream.work.append(work)

    def _reach(self, mark: Mark) -> float:
        while mark.at is None:
            self._step(mark.stream)
        return mark.at

    def _run(self, queue: Queue) -> None:
        while queue.work:
            self._step(queue)

    def _step(self, queue: Queue) -> None:
        work = queue.work.popleft()
        begin = max(queue.time, work.queued_at)
        if work.after:
            begin = max(begin, self._reach(work.after))
        queue.time = begin + work.milliseconds
        try:
            work.run()
        except CallError as failure:
            self.lost = failure.code
            raise
        if work.reaches:
            work.reaches.at = queue.time
        if work.milliseconds:
            self.spans.append((work.kind, begin, queue.time))


@dataclass
class Event:
    mark: Mark | None = None


@dataclass
class Graph:
    work: list[Work]


@dataclass
class ExecutableGraph:
    work: list[Work]


def _array(content: Any) -> npt.NDArray[np.uint8]:
    return np.ctypeslib.as_array(content)
