# SPDX-License-Identifier: Apache-2.0
"""Engines built by the node, by genuine TensorRT-RTX, which builds without a GPU.

A build that takes long is a genuine one, too: it waits for the lock that the test holds.
"""

import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.srv import ChangeState
from peer import NodeProcess, Peer, running_node

from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.fingerprint import Fingerprint, fingerprint_of
from segnet_ros.inference.engine.gpu import Gpu, find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import (
    EngineGraph,
    ModelFile,
    file_sha256,
    load_model,
    save_description,
)
from segnet_ros.ros import engine_preparation
from segnet_ros.ros.engine_preparation import (
    EnginePreparation,
    InterruptedBuildError,
    in_words,
    why_missing,
)

HAS_RTX = all(map(find_spec, ("tensorrt_rtx_libs", "tensorrt_rtx_bindings")))
needs_rtx = pytest.mark.skipif(
    not HAS_RTX, reason="needs tensorrt_rtx_bindings: pip install 'segnet_ros[rtx]'"
)
PROGRESS = BuildProgress("channel", "fp16", "none was built yet", "tactics", 0.4, 12.3)


@pytest.fixture(scope="module")
def model(channel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`channel_model` with a graph that engines can be built from; treat it as read-only."""
    folder = tmp_path_factory.mktemp("models") / "channel"
    shutil.copytree(channel_model, folder)
    (folder / "model_fp16.onnx").write_bytes(_graph())
    frames = np.zeros((1, 12, 16, 3), np.uint8)
    np.savez(folder / "golden.npz", images=frames, labels=frames[..., 0])
    digest = file_sha256(folder / "model_fp16.onnx")
    save_description(
        replace(
            load_model(folder),
            engine_graphs={"fp16": EngineGraph("model_fp16.onnx", digest, 1.0, "none", 1.0, 1.0)},
            golden=ModelFile("golden.npz", file_sha256(folder / "golden.npz")),
        )
    )
    return folder


def _graph() -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("Cast", ["sums"], ["confidence"], to=TensorProto.UINT8),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 12, 16, 3])
    answers = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", 1, 12, 16])
        for name in ("labels", "confidence")
    ]
    weight = numpy_helper.from_array(np.full((1, 3, 1, 1), 0.25, np.float16), "weight")
    graph = helper.make_graph(nodes, "channel", [image], answers, [weight])
    opset = [helper.make_opsetid("", 19)]
    content: bytes = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    return content


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(cache=tmp_path / "engines", build=True)


class Log:
    """Takes what a node's logger takes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, line: str) -> None:
        self.lines.append(line)


def preparation() -> EnginePreparation:
    return EnginePreparation(Log(), threading.Event())


def test_a_build_in_words() -> None:
    assert in_words(PROGRESS) == "building fp16: tactics 40 %, 12 s, because none was built yet"
    unknown = replace(PROGRESS, fraction=None)
    assert in_words(unknown) == "building fp16: tactics, 12 s, because none was built yet"


def test_progress_reaches_log_and_diagnostics(
    model: Path, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, shown = Log(), []
    prepared = EnginePreparation(log, threading.Event())
    moments = [
        replace(PROGRESS, elapsed=0.0, reason="no usable engine"),
        *(replace(PROGRESS, elapsed=elapsed) for elapsed in (0.5, 1.0, 5.4, 5.6, 6.0, 10.7)),
    ]

    def build(folder: Path, options: EngineOptions) -> None:
        for moment in moments:
            options.progress(moment)
            shown.append(prepared.progress)

    monkeypatch.setattr(engine_preparation, "why_missing", lambda *_: "none")
    monkeypatch.setattr(engine_preparation, "build_in_child", build)
    prepared.prepare(model, options)
    assert shown == [in_words(moment) for moment in moments]
    assert prepared.progress == ""
    # A new reason at once, the rest every five seconds.
    logged = [in_words(moments[index]) for index in (0, 1, 4, 6)]
    assert log.lines == [*logged, "the fp16 engine of channel is built"]


def test_an_interruption_ends_the_build(
    model: Path, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = threading.Event()
    prepared = EnginePreparation(Log(), interrupted)

    def build(folder: Path, options: EngineOptions) -> None:
        options.progress(PROGRESS)
        interrupted.set()
        options.progress(PROGRESS)
        msg = "it goes on"
        raise AssertionError(msg)

    monkeypatch.setattr(engine_preparation, "why_missing", lambda *_: "none")
    monkeypatch.setattr(engine_preparation, "build_in_child", build)
    with pytest.raises(InterruptedBuildError):
        prepared.prepare(model, options)
    assert prepared.progress == ""


def test_a_model_without_such_a_graph_is_refused(
    channel_model: Path, options: EngineOptions
) -> None:
    with pytest.raises(InferenceError, match="channel has no fp16 graph"):
        preparation().prepare(channel_model, options)


@needs_rtx
def test_what_is_missing_is_built_once(
    model: Path, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = preparation()
    assert "none was built yet" in why_missing(model, options)
    prepared.prepare(model, options)
    assert why_missing(model, options) == ""
    monkeypatch.setattr(engine_preparation, "build_in_child", None)
    prepared.prepare(model, options)
    prepared.prepare(model, replace(options, build=False))


@needs_rtx
def test_where_it_may_not_be_built_both_remedies_are_said(
    model: Path, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu("Orin", "8.7", "540.4.0", "12.6", 1 << 33, True)
    monkeypatch.setattr(engine_preparation, "find_gpu", lambda: gpu)
    with pytest.raises(InferenceError) as refused:
        preparation().prepare(model, replace(options, build=False))
    command = f"segnet build-engine {model} --precision fp16 --cache {options.cache}"
    assert f"run `{command}`, or set the parameter build_engine to true" in str(refused.value)


@needs_rtx
def test_without_a_gpu_the_runtime_is_left_to_say_so(model: Path, options: EngineOptions) -> None:
    if find_gpu():
        pytest.skip("this machine has a GPU")
    preparation().prepare(model, replace(options, build=False))


@dataclass
class Building:
    """A node whose build waits, and the answer to configure, which comes later."""

    node: NodeProcess
    cache: Path
    release: Callable[[], None]
    answer: Any

    @property
    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.node.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]


def fingerprint(model: Path) -> Fingerprint:
    graph = load_model(model).engine_graphs["fp16"]
    return fingerprint_of(graph.sha256, find_tensorrt(), find_gpu(), find_jetson(), "fp16", 1)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "engines"


@pytest.fixture
def arguments(model: Path, cache: Path) -> tuple[str, ...]:
    settings = {
        "model": model, "runtime": "tensorrt", "build_engine": "true", "engine_cache": cache,
    }  # fmt: skip
    return tuple(word for name, value in settings.items() for word in ("-p", f"{name}:={value}"))


@pytest.fixture
def busy(model: Path, cache: Path) -> Iterator[Callable[[], None]]:
    """Another builder is at work; called, it ends."""
    held = EngineCache(cache).lock(fingerprint(model), waiting=lambda _: pytest.fail("not free"))
    held.__enter__()
    released = False

    def release() -> None:
        nonlocal released
        if not released:
            released = True
            held.__exit__(None, None, None)

    yield release
    release()


def is_waiting(peer: Peer) -> bool:
    return "waiting for another builder" in peer.values().get("engine", "")


@pytest.fixture
def building(
    arguments: tuple[str, ...], cache: Path, busy: Callable[[], None], tmp_path: Path, peer: Peer
) -> Iterator[Building]:
    with running_node(tmp_path / "log", *arguments) as node:
        request = ChangeState.Request()
        request.transition.label = "configure"
        answer = peer.ask(ChangeState, "/segmentation/change_state", request)
        peer.until(lambda: is_waiting(peer), "the build to wait")
        yield Building(node, cache, busy, answer)


@needs_rtx
def test_the_node_answers_while_it_builds(building: Building, peer: Peer) -> None:
    assert peer.state() == "configuring"
    assert not building.answer.done()
    assert peer.values()["state"] == "configuring"
    assert peer.level("node") == DiagnosticStatus.WARN
    words = r"building fp16: waiting for another builder, (\d+) s, because none was built yet"
    first = re.fullmatch(words, peer.values()["engine"])
    assert first
    assert peer.message("node") == f"configuring: {peer.values()['engine']}"
    assert peer.set_parameter("overlay_alpha", 0.25).successful
    refused = peer.set_parameter("precision", "int8")
    assert not refused.successful
    assert "precision cannot change" in refused.reason
    assert not peer.transition("configure")
    assert "only shutdown ends that" in building.node.text()
    later = int(first[1]) + 2
    peer.until(lambda: f", {later} s, " in peer.values()["engine"], "the diagnostics to go on")
    assert peer.state() == "configuring"


@needs_rtx
@pytest.mark.skipif(find_gpu() is not None, reason="has a GPU: bench/gpu runs engines there")
def test_what_is_built_is_loaded(building: Building, peer: Peer) -> None:
    building.release()
    peer.until(building.answer.done, "the end of configure")
    assert not building.answer.result().success
    assert peer.state() == "unconfigured"
    assert [file.suffix for file in sorted(building.cache.iterdir())] == [".engine", ".json"]
    log = building.node.text()
    assert "the fp16 engine of channel is built" in log
    assert "cannot configure: the tensorrt runtime has no GPU" in log
    peer.until(lambda: peer.values()["state"] == "unconfigured", "the diagnostics to tell")
    assert peer.level("node") == DiagnosticStatus.ERROR
    assert peer.message("node").startswith("cannot configure: the tensorrt runtime has no GPU")
    assert peer.values()["engine"] == "none"
    assert peer.set_parameter("runtime", "openvino").successful
    assert peer.transition("configure")
    assert peer.state() == "inactive"
    peer.until(lambda: peer.values()["state"] == "inactive", "the diagnostics to tell")
    assert re.fullmatch(r"none \(OpenVINO .* needs none\)", peer.values()["engine"])


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@needs_rtx
def test_shutdown_ends_the_build(building: Building, peer: Peer) -> None:
    (child,) = building.children
    assert peer.transition("shutdown")
    assert peer.state() == "finalized"
    assert is_gone(child)
    peer.until(building.answer.done, "the answer to configure")
    assert not building.answer.result().success
    assert building.node.stop() == 0
    building.release()
    assert list(building.cache.iterdir()) == []


@needs_rtx
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_build(building: Building, peer: Peer, number: int) -> None:
    (child,) = building.children
    process = building.node.process
    while process.poll() is None:  # ros2 launch repeats what the terminal has sent already
        process.send_signal(number)
        time.sleep(0.01)
    assert process.returncode == 0
    assert is_gone(child)
    peer.until(building.answer.done, "the answer to configure")
    assert not building.answer.result().success
    assert "Traceback" not in building.node.text()
    building.release()
    assert list(building.cache.iterdir()) == []


@needs_rtx
def test_the_child_does_not_outlive_a_killed_node(building: Building) -> None:
    (child,) = building.children
    building.node.process.kill()
    building.node.process.wait()
    end = time.monotonic() + 30
    while not is_gone(child):
        assert time.monotonic() < end
        time.sleep(0.05)


@needs_rtx
def test_a_node_that_starts_by_itself_answers_as_well(
    arguments: tuple[str, ...], busy: Callable[[], None], tmp_path: Path, peer: Peer
) -> None:
    with running_node(tmp_path / "log", *arguments, "-p", "autostart:=true") as node:
        peer.until(lambda: is_waiting(peer), "the build to wait")
        assert peer.state() == "configuring"
        assert not peer.set_parameter("model", "/elsewhere").successful
        assert node.stop() == 0
        assert "Traceback" not in node.text()
