# SPDX-License-Identifier: Apache-2.0
"""TensorRtRuntime over a simulated CUDA and TensorRT, and on a GPU where there is one.

The simulated tests check our bookkeeping: order of frames, batches, overlap, waiting, recording,
recovery, freeing. They execute nothing on a GPU and say nothing about its speed. Only the tests at
the end run an engine, and only on a machine that can.
"""

import gc
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from simulated_cuda import CAPTURE_UNSUPPORTED, ILLEGAL_ADDRESS, OUT_OF_MEMORY
from simulated_tensorrt import LAYERS, MEMORY, CudaGraphStrategy, SimulatedMachine, plan_of

import segnet_ros
from segnet_ros.inference.engine.gpu import find_gpu, why_no_gpu
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.runtime import TensorRtRuntime
from segnet_ros.inference.engine.tensorrt_api import tensorrt_installed
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.runtime import Prediction, load_runtime

Pixels = npt.NDArray[np.uint8]
_MODEL = Path(segnet_ros.__path__[0]).parent / "engines" / "segnet_light_camvid"


@pytest.fixture
def simulated(tmp_path: Path) -> SimulatedMachine:
    return SimulatedMachine(tmp_path)


def _load(simulated: SimulatedMachine, **options: Any) -> TensorRtRuntime:
    return TensorRtRuntime(simulated.model, simulated.options, simulated.machine, **options)


def _noise(count: int, seed: int = 0) -> list[Pixels]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 12, 16, 3), dtype=np.uint8))


def _assert_answers(predictions: list[Prediction], images: list[Pixels]) -> None:
    assert len(predictions) == len(images)
    for prediction, image in zip(predictions, images, strict=True):
        np.testing.assert_array_equal(prediction.labels, image.argmax(axis=2))
        np.testing.assert_array_equal(prediction.confidence, image.max(axis=2))
        assert prediction.labels.dtype == prediction.confidence.dtype == np.uint8


GENERATIONS = pytest.mark.parametrize("generation", ["8", "10", "RTX"])
MEMORIES = pytest.mark.parametrize("integrated", [False, True], ids=["copied", "mapped"])


# Answers


@GENERATIONS
@MEMORIES
@pytest.mark.parametrize("batch", [1, 3])
def test_answers_are_exact(tmp_path: Path, generation: str, integrated: bool, batch: int) -> None:
    simulated = SimulatedMachine(tmp_path, batch, generation=generation, integrated=integrated)
    runtime = _load(simulated)
    images = _noise(8)
    _assert_answers([runtime.infer(image) for image in images], images)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert simulated.cuda.pending == 0
    runtime.close()
    assert not simulated.cuda.held


@MEMORIES
def test_bayesian_networks_have_an_uncertainty(tmp_path: Path, integrated: bool) -> None:
    outputs = ("labels", "confidence", "uncertainty")
    runtime = _load(SimulatedMachine(tmp_path, outputs=outputs, integrated=integrated))
    images = _noise(3)
    predictions = list(runtime.infer_all(images))
    _assert_answers(predictions, images)
    for prediction, image in zip(predictions, images, strict=True):
        assert prediction.uncertainty is not None
        np.testing.assert_array_equal(prediction.uncertainty, image.min(axis=2))


def test_other_networks_have_none(simulated: SimulatedMachine) -> None:
    assert _load(simulated).infer(_noise(1)[0]).uncertainty is None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_any_number_of_frames(tmp_path: Path, batch: int, count: int) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch))
    images = _noise(count)
    _assert_answers(list(runtime.infer_all(iter(images))), images)
    _assert_answers(list(runtime.infer_all(iter(images))), images)


def test_padded_rows_are_read(simulated: SimulatedMachine) -> None:
    image = np.random.default_rng(4).integers(0, 256, (12, 20, 3), dtype=np.uint8)[:, 2:18]
    _assert_answers([_load(simulated).infer(image)], [image])


@MEMORIES
def test_answers_outlive_the_next_frames(tmp_path: Path, integrated: bool) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch=2, integrated=integrated))
    images = _noise(6)
    answers = [runtime.infer(images[0]), *runtime.infer_all(images[1:])]
    list(runtime.infer_all(_noise(6, seed=1)))
    runtime.infer(images[3])
    runtime.close()
    _assert_answers(answers, images)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_source_may_fill_one_picture_again_and_again(tmp_path: Path, batch: int) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch))
    images = _noise(5)
    picture = np.empty_like(images[0])

    def camera() -> Iterator[Pixels]:
        for image in images:
            picture[:] = image
            yield picture

    _assert_answers(list(runtime.infer_all(camera())), images)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((16, 12, 3), np.uint8), "uint8 (16, 12, 3)"),
        (np.zeros((1, 16, 3), np.uint8), "uint8 (1, 16, 3)"),
        (np.zeros((12, 16), np.uint8), "uint8 (12, 16)"),
        (np.zeros((12, 16, 3), np.float32), "float32 (12, 16, 3)"),
    ],
)
def test_another_picture_is_refused(simulated: SimulatedMachine, image: Pixels, found: str) -> None:
    runtime = _load(simulated)

    def infer_all(image: Pixels) -> None:
        list(runtime.infer_all([*_noise(3), image]))

    for infer in (*[runtime.infer] * 4, *[infer_all] * 4):
        with pytest.raises(InferenceError) as caught:
            infer(image)
        assert str(caught.value) == f"the network got {found}; expected uint8 (12, 16, 3)"
    images = _noise(4)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert runtime.recoveries == 0


# Overlap


def test_the_next_copy_is_queued_before_an_answer_is_awaited(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    taken: list[int] = []
    answers = runtime.infer_all(
        taken.append(index) or image for index, image in enumerate(_noise(4))
    )
    simulated.cuda.calls.clear()
    next(answers)
    assert taken == [0, 1]
    first_wait = simulated.cuda.calls.index("cudaEventQuery")
    assert simulated.cuda.calls[:first_wait].count("cudaMemcpyAsync") == 4
    next(answers)
    assert taken == [0, 1, 2]


def test_copies_overlap_computing(simulated: SimulatedMachine) -> None:
    """By the simulated clock: copies of 1.0 and 0.5 ms beside 2.0 ms of computing."""
    runtime = _load(simulated)
    for _ in runtime.infer_all(_noise(4)):
        pass
    simulated.cuda.spans.clear()
    began = simulated.cuda.clock
    list(runtime.infer_all(_noise(10)))
    computing = [span[1:] for span in simulated.cuda.spans if span[0] == "compute"]
    uploads = [span[1:] for span in simulated.cuda.spans if span[0] == "h2d"]
    assert len(computing) == len(uploads) == 10
    assert all(end <= begin for (_, end), (begin, _) in pairwise(computing))
    assert uploads[1][0] < computing[0][1]
    alone = 10 * (1.0 + 2.0 + 0.5)
    assert simulated.cuda.clock - began < 0.75 * alone


def test_contexts_never_compute_at_once(tmp_path: Path) -> None:
    """They share their memory."""
    simulated = SimulatedMachine(tmp_path, batch=2)
    list(_load(simulated).infer_all(_noise(9)))
    spans = sorted(span[1:] for span in simulated.cuda.spans if span[0] == "compute")
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_batches_are_computed_together(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, batch=4)
    runtime = _load(simulated)
    list(runtime.infer_all(_noise(4)))
    simulated.cuda.spans.clear()
    list(runtime.infer_all(_noise(10)))
    computing = [end - begin for kind, begin, end in simulated.cuda.spans if kind == "compute"]
    assert computing == [8.0, 8.0, 4.0]


def test_a_frame_may_be_inferred_between_others(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    images, others = _noise(5), _noise(5, seed=1)
    answers, between = [], []
    for other, prediction in zip(others, runtime.infer_all(images), strict=True):
        answers.append(prediction)
        between.append(runtime.infer(other))
    _assert_answers(answers, images)
    _assert_answers(between, others)


def test_two_streams_of_frames_at_once_are_refused(tmp_path: Path) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch=2))
    images = _noise(5)
    first = runtime.infer_all(images)
    answers = [next(first)]
    with pytest.raises(InferenceError, match="another infer_all is running"):
        list(runtime.infer_all(_noise(4)))
    _assert_answers([*answers, *first], images)
    _assert_answers(list(runtime.infer_all(images)), images)


def test_an_iterator_that_nobody_exhausts_does_no_harm(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    for _ in range(4):
        next(runtime.infer_all(_noise(4)))
    images = _noise(4, seed=1)
    _assert_answers(list(runtime.infer_all(images)), images)
    _assert_answers([runtime.infer(image) for image in images], images)


def test_failures_that_nobody_waited_for_are_forgotten(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    simulated.cuda.fail("cudaMemcpyAsync", ILLEGAL_ADDRESS, after=2)
    next(runtime.infer_all(_noise(4)))
    images = _noise(4, seed=1)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert runtime.recoveries == 0


def test_errors_of_the_source_reach_the_caller(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)

    def broken() -> Iterator[Pixels]:
        yield from _noise(3)
        msg = "the bag is damaged"
        raise KeyError(msg)

    with pytest.raises(KeyError, match="the bag is damaged"):
        list(runtime.infer_all(broken()))
    images = _noise(4, seed=1)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert runtime.recoveries == 0


# CUDA graphs


def test_kernels_are_queued_once_and_then_replayed(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    list(runtime.infer_all(_noise(4)))
    simulated.tensorrt.refusals = 1000  # of any further execute_async_v3
    images = _noise(6)
    simulated.cuda.calls.clear()
    _assert_answers([*runtime.infer_all(images)], images)
    assert simulated.cuda.calls.count("cudaGraphLaunch") == 6
    assert "no CUDA graph" not in runtime.description


@pytest.mark.parametrize("batch", [1, 2])
def test_what_cannot_be_recorded_is_queued_plainly(tmp_path: Path, batch: int) -> None:
    simulated = SimulatedMachine(tmp_path, batch)
    simulated.tensorrt.can_be_recorded = False
    runtime = _load(simulated)
    simulated.cuda.calls.clear()
    images = _noise(5)
    _assert_answers(list(runtime.infer_all(images)), images)
    _assert_answers([runtime.infer(image) for image in images], images)
    assert "cudaGraphLaunch" not in simulated.cuda.calls
    assert runtime.description.endswith(
        ", no CUDA graph: TensorRT 10.3.0 refuses an inference: it gave no reason"
    )
    assert runtime.recoveries == 0


def test_failed_recordings_are_not_tried_again(simulated: SimulatedMachine) -> None:
    simulated.cuda.fail("cudaGraphInstantiateWithFlags", CAPTURE_UNSUPPORTED)
    runtime = _load(simulated)
    images = _noise(8)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert simulated.cuda.calls.count("cudaStreamBeginCapture") == 2
    assert "cudaGetLastError" in simulated.cuda.calls
    assert "no CUDA graph: CUDA error 900 (operation not permitted" in runtime.description


@pytest.mark.parametrize(
    ("cuda_graphs", "strategy"),
    [(True, CudaGraphStrategy.WHOLE_GRAPH_CAPTURE), (False, CudaGraphStrategy.DISABLED)],
)
def test_tensorrt_rtx_records_itself(
    tmp_path: Path, cuda_graphs: bool, strategy: CudaGraphStrategy
) -> None:
    simulated = SimulatedMachine(tmp_path, generation="RTX")
    list(_load(simulated, cuda_graphs=cuda_graphs).infer_all(_noise(4)))
    assert "cudaStreamBeginCapture" not in simulated.cuda.calls
    (config,) = simulated.tensorrt.configs
    assert config.cuda_graph_strategy == strategy
    assert config.cache is not None


def test_graphs_can_be_left_out(simulated: SimulatedMachine) -> None:
    images = _noise(4)
    _assert_answers(list(_load(simulated, cuda_graphs=False).infer_all(images)), images)
    assert "cudaStreamBeginCapture" not in simulated.cuda.calls


# What it tells


@GENERATIONS
def test_description_says_what_was_built(tmp_path: Path, generation: str) -> None:
    simulated = SimulatedMachine(tmp_path, generation=generation)
    name = simulated.machine.api.name
    assert _load(simulated).description == f"{name} Simulated GPU fp16 ({LAYERS})"


def test_stages_are_timed_by_the_gpu(tmp_path: Path) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch=2))
    runtime.infer(_noise(1)[0])
    assert runtime.timings == {"h2d": 1.0, "compute": 2.0, "d2h": 0.5}
    list(runtime.infer_all(_noise(2)))
    assert runtime.timings == {"h2d": 1.0, "compute": 4.0, "d2h": 0.5}


def test_an_integrated_gpu_copies_nothing(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, integrated=True)
    runtime = _load(simulated)
    runtime.infer(_noise(1)[0])
    assert runtime.timings == {"compute": 2.0}
    assert "cudaMemcpyAsync" not in simulated.cuda.calls
    assert simulated.cuda.held["host"] == 0


def test_one_copy_brings_all_outputs(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, outputs=("labels", "confidence", "uncertainty"))
    runtime = _load(simulated)
    simulated.cuda.calls.clear()
    runtime.infer(_noise(1)[0])
    assert simulated.cuda.calls.count("cudaMemcpyAsync") == 2


def test_the_engines_state_in_one_piece(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    status = runtime.engine
    assert status.fingerprint.precision == "fp16"
    assert status.fingerprint.gpu == "Simulated GPU"
    assert (status.layers, status.agreement) == (LAYERS, 1.0)
    assert (status.gpu_memory, status.timings) == (runtime.gpu_memory, {})
    assert (status.recoveries, status.failure) == (0, "")
    simulated.cuda.fail("cudaMemcpyAsync", ILLEGAL_ADDRESS)
    runtime.infer(_noise(1)[0])
    assert runtime.engine.recoveries == 1
    assert runtime.engine.timings == {"h2d": 1.0, "compute": 2.0, "d2h": 0.5}
    simulated.cuda.is_hung = True
    with pytest.raises(InferenceError) as caught:
        runtime.infer(_noise(1)[0])
    assert runtime.engine.failure == str(caught.value)
    assert runtime.engine.gpu_memory == 0


@pytest.mark.parametrize(("batch", "frames"), [(1, 3), (4, 9)])
def test_memory_is_that_of_frames_outputs_and_intermediate_results(
    tmp_path: Path, batch: int, frames: int
) -> None:
    runtime = _load(SimulatedMachine(tmp_path, batch))
    area = 12 * 16
    outputs = {1: 3 * 2 * 256, 4: 2 * 256 + 2 * 2 * 768}
    assert runtime.gpu_memory == MEMORY + frames * area * 3 + outputs[batch]
    runtime.close()
    assert runtime.gpu_memory == 0


# Loading


def test_nothing_is_allocated_after_loading(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, batch=2)
    runtime = _load(simulated)
    simulated.cuda.calls.clear()
    list(runtime.infer_all(_noise(5)))
    runtime.infer(_noise(1)[0])
    assert not {"cudaMalloc", "cudaHostAlloc"} & set(simulated.cuda.calls)


@pytest.mark.parametrize(
    ("name", "fact", "found"),
    [
        ("image", {"shape": [1, 16, 12, 3]}, "image is input UINT8 [1, 16, 12, 3]"),
        ("labels", {"dtype": "FLOAT"}, "labels is output FLOAT [1, 1, 12, 16]"),
        ("labels", {"shape": [1, 12, 16]}, "labels is output UINT8 [1, 12, 16]"),
        ("confidence", {"mode": "INPUT"}, "confidence is input UINT8 [1, 1, 12, 16]"),
        ("confidence", None, "confidence is absent"),
        ("image", None, "image is absent"),
        (
            "logits",
            {"mode": "OUTPUT", "dtype": "FLOAT", "shape": [1]},
            "logits is output FLOAT [1]; expected no such tensor",
        ),
    ],
)
def test_engines_of_other_networks_are_refused(
    tmp_path: Path, name: str, fact: dict[str, Any] | None, found: str
) -> None:
    plan = plan_of()
    if fact is None:
        del plan["tensors"][name]
    else:
        plan["tensors"][name] = plan["tensors"].get(name, {}) | fact
    simulated = SimulatedMachine(tmp_path, plan=json.dumps(plan).encode())
    with pytest.raises(InferenceError) as caught:
        _load(simulated)
    assert str(caught.value).startswith(f"the engine of channel: {found}")
    assert str(caught.value).endswith("export the model and build it again")
    del caught
    assert not simulated.cuda.held
    assert not list(simulated.tensorrt.alive)


def test_engines_of_other_batches_are_refused(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, batch=4, plan=json.dumps(plan_of(batch=2)).encode())
    with pytest.raises(InferenceError, match=r"of at most 2 frames; expected .* at most 4 frames"):
        _load(simulated)


def test_what_tensorrt_cannot_load(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, plan=b"no plan")
    with pytest.raises(InferenceError) as caught:
        _load(simulated)
    assert str(caught.value) == (
        "TensorRT 10.3.0 cannot load the engine of channel: the plan is no plan; `segnet doctor` "
        "checks the machine, `segnet build-engine --rebuild` builds it anew"
    )
    assert not simulated.cuda.held


@pytest.mark.parametrize("error", [TypeError, RuntimeError])
def test_a_tensorrt_that_makes_no_runtime(
    simulated: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(logger: Any) -> None:
        logger.log(simulated.tensorrt.ILogger.ERROR, "CUDA initialization failure with error 35")
        msg = "pybind11::init(): factory function returned nullptr"
        raise error(msg)

    monkeypatch.setattr(simulated.tensorrt, "Runtime", refuse)
    with pytest.raises(InferenceError) as caught:
        _load(simulated)
    assert str(caught.value).startswith(
        "TensorRT 10.3.0 cannot load the engine of channel: CUDA initialization failure with "
        "error 35; `segnet doctor` checks the machine"
    )
    assert not simulated.cuda.held


def test_altered_engines_never_reach_tensorrt(simulated: SimulatedMachine) -> None:
    (path,) = (simulated.model.folder / "cache").glob("*.engine")
    path.write_bytes(path.read_bytes().replace(b"OUTPUT", b"outlet"))
    with pytest.raises(InferenceError, match="altered since it was built"):
        _load(simulated)
    assert simulated.tensorrt.loads == 0


def test_missing_golden_frames_are_told_before_an_engine_is_sought(
    simulated: SimulatedMachine,
) -> None:
    model = replace(simulated.model, golden=None, engine_graphs={})
    with pytest.raises(InferenceError, match="has no golden frames"):
        TensorRtRuntime(model, simulated.options, simulated.machine)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_gate_refuses_wrong_labels(tmp_path: Path, batch: int) -> None:
    simulated = SimulatedMachine(tmp_path, batch)
    simulated.tensorrt.wrong_share = 0.05
    with pytest.raises(InferenceError) as caught:
        _load(simulated)
    assert "gives model.onnx's label on 0.9" in str(caught.value)
    assert f"expected at least 0.9800; really built were {LAYERS};" in str(caught.value)
    assert not simulated.cuda.held
    assert not list(simulated.tensorrt.alive)


def test_the_gate_runs_whole_batches(tmp_path: Path) -> None:
    simulated = SimulatedMachine(tmp_path, batch=8)
    _load(simulated)
    computing = [end - begin for kind, begin, end in simulated.cuda.spans if kind == "compute"]
    assert computing == [16.0]


@pytest.mark.parametrize(
    ("trouble", "refused"),
    [
        ("context", "a context"),
        ("address", "inputs and outputs of 1 frames"),
        ("shape", "inputs and outputs of 1 frames"),
        ("tensors", "inputs and outputs of 1 frames"),
        ("sizes", "inputs and outputs of 1 frames"),
    ],
)
def test_contexts_that_tensorrt_refuses(
    simulated: SimulatedMachine, trouble: str, refused: str
) -> None:
    simulated.tensorrt.trouble = trouble
    with pytest.raises(InferenceError) as caught:
        _load(simulated)
    assert str(caught.value) == (
        f"TensorRT 10.3.0 refuses {refused}: it gave no reason; restart the program"
    )
    assert not simulated.cuda.held


@pytest.mark.parametrize(
    ("version", "generation"),
    [("8.6.0", "8"), ("10.3.0", "10"), ("10.13.3.9", "10"), ("11.4.0.106", "10"),
     ("rtx-1.7.1.116", "RTX")],
)  # fmt: skip
def test_genuine_bindings_have_what_the_simulated_ones_have(
    tmp_path: Path, version: str, generation: str
) -> None:
    """The runtime runs on these, so it uses nothing that a supported version lacks."""
    table = Path(__file__).parent / "tensorrt_api" / f"{version}.json"
    classes = json.loads(table.read_text())
    simulated = SimulatedMachine(tmp_path, generation=generation)
    _load(simulated)
    for thing in simulated.tensorrt.alive:
        assert _public(thing) <= set(classes[_GENUINE[type(thing).__name__]])
    for config in simulated.tensorrt.configs:
        genuine = classes["IRuntimeConfig"]
        assert _public(config) - {"cache", "strategy"} <= set(genuine)
    for name in ("CudaGraphStrategy", "ExecutionContextAllocationStrategy"):
        assert hasattr(simulated.tensorrt, name) == (name in classes)
    assert (generation != "8") == ("set_device_memory" in classes["IExecutionContext"])
    assert (generation != "8") == ("device_memory_size_v2" in classes["ICudaEngine"])


_GENUINE = {
    "SimulatedRuntime": "Runtime",
    **dict.fromkeys(("SimulatedEngine", "OldEngine", "RtxEngine"), "ICudaEngine"),
    **dict.fromkeys(("SimulatedContext", "OldContext"), "IExecutionContext"),
}
_OURS = {"facts", "module", "runtime"}


def _public(thing: object) -> set[str]:
    return {
        name for name in dir(thing) if not name.startswith("_") and hasattr(thing, name)
    } - _OURS


def test_short_memory_is_told(simulated: SimulatedMachine) -> None:
    simulated.cuda.fail("cudaHostAlloc", OUT_OF_MEMORY, after=3)
    with pytest.raises(InferenceError, match=r"out of memory\) in cudaHostAlloc; free GPU memory"):
        _load(simulated)
    assert not simulated.cuda.held


# Closing


@GENERATIONS
@MEMORIES
def test_everything_is_freed_in_order(tmp_path: Path, generation: str, integrated: bool) -> None:
    simulated = SimulatedMachine(tmp_path, batch=2, generation=generation, integrated=integrated)
    runtime = _load(simulated)
    list(runtime.infer_all(_noise(5)))
    runtime.infer(_noise(1)[0])
    simulated.cuda.freed.clear()
    runtime.close()
    assert not simulated.cuda.held
    assert not list(simulated.tensorrt.alive)
    places: dict[str, list[int]] = {}
    for place, kind in enumerate(simulated.cuda.freed):
        places.setdefault(_FREED_AS.get(kind, kind), []).append(place)
    assert len(places["context"]) == 4
    assert len(places["memory"]) == (7 if integrated else 13)
    assert max(places["context"]) < min(places["memory"])
    assert max(places["memory"]) < min(places["engine"])
    assert max(places["engine"]) < min(places["Queue"])
    if generation != "RTX":
        graphs, contexts = places["ExecutableGraph"], places["context"]
        assert all(graph < context for graph, context in zip(graphs, contexts, strict=True))
    runtime.close()


_FREED_AS = {
    "host": "memory", "mapped": "memory", "device": "memory",
    "SimulatedContext": "context", "OldContext": "context",
    "SimulatedEngine": "engine", "OldEngine": "engine", "RtxEngine": "engine",
}  # fmt: skip


def test_nothing_can_be_inferred_afterwards(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    running = runtime.infer_all(_noise(4))
    next(running)
    runtime.close()
    for infer in (
        lambda: runtime.infer(_noise(1)[0]),
        lambda: next(running),
        lambda: next(runtime.infer_all(_noise(1))),
    ):
        with pytest.raises(InferenceError, match="the runtime is closed"):
            infer()
    assert not simulated.cuda.held


def test_python_frees_nothing_by_itself(simulated: SimulatedMachine) -> None:
    """Destructors would run in any thread and order, or at the interpreter's end."""
    runtime = _load(simulated)
    held = simulated.cuda.held
    del runtime
    gc.collect()
    assert simulated.cuda.held == held


# Failures of the GPU


@pytest.mark.parametrize(
    "function",
    ["cudaMemcpyAsync", "cudaEventRecord", "cudaGraphLaunch", "cudaEventQuery",
     "cudaStreamWaitEvent", "cudaEventElapsedTime"],
)  # fmt: skip
@pytest.mark.parametrize("batch", [1, 2])
def test_one_failure_is_recovered_from(tmp_path: Path, function: str, batch: int) -> None:
    simulated = SimulatedMachine(tmp_path, batch)
    runtime = _load(simulated)
    held = simulated.cuda.held
    images = _noise(9)
    list(runtime.infer_all(images))
    simulated.cuda.fail(function, ILLEGAL_ADDRESS, after=2)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert runtime.recoveries == 1
    assert simulated.tensorrt.loads == 2
    _assert_answers([runtime.infer(image) for image in images], images)
    assert simulated.cuda.held["Queue"] == held["Queue"]
    assert simulated.cuda.held["device"] == held["device"]
    runtime.close()
    assert not simulated.cuda.held
    assert not list(simulated.tensorrt.alive)


def test_a_frame_is_run_again_with_its_own_pixels(simulated: SimulatedMachine) -> None:
    """Though its source has long filled the picture with others."""
    runtime = _load(simulated)
    images = _noise(6)
    picture = np.empty_like(images[0])

    def camera() -> Iterator[Pixels]:
        for image in images:
            picture[:] = image
            yield picture

    simulated.cuda.fail("cudaEventQuery", ILLEGAL_ADDRESS, after=4)
    _assert_answers(list(runtime.infer_all(camera())), images)
    assert runtime.recoveries == 1


def test_a_failure_between_others_spares_those_under_way(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    images = _noise(5)
    running = runtime.infer_all(images)
    answers = [next(running)]
    simulated.cuda.fail("cudaEventQuery", ILLEGAL_ADDRESS)
    other = _noise(1, seed=1)
    _assert_answers([runtime.infer(other[0])], other)
    _assert_answers([*answers, *running], images)
    assert runtime.recoveries == 1


def test_tensorrt_may_refuse_once(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated, cuda_graphs=False)
    simulated.tensorrt.refusals = 1
    images = _noise(3)
    _assert_answers([runtime.infer(image) for image in images], images)
    assert runtime.recoveries == 1


def _fails_for_good(runtime: TensorRtRuntime, first: str) -> None:
    """Every inference raises the same error, at once."""
    texts = []
    for infer in (
        lambda: runtime.infer(_noise(1)[0]),
        lambda: runtime.infer(_noise(1)[0]),
        lambda: list(runtime.infer_all(_noise(3))),
    ):
        with pytest.raises(InferenceError) as caught:
            infer()
        texts.append(str(caught.value))
    assert texts[0] == texts[1] == texts[2]
    assert texts[0] == first


def test_tensorrt_that_refuses_again(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated, cuda_graphs=False)
    simulated.tensorrt.refusals = 1000
    _fails_for_good(
        runtime,
        "TensorRT 10.3.0 refuses an inference: it gave no reason; setting up the GPU anew failed: "
        "TensorRT 10.3.0 refuses an inference: it gave no reason; restart the program",
    )
    assert not simulated.cuda.held


def test_a_second_failure_of_the_same_frame(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    queries = simulated.cuda.calls.count("cudaEventQuery")
    simulated.cuda.fail("cudaEventQuery", ILLEGAL_ADDRESS)
    # The gate asks twice per golden frame, then the frame is run again.
    simulated.cuda.fail("cudaEventQuery", ILLEGAL_ADDRESS, after=1 + queries)
    text = "CUDA error 700 (an illegal memory access was encountered) in cudaEventQuery"
    _fails_for_good(runtime, f"{text}, again after the GPU was set up anew; restart the program")
    assert simulated.tensorrt.loads == 2
    assert not simulated.cuda.held


def test_a_lost_gpu_is_let_go_without_freeing(simulated: SimulatedMachine) -> None:
    """CUDA repeats errors of kernels for ever: only a new process gets the GPU back."""
    runtime = _load(simulated)
    simulated.tensorrt.faults = [ILLEGAL_ADDRESS]
    simulated.cuda.freed.clear()
    text = "CUDA error 700 (an illegal memory access was encountered) in"
    _fails_for_good(
        runtime,
        f"{text} cudaEventQuery; the GPU is lost to this process: {text} cudaStreamQuery; "
        "restart the program",
    )
    assert simulated.tensorrt.loads == 1
    runtime.close()
    del runtime
    gc.collect()
    assert simulated.cuda.freed == []


@pytest.mark.parametrize("batch", [1, 2])
def test_a_hung_gpu_hangs_nobody(tmp_path: Path, batch: int) -> None:
    simulated = SimulatedMachine(tmp_path, batch)
    runtime = _load(simulated)
    running = runtime.infer_all(_noise(6))
    next(running)
    simulated.cuda.is_hung = True
    text = "the GPU did not finish within 0.02 s"
    with pytest.raises(InferenceError, match="the GPU is lost to this process"):
        list(running)
    simulated.cuda.calls.clear()
    _fails_for_good(
        runtime, f"{text}; the GPU is lost to this process: {text}; restart the program"
    )
    assert simulated.cuda.calls == []
    runtime.close()


def test_after_a_hang_nobody_waits_again(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    running = runtime.infer_all(_noise(6))
    next(running)
    simulated.cuda.is_hung = True
    with pytest.raises(InferenceError) as caught:
        runtime.infer(_noise(1)[0])
    simulated.cuda.calls.clear()
    with pytest.raises(InferenceError) as again:
        next(running)
    assert str(again.value) == str(caught.value)
    assert simulated.cuda.calls == []


def test_a_source_may_use_the_runtime_that_fails(simulated: SimulatedMachine) -> None:
    """The slot that is being filled goes down with the rest, and its frames are kept."""
    runtime = _load(simulated)
    images, others = _noise(5), _noise(5, seed=1)
    between = []

    def source() -> Iterator[Pixels]:
        for index, (image, other) in enumerate(zip(images, others, strict=True)):
            if index == 3:
                simulated.cuda.fail("cudaMemcpyAsync", ILLEGAL_ADDRESS)
            between.append(runtime.infer(other))
            yield image

    _assert_answers(list(runtime.infer_all(source())), images)
    _assert_answers(between, others)
    assert runtime.recoveries == 1


def test_a_gpu_that_was_only_slow_is_used_again(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    cuda = simulated.cuda
    cuda.is_hung = True
    ask = cuda.cudaStreamQuery

    def catch_up(stream: int) -> Any:
        cuda.is_hung = False
        return ask(stream)

    cuda.cudaStreamQuery = catch_up  # type: ignore[method-assign]
    images = _noise(2)
    _assert_answers([runtime.infer(image) for image in images], images)
    assert runtime.recoveries == 1


def test_closing_a_hung_gpu_returns(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    next(runtime.infer_all(_noise(4)))
    simulated.cuda.is_hung = True
    simulated.cuda.freed.clear()
    runtime.close()
    assert simulated.cuda.freed == []


def test_a_recovered_engine_passes_the_gate_again(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    simulated.cuda.fail("cudaMemcpyAsync", ILLEGAL_ADDRESS)
    simulated.tensorrt.wrong_share = 0.5
    with pytest.raises(InferenceError, match="setting up the GPU anew failed: the fp16 engine of"):
        runtime.infer(_noise(1)[0])
    assert not simulated.cuda.held


def test_frames_under_way_count_as_failing_again(simulated: SimulatedMachine) -> None:
    """The second one fails when it is run again: that is the end, and closing comes to nothing."""
    runtime = _load(simulated)
    cuda = simulated.cuda
    running = runtime.infer_all(_noise(6))
    next(running)
    cuda.fail("cudaEventQuery", ILLEGAL_ADDRESS)
    runtime.infer(_noise(1)[0])
    cuda.fail("cudaEventElapsedTime", ILLEGAL_ADDRESS)
    with pytest.raises(InferenceError, match="again after the GPU was set up anew; restart"):
        list(running)
    assert runtime.recoveries == 1
    assert not cuda.held
    runtime.close()


def test_later_failures_are_recovered_from_too(simulated: SimulatedMachine) -> None:
    runtime = _load(simulated)
    images = _noise(3)
    for recoveries in (1, 2, 3):
        simulated.cuda.fail("cudaMemcpyAsync", ILLEGAL_ADDRESS)
        _assert_answers([runtime.infer(image) for image in images], images)
        assert runtime.recoveries == recoveries


def test_ctrl_c_while_waiting_does_no_harm(
    simulated: SimulatedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = _load(simulated)
    with monkeypatch.context() as patched:
        patched.setattr("segnet_ros.inference.engine.cuda.time.sleep", _interrupt)
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                runtime.infer(_noise(1)[0])
            with pytest.raises(KeyboardInterrupt):
                list(runtime.infer_all(_noise(3)))
    images = _noise(5, seed=1)
    _assert_answers(list(runtime.infer_all(images)), images)
    assert runtime.recoveries == 0


def _interrupt(seconds: float) -> None:
    raise KeyboardInterrupt


# This machine


def test_without_a_gpu_there_is_one_clear_error(tmp_path: Path) -> None:
    if find_gpu():
        pytest.skip("there is a GPU")
    if not tensorrt_installed():
        pytest.skip("needs TensorRT: pip install 'segnet_ros[rtx]'")
    with pytest.raises(InferenceError) as caught:
        load_runtime(load_model(_MODEL), "tensorrt", EngineOptions(cache=tmp_path))
    assert str(caught.value) == f"the tensorrt runtime has no GPU: {why_no_gpu()}"
    assert ";" in why_no_gpu()


@pytest.fixture(scope="module")
def model() -> Model:
    if not tensorrt_installed():
        pytest.skip("needs TensorRT, and an NVIDIA GPU")
    if not find_gpu():
        pytest.skip(f"needs an NVIDIA GPU: {why_no_gpu()}")
    return load_model(_MODEL)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.mark.parametrize("batch", [1, 4])
def test_on_a_gpu_labels_are_those_of_the_cpu(model: Model, engines: Path, batch: int) -> None:
    options = EngineOptions(batch=batch, cache=engines, build=True)
    on_gpu, on_cpu = TensorRtRuntime(model, options), load_runtime(model, "openvino")
    frames = np.load(model.folder / model.golden.file)["images"] if model.golden else np.empty(0)
    expected = [on_cpu.infer(image).labels for image in frames]
    overlapping = [prediction.labels for prediction in on_gpu.infer_all(frames)]
    single = [on_gpu.infer(image).labels for image in frames]
    assert float(np.mean(np.equal(single, expected))) >= 0.99
    assert float(np.mean(np.equal(overlapping, single))) >= 0.999
    assert all(0 < milliseconds < 1000 for milliseconds in on_gpu.timings.values())
    assert "compute" in on_gpu.timings
    on_gpu.close()


def test_on_a_gpu_closing_frees_memory(model: Model, engines: Path) -> None:
    from segnet_ros.inference.engine.gpu import import_cudart

    options = EngineOptions(cache=engines, build=True)
    TensorRtRuntime(model, options).close()
    cudart = import_cudart()
    _, before, _ = cudart.cudaMemGetInfo()
    for _ in range(5):
        TensorRtRuntime(model, options).close()
    _, after, _ = cudart.cudaMemGetInfo()
    assert before - after < 8 << 20
