# SPDX-License-Identifier: Apache-2.0
"""CUDA calls, memory, streams and graphs over the simulation; nothing here runs on a GPU.

The last test asks the genuine cuda-python whether it has our calls, in the form we make them.
"""

import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from simulated_cuda import (
    CAPTURE_UNSUPPORTED,
    FREED,
    FRESH,
    ILLEGAL_ADDRESS,
    OUT_OF_MEMORY,
    SimulatedCuda,
)

from segnet_ros.inference.engine.buffers import allocate, device_memory
from segnet_ros.inference.engine.cuda import Cuda, CudaError
from segnet_ros.inference.engine.cuda_graph import CudaGraph
from segnet_ros.inference.engine.gpu import import_cudart
from segnet_ros.inference.engine.streams import Event, Stage, Stream, Streams
from segnet_ros.inference.errors import InferenceError


@pytest.fixture
def cudart() -> SimulatedCuda:
    return SimulatedCuda()


@pytest.fixture
def cuda(cudart: SimulatedCuda) -> Cuda:
    return Cuda(cudart, patience=0.02)


def test_results_come_back(cuda: Cuda, cudart: SimulatedCuda) -> None:
    address = cuda.call("cudaMalloc", 64)
    assert cudart.device_view(address, 64).tolist() == [FRESH] * 64
    assert cuda.call("cudaFree", address) is None
    assert not cudart.held


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (ILLEGAL_ADDRESS, "an illegal memory access was encountered", "restart the program"),
        (OUT_OF_MEMORY, "out of memory", "free GPU memory"),
    ],
)
def test_errors_name_code_words_call_and_remedy(
    cuda: Cuda, cudart: SimulatedCuda, code: int, words: str, remedy: str
) -> None:
    cudart.fail("cudaMalloc", code)
    with pytest.raises(CudaError) as caught:
        cuda.call("cudaMalloc", 64)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"CUDA error {code} ({words}) in cudaMalloc; {remedy}")
    assert isinstance(caught.value, InferenceError)


def test_waiting_ends_when_the_work_is_done(cuda: Cuda, cudart: SimulatedCuda) -> None:
    with ExitStack() as owned:
        stream, event = Stream(cuda, owned), Event(cuda, owned)
        done = []
        cudart.queue(stream.handle, "compute", lambda: done.append(1), 1.0)
        event.record(stream)
        assert not cuda.is_done("cudaEventQuery", event.handle)
        assert not done
        event.wait()
        assert done == [1]
        stream.finish()


@pytest.mark.parametrize("what", ["event", "stream"])
def test_waiting_for_a_hung_gpu_ends_too(cuda: Cuda, cudart: SimulatedCuda, what: str) -> None:
    stream, event = Stream(cuda, ExitStack()), Event(cuda, ExitStack())
    event.record(stream)
    cudart.is_hung = True
    started = time.monotonic()
    with pytest.raises(InferenceError, match=r"the GPU did not finish within 0\.02 s; restart"):
        event.wait() if what == "event" else stream.finish()
    assert time.monotonic() - started >= 0.02


def test_a_process_that_was_stopped_asks_once_more(
    cuda: Cuda, cudart: SimulatedCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock runs on while the process sleeps: the answer counts, not the clock."""
    stream, event = Stream(cuda, ExitStack()), Event(cuda, ExitStack())
    event.record(stream)
    clock = iter([0.0, 0.001, 9.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    event.wait()
    assert next(clock, "all were asked") == "all were asked"


def test_errors_of_queued_work_are_raised_by_waiting(cuda: Cuda, cudart: SimulatedCuda) -> None:
    stream, event = Stream(cuda, ExitStack()), Event(cuda, ExitStack())
    event.record(stream)
    cudart.fail("cudaEventQuery", ILLEGAL_ADDRESS)
    with pytest.raises(CudaError, match=r"error 700 .* in cudaEventQuery"):
        event.wait()


def test_copies_take_what_was_there_when_they_run(cuda: Cuda, cudart: SimulatedCuda) -> None:
    with ExitStack() as owned:
        stream = Stream(cuda, owned)
        buffer = allocate(cuda, owned, 10, mapped=False)
        assert buffer.needs_copies
        buffer.array[:] = np.arange(10)
        buffer.upload(6, stream)
        assert cudart.device_view(buffer.address, 10).tolist() == [FRESH] * 10
        stream.finish()
        sent = cudart.device_view(buffer.address, 10)
        assert sent.tolist() == [0, 1, 2, 3, 4, 5, *[FRESH] * 4]
        sent[:] = 9
        buffer.download(3, stream)
        stream.finish()
        assert buffer.array.tolist() == [9, 9, 9, 3, 4, 5, 6, 7, 8, 9]
        assert cudart.held == {"Queue": 1, "host": 1, "device": 1}
    assert not cudart.held
    assert cudart.freed == ["device", "host", "Queue"]
    assert buffer.array.tolist() == [FREED] * 10


def test_mapped_memory_is_one_memory(cuda: Cuda, cudart: SimulatedCuda) -> None:
    with ExitStack() as owned:
        stream = Stream(cuda, owned)
        buffer = allocate(cuda, owned, 10, mapped=True)
        buffer.array[:] = np.arange(10)
        buffer.upload(10, stream)
        buffer.download(10, stream)
        assert not buffer.needs_copies
        assert "cudaMemcpyAsync" not in cudart.calls
        assert buffer.address != buffer.array.ctypes.data
        assert cudart.device_view(buffer.address, 10).tolist() == list(range(10))
        assert cudart.held == {"Queue": 1, "mapped": 1}
    assert not cudart.held


def test_nothing_is_allocated_for_nothing(cuda: Cuda, cudart: SimulatedCuda) -> None:
    assert device_memory(cuda, ExitStack(), 0) == 0
    assert cudart.calls == []


def test_half_a_buffer_is_freed(cuda: Cuda, cudart: SimulatedCuda) -> None:
    cudart.fail("cudaMalloc", OUT_OF_MEMORY)
    with pytest.raises(CudaError, match="out of memory"), ExitStack() as owned:
        allocate(cuda, owned, 10, mapped=False)
    assert not cudart.held


def test_streams_wait_for_each_other(cuda: Cuda, cudart: SimulatedCuda) -> None:
    with ExitStack() as owned:
        streams = Streams.create(cuda, owned)
        order: list[str] = []
        stage = Stage(cuda, owned, streams.compute)
        with stage.marked() as stream:
            cudart.queue(stream.handle, "compute", lambda: order.append("compute"), 2.5)
        streams.download.wait_for(stage.end)
        cudart.queue(streams.download.handle, "d2h", lambda: order.append("download"), 1.0)
        streams.download.finish()
        assert order == ["compute", "download"]
        assert cudart.spans == [("compute", 0.0, 2.5), ("d2h", 2.5, 3.5)]
        assert stage.milliseconds == 2.5
        streams.finish()


def test_graphs_repeat_what_was_recorded(cuda: Cuda, cudart: SimulatedCuda) -> None:
    done: list[int] = []

    def work(stream: Stream) -> None:
        cudart.queue(stream.handle, "compute", lambda: done.append(1), 1.0)

    with ExitStack() as owned:
        stream = Stream(cuda, owned)
        graph = CudaGraph(cuda, owned, stream, work)
        stream.finish()
        assert done == []
        graph.launch(stream)
        graph.launch(stream)
        stream.finish()
        assert done == [1, 1]
        assert cudart.held == {"Queue": 1, "ExecutableGraph": 1}
    assert not cudart.held


@pytest.mark.parametrize(
    "function", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiateWithFlags"]
)
def test_failed_recordings_leave_nothing(cuda: Cuda, cudart: SimulatedCuda, function: str) -> None:
    with ExitStack() as owned:
        stream = Stream(cuda, owned)
        cudart.fail(function, CAPTURE_UNSUPPORTED)
        with pytest.raises(CudaError, match=function):
            CudaGraph(cuda, owned, stream, lambda stream: None)
        assert cudart.held == {"Queue": 1}


@pytest.mark.parametrize("is_spoiled", [False, True])
def test_a_stream_works_on_after_a_failed_recording(
    cuda: Cuda, cudart: SimulatedCuda, is_spoiled: bool
) -> None:
    def work(stream: Stream) -> None:
        if is_spoiled:
            cudart.spoil_recording(stream.handle)
        msg = "refused"
        raise InferenceError(msg)

    with ExitStack() as owned:
        stream = Stream(cuda, owned)
        with pytest.raises(InferenceError, match="refused"):
            CudaGraph(cuda, owned, stream, work)
        assert not cudart.is_recording(stream.handle)
        assert cudart.held == {"Queue": 1}
        stream.finish()


def test_genuine_cuda_python_takes_our_calls() -> None:
    """Every function that we call, with arguments of our kinds.

    Without a driver each of them answers with an error and as many results as we expect; with one,
    these arguments would do harm.
    """
    try:
        cudart: Any = import_cudart()
    except ImportError:
        pytest.skip("needs cuda-python: pip install 'segnet_ros[gpu]'")
    if int(cudart.cudaGetDeviceCount()[0]) == 0:
        pytest.skip("there is a GPU: the tests that run on one make these calls")
    stream, event = cudart.cudaStream_t(0), cudart.cudaEvent_t(0)
    kinds, modes = cudart.cudaMemcpyKind, cudart.cudaStreamCaptureMode
    calls: dict[str, tuple[int, tuple[Any, ...]]] = {
        "cudaMalloc": (1, (64,)),
        "cudaFree": (0, (4096,)),
        "cudaHostAlloc": (1, (64, cudart.cudaHostAllocMapped | cudart.cudaHostAllocDefault)),
        "cudaFreeHost": (0, (4096,)),
        "cudaHostGetDevicePointer": (1, (4096, 0)),
        "cudaMemcpyAsync": (0, (4096, 8192, 64, kinds.cudaMemcpyHostToDevice, stream)),
        "cudaStreamCreateWithFlags": (1, (cudart.cudaStreamNonBlocking,)),
        "cudaStreamDestroy": (0, (stream,)),
        "cudaStreamQuery": (0, (stream,)),
        "cudaStreamWaitEvent": (0, (stream, event, 0)),
        "cudaEventCreateWithFlags": (1, (cudart.cudaEventDefault,)),
        "cudaEventDestroy": (0, (event,)),
        "cudaEventRecord": (0, (event, stream)),
        "cudaEventQuery": (0, (event,)),
        "cudaEventElapsedTime": (1, (event, event)),
        "cudaStreamBeginCapture": (0, (stream, modes.cudaStreamCaptureModeThreadLocal)),
        "cudaStreamEndCapture": (1, (stream,)),
        "cudaGraphInstantiateWithFlags": (1, (cudart.cudaGraph_t(0), 0)),
        "cudaGraphLaunch": (0, (cudart.cudaGraphExec_t(0), stream)),
        "cudaGraphDestroy": (0, (cudart.cudaGraph_t(0),)),
        "cudaGraphExecDestroy": (0, (cudart.cudaGraphExec_t(0),)),
        "cudaGetLastError": (0, ()),
    }
    ours = {name for name in vars(SimulatedCuda) if name.startswith("cuda") and name[4].isupper()}
    constants = {"cudaMemcpyKind", "cudaStreamCaptureMode", "cudaStreamNonBlocking"}
    constants |= {"cudaEventDefault", "cudaHostAllocDefault", "cudaHostAllocMapped"}
    assert ours - constants - {"cudaGetErrorString"} == calls.keys()
    for name, (results, arguments) in calls.items():
        status, *rest = getattr(cudart, name)(*arguments)
        assert int(status) != 0, name
        assert rest == [None] * results, name
        with pytest.raises(CudaError, match=rf"CUDA error \d+ \([\w ]+\) in {name}; "):
            Cuda(cudart).call(name, *arguments)
    assert int(cudart.cudaStream_t(5)) == 5
