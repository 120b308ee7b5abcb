# SPDX-License-Identifier: Apache-2.0
"""Builds in a child process: genuine ones by TensorRT-RTX, and children that fail in every way."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.inference.engine import build_process
from segnet_ros.inference.engine.build_process import build_in_child
from segnet_ros.inference.engine.cache import CachedEngine, EngineCache
from segnet_ros.inference.engine.fingerprint import Fingerprint, fingerprint_of
from segnet_ros.inference.engine.gpu import find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt, tensorrt_installed
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import EngineGraph, load_model, save_description

WAITING = "waiting for another builder"


@pytest.fixture
def folder(channel_model: Path, tmp_path: Path) -> Path:
    """A model of three kernels."""
    folder = Path(shutil.copytree(channel_model, tmp_path / "a model"))
    plain = load_model(folder)
    graph = EngineGraph("model.onnx", plain.sha256, 1.0, "none", 0.5, 0.5)
    save_description(replace(plain, engine_graphs={"fp16": graph}))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "a cache")


@pytest.fixture
def fingerprint(folder: Path) -> Fingerprint:
    if not tensorrt_installed():
        pytest.skip("needs TensorRT, or TensorRT-RTX: pip install 'segnet_ros[rtx]'")
    graph = load_model(folder).engine_graphs["fp16"]
    return fingerprint_of(graph.sha256, find_tensorrt(), find_gpu(), find_jetson(), "fp16", 1)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> "list[subprocess.Popen[bytes]]":
    """Every child that is started."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(build_process.subprocess, "Popen", Recorded)
    return started


@contextmanager
def _child_that(monkeypatch: pytest.MonkeyPatch, code: str) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(build_process, "_command", lambda *_: [sys.executable, "-c", code])
        yield


def _failure(folder: Path, cache: EngineCache) -> str:
    with pytest.raises(InferenceError) as caught:
        build_in_child(folder, EngineOptions(cache=cache.folder))
    return str(caught.value)


def test_an_engine_is_built(folder: Path, cache: EngineCache, fingerprint: Fingerprint) -> None:
    heard: list[BuildProgress] = []
    threads = set()

    def listen(progress: BuildProgress) -> None:
        heard.append(progress)
        threads.add(threading.current_thread())

    build_in_child(folder, EngineOptions(cache=cache.folder, progress=listen))
    assert isinstance(cache.find(fingerprint, "channel"), CachedEngine)
    assert len(list(cache.folder.iterdir())) >= 2
    assert threads == {threading.main_thread()}
    assert heard[0] == replace(heard[0], model="a model", phase="start", fraction=None)
    told = [progress for progress in heard if progress.phase != "start"]
    assert {(p.model, p.precision, p.reason) for p in told} == {
        ("channel", "fp16", "none was built yet")
    }
    assert 1.0 in {progress.fraction for progress in told}
    assert [p.elapsed for p in heard] == sorted(p.elapsed for p in heard)


def test_the_working_folder_does_not_matter(
    folder: Path,
    cache: EngineCache,
    fingerprint: Fingerprint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither for relative paths, nor does Python import what lies there."""
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    build_in_child(Path("a model"), EngineOptions(cache=Path("a cache")))
    assert isinstance(cache.find(fingerprint, "channel"), CachedEngine)


def test_an_error_of_the_child_is_told_in_its_words(folder: Path, cache: EngineCache) -> None:
    (folder / "model.onnx").write_bytes(b"altered")
    text = _failure(folder, cache)
    assert text.startswith(f"{folder}/model.onnx has sha256 ")
    assert "the file is truncated or was altered" in text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import os; os.kill(os.getpid(), 11)",
            "the process that builds the engine crashed with SIGSEGV (it said nothing); `segnet",
        ),
        (
            "import os, sys; print('out of\\nluck', file=sys.stderr, flush=True); os.abort()",
            "crashed with SIGABRT (luck); `segnet doctor` says",
        ),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL, as the system does when memory"),
        ("import os; os.kill(os.getpid(), 40)", "crashed with signal 40"),
        ("raise SystemExit(3)", "failed with status 3 (it said nothing)"),
        ("raise MemoryError('little')", "failed with status 1 (MemoryError: little)"),
        ("print('{\"mod', end='', flush=True); import os; os.abort()", "crashed with SIGABRT"),
    ],
)
def test_a_crash(
    folder: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    with _child_that(monkeypatch, code):
        assert words in _failure(folder, cache)


def test_a_crash_leaves_nothing(
    folder: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = "0123456789abcdef"
    code = (
        "import os; from pathlib import Path\n"
        f"folder = Path({str(cache.folder)!r})\n"
        f"(folder / '.partial-light-fp16-{digest}.engine').write_text('half')\n"
        f"(folder / '{digest}.lock').touch(); os.abort()"
    )
    with _child_that(monkeypatch, code):
        _failure(folder, cache)
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("enough")], ids=repr)
def test_a_listener_that_raises_ends_the_child(
    folder: Path,
    cache: EngineCache,
    fingerprint: Fingerprint,
    children: "list[subprocess.Popen[bytes]]",
    error: BaseException,
) -> None:
    """While the child waits for this process's lock, so that it cannot finish by itself."""

    def listen(progress: BuildProgress) -> None:
        if progress.phase == WAITING:
            raise error

    with cache.lock(fingerprint, pytest.fail):
        with pytest.raises(type(error)) as caught:
            build_in_child(folder, EngineOptions(cache=cache.folder, progress=listen))
        assert caught.value is error
        assert [child.returncode for child in children] == [-signal.SIGTERM]
    assert list(cache.folder.iterdir()) == []


def test_a_child_that_ignores_the_request_is_killed(
    folder: Path,
    cache: EngineCache,
    children: "list[subprocess.Popen[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('{}', flush=True); time.sleep(60)"
    )
    heard: list[BuildProgress] = []

    def listen(progress: BuildProgress) -> None:
        heard.append(progress)
        if len(heard) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(build_process, "_GRACE", 0.1)
    with _child_that(monkeypatch, code), pytest.raises(KeyboardInterrupt):
        build_in_child(folder, EngineOptions(cache=cache.folder, progress=listen))
    assert [child.returncode for child in children] == [-signal.SIGKILL]


def test_a_silent_child_can_be_ended(
    folder: Path,
    cache: EngineCache,
    children: "list[subprocess.Popen[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[BuildProgress] = []

    def listen(progress: BuildProgress) -> None:
        heard.append(progress)
        if len(heard) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(build_process, "_HEARTBEAT", 0.02)
    with _child_that(monkeypatch, "import time; time.sleep(60)"), pytest.raises(KeyboardInterrupt):
        build_in_child(folder, EngineOptions(cache=cache.folder, progress=listen))
    assert [progress.phase for progress in heard] == ["start"] * 3
    assert heard[0].elapsed < heard[1].elapsed < heard[2].elapsed
    assert [child.returncode for child in children] == [-signal.SIGTERM]


def test_an_orphan_ends_itself(folder: Path, cache: EngineCache, fingerprint: Fingerprint) -> None:
    command = build_process._command(folder, EngineOptions(cache=cache.folder))
    with (
        cache.lock(fingerprint, pytest.fail),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child,
    ):
        assert child.stdout is not None
        assert child.stdin is not None
        assert WAITING.encode() in child.stdout.readline()
        child.stdin.close()
        assert child.wait() == 1


def test_what_libraries_print_does_not_disturb(
    folder: Path, cache: EngineCache, fingerprint: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, sys; from segnet_ros.inference.engine import build_process\n"
        "def noisy(*arguments):\n"
        '    os.write(1, b\'{"error": "noise"}\\n\')\n'
        "    raise build_process.InferenceError('genuine')\n"
        "build_process.load_model = noisy\n"
        "sys.exit(build_process._main('x', 'fp16', '1'))"
    )
    with _child_that(monkeypatch, code):
        assert _failure(folder, cache) == "genuine"


def test_no_shell_sees_the_paths(tmp_path: Path) -> None:
    strange = tmp_path / "$(touch x); 'y"
    command = build_process._command(strange, EngineOptions("int8", 4, strange / "c"))
    assert command == [
        sys.executable, "-m", "segnet_ros.inference.engine.build_process",
        str(strange), "int8", "4", str(strange / "c"),
    ]  # fmt: skip
    assert build_process._command(strange, EngineOptions())[3:] == [str(strange), "fp16", "1"]
    assert os.fspath(strange) in command
