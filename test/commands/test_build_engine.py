# SPDX-License-Identifier: Apache-2.0
"""`segnet build-engine`: what it builds, lists, removes and refuses, by genuine TensorRT-RTX."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from segnet_ros.cli import main
from segnet_ros.commands import build_engine, engine_display, engine_list
from segnet_ros.inference.engine import builder
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import EngineGraph, load_model, save_description

pytest.importorskip("tensorrt_rtx_libs", reason="needs TensorRT-RTX: pip install 'segnet_ros[rtx]'")
H200 = Gpu("NVIDIA H200", "9.0", "580.95", "13.0", 150_000_000_000, False)
MODULES = (build_engine, engine_list)


@pytest.fixture
def model(channel_model: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(channel_model, tmp_path / "channel"))
    plain = load_model(folder)
    graph = EngineGraph("model.onnx", plain.sha256, 1.0, "none", 0.5, 0.5)
    save_description(replace(plain, engine_graphs={"fp16": graph, "int8": graph}))
    return folder


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On machines with one, too."""
    for module in MODULES:
        monkeypatch.setattr(module, "find_gpu", lambda: None)
        monkeypatch.setattr(module, "why_no_gpu", lambda: "it is elsewhere; fetch it")


@pytest.fixture
def run(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the verb, with the model and the cache of this test; gives what it prints."""
    if find_tensorrt().flavour != "TensorRT-RTX":
        pytest.skip("needs TensorRT-RTX alone: TensorRT is installed and goes first")

    def call(*arguments: str, status: int = 0) -> str:
        given = ["build-engine", str(model), "--cache", str(tmp_path / "cache"), *arguments]
        assert main(given) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return call


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


def test_an_engine_is_built_and_said_to_be_untested(
    run: Callable[..., str], cache: EngineCache
) -> None:
    lines = run().splitlines()
    assert lines[0] == "building channel fp16: none was built yet"
    phases = [line.partition(" s  ")[2] for line in lines if re.match(r" +\d+\.\d s  ", line)]
    assert phases[:2] == ["parse", "build"]
    assert len(phases) == len(set(phases))
    entry = cache.entries()[0]
    assert lines[-3] == f"{entry.plan} ({entry.facts['size'] / 1e6:.1f} MB)"
    assert lines[-2].startswith(
        f"no convolution, 3 other kernels; {entry.facts['built']}, built by"
    )
    assert lines[-1] == (
        "There is no GPU to run it here (it is elsewhere; fetch it): it was neither run nor "
        "compared with the golden frames, and a machine with a GPU builds its own."
    )


def test_the_second_time_nothing_is_built(run: Callable[..., str], cache: EngineCache) -> None:
    run()
    before = cache.entries()[0].plan.stat()
    assert "building" not in run()
    assert cache.entries()[0].plan.stat() == before
    assert "building channel fp16: asked for" in run("--rebuild")
    assert cache.entries()[0].plan.stat().st_ino != before.st_ino


def test_precision(run: Callable[..., str], cache: EngineCache) -> None:
    run("--precision", "int8")
    assert [entry.fingerprint.precision for entry in cache.entries()] == ["int8"]
    assert "channel has no fp8 graph" in run("--precision", "fp8", status=1)


def test_the_batch_reaches_the_builder(run: Callable[..., str]) -> None:
    """It refuses: this graph is for one frame."""
    assert "batch 1" in run("--batch", "4", status=1)


def test_the_default_is_the_shipped_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def find(name: str) -> Path:
        asked.append(name)
        msg = "enough"
        raise InferenceError(msg)

    monkeypatch.setattr(build_engine, "find_model", find)
    assert main(["build-engine", "--cache", str(tmp_path)]) == 1
    assert asked == ["segnet_light_camvid"]


def test_list_tells_the_usable_the_stale_and_the_altered(
    run: Callable[..., str], cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    run("--precision", "int8")
    usable, altered = cache.entries()
    altered.plan.write_bytes(b"\0" * altered.facts["size"])
    stale = cache.store(
        replace(usable.fingerprint, version="1.6.0", gpu=""), "channel", b"plan", "", 1
    )
    (cache.folder / "x-fp16-0123456789abcdef.json").write_text("{")
    monkeypatch.setattr(engine_list, "Console", partial(Console, width=120))
    lines = run("--list").splitlines()
    cells = {tuple(line.split()[:2]) + (line.split()[-1],) for line in lines[1:5]}
    assert cells == {
        ("channel", "fp16", "usable"),
        ("channel", "fp16", "stale"),
        ("channel", "int8", "altered"),
        ("?", "?", "altered"),
    }
    row = next(line for line in lines if line.rstrip().endswith("usable"))
    version = usable.fingerprint.version
    assert re.match(rf"channel +fp16 +1 +TensorRT-RTX {version} +none +0.4 MB +\d+ \w+", row)
    assert set(lines[5:]) == {
        (
            f"{altered.plan.name} is altered: the engine was altered since it was built (sha256 "
            "differs)"
        ),
        f"{stale.plan.name} is stale: TensorRT-RTX 1.6.0 built it, {version} is installed",
        "x-fp16-0123456789abcdef.engine is altered: its JSON is damaged",
        f"4 engines in {cache.folder}",
    }


def test_list_knows_when_the_model_was_exported_anew(
    run: Callable[..., str], model: Path, cache: EngineCache
) -> None:
    run()
    known = load_model(model)
    graph = replace(known.engine_graphs["fp16"], sha256="cd" * 32)
    save_description(replace(known, engine_graphs={"fp16": graph}))
    assert "is stale: the model was exported anew" in run("--list")


def test_list_leaves_models_alone_that_nobody_knows(
    run: Callable[..., str], cache: EngineCache
) -> None:
    run()
    engine = cache.entries()[0]
    unknown = replace(engine.fingerprint, onnx_sha256="cd" * 32)
    cache.store(unknown, "somebodys", b"plan", "", 1)
    assert "stale" not in run("--list")


def test_list_without_tensorrt(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setattr(engine_list, "find_tensorrt", _no_tensorrt)
    assert "is stale: TensorRT cannot be loaded" in run("--list")


def test_list_of_nothing(run: Callable[..., str], cache: EngineCache) -> None:
    assert run("--list").splitlines()[-1] == f"0 engines in {cache.folder}"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (90_000, "1 d")],
)
def test_age(seconds: int, age: str) -> None:
    built = datetime.now(timezone.utc) - timedelta(seconds=seconds + 0.1)
    assert engine_list._age(built) == age


def test_prune_removes_what_list_calls_unusable(
    run: Callable[..., str], cache: EngineCache
) -> None:
    run()
    usable = cache.entries()[0]
    stale = cache.store(replace(usable.fingerprint, version="1.6.0"), "channel", b"plan", "", 1)
    lines = run("--prune").splitlines()
    reason = f"TensorRT-RTX 1.6.0 built it, {usable.fingerprint.version} is installed"
    assert lines[0] == f"removed {stale.plan.name} (0.0 MB): {reason}"
    assert lines[-1] == "2 files, 0.0 MB removed"
    assert cache.entries() == [usable]
    assert run("--prune").splitlines() == ["0 files, 0.0 MB removed"]


def _no_tensorrt() -> Any:
    msg = "TensorRT cannot be loaded; install it"
    raise InferenceError(msg)


@pytest.mark.parametrize("arguments", [[], ["--prune"]])
def test_no_tensorrt(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "find_tensorrt", _no_tensorrt)
    text = run(*arguments, status=1)
    assert text == "segnet build-engine: TensorRT cannot be loaded; install it\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "TensorRT builds engines only where they shall run: "),
        (["--prune"], "without a GPU nobody knows what can be used on it: it is elsewhere; fetch"),
    ],
)
def test_full_tensorrt_without_a_gpu(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    full = replace(find_tensorrt(), flavour="TensorRT")
    for module in MODULES:
        monkeypatch.setattr(module, "find_tensorrt", lambda: full)
    text = run(*arguments, status=1)
    assert text.startswith(f"segnet build-engine: {words}")
    assert text.count("\n") == 1


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that the command sees; what TensorRT-RTX builds is for none, or it would miss it."""
    monkeypatch.setattr(build_engine, "find_gpu", lambda: H200)
    monkeypatch.setattr(builder, "target_this_gpu", lambda api, config: None)


@pytest.mark.usefixtures("gpu")
def test_on_a_gpu_the_engine_is_run_and_gated(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command's part of it; the runtime has tests of its own."""
    closed: list[bool] = []
    status = SimpleNamespace(agreement=0.99874)
    runtime = SimpleNamespace(
        description="TensorRT 10.13.3 NVIDIA H200 fp16 (3 kernels)",
        engine=status,
        close=lambda: closed.append(True),
    )
    asked: list[tuple[str, str, str]] = []

    def load(model: Any, name: str, options: Any) -> Any:
        asked.append((model.name, name, options.precision))
        return runtime

    monkeypatch.setattr(build_engine, "load_runtime", load)
    assert run("--precision", "int8").splitlines()[-1] == (
        "TensorRT 10.13.3 NVIDIA H200 fp16 (3 kernels): 99.87% of the golden frames' labels agree"
    )
    assert asked == [("channel", "tensorrt", "int8")]
    assert closed == [True]


@pytest.mark.usefixtures("gpu")
def test_an_engine_that_fails_the_gate(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> Any:
        msg = "the labels differ"
        raise InferenceError(msg)

    monkeypatch.setattr(build_engine, "load_runtime", refuse)
    assert run(status=1) == "segnet build-engine: the labels differ\n"


def test_a_terminal_shows_the_phase(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_display, "Console", partial(Console, force_terminal=True))
    text = run()
    assert "building channel fp16: none was built yet" in text
    assert re.search(r"0:00:0\d", text)
    assert not re.search(r"^ +\d\.\d s  parse$", text, re.MULTILINE)


def test_phases_are_no_markup() -> None:
    progress = BuildProgress("m", "fp16", "why", "[red]Building[/] {x}", 0.404, 1.0)
    assert engine_display._in_words(progress) == "[red]Building[/] {x} 40%"
    assert engine_display._in_words(replace(progress, fraction=None)) == "[red]Building[/] {x}"


@pytest.mark.parametrize("other", ["--list", "--prune"])
def test_one_job_at_a_time(
    run: Callable[..., str], other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("--rebuild", other)
    assert "not allowed with argument" in capsys.readouterr().err
