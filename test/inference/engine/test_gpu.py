# SPDX-License-Identifier: Apache-2.0
"""Which GPU there is, or why there is none: of this machine, and by injected answers of CUDA."""

import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from segnet_ros.inference.engine import gpu
from segnet_ros.inference.engine.gpu import Gpu, find_gpu, why_no_gpu

OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (a@b)\n"
    "GCC version:  gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2)\n"
)
CLOSED_MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 2023\n"
JETSON_MODULE = "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build\n"


Error = IntEnum(
    "Error",
    {
        "cudaSuccess": 0,
        "cudaErrorInsufficientDriver": 35,
        "cudaErrorNoDevice": 100,
        "cudaErrorSystemDriverMismatch": 803,
    },
)
H200 = {
    "name": b"NVIDIA H200", "major": 9, "minor": 0, "totalGlobalMem": 150_000_000_000,
    "integrated": 0,
}  # fmt: skip


def _cudart(error: str, count: int | None = None, driver: int = 13000, **device: Any) -> Any:
    """Answers as cuda-python does: tuples that start with an error."""
    success = Error["cudaSuccess"]
    return SimpleNamespace(
        cudaGetDeviceCount=lambda: (Error[error], count),
        cudaGetDeviceProperties={0: (success, SimpleNamespace(**{**H200, **device}))}.__getitem__,
        cudaDriverGetVersion=lambda: (success, driver),
        cudaRuntimeGetVersion=lambda: (success, 13020),
        cudaGetErrorName=lambda error: (success, error.name.encode()),
        cudaGetErrorString=lambda error: (success, b"in CUDA's words"),
    )


@pytest.fixture(autouse=True)
def driver_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the kernel's; absent until a test writes it."""
    path = tmp_path / "version"
    monkeypatch.setattr(gpu, "_DRIVER_FILES", (tmp_path / "missing", path))
    return path


def _answer(monkeypatch: pytest.MonkeyPatch, cudart: Any) -> None:
    monkeypatch.setattr(gpu, "import_cudart", lambda: cudart)


def test_this_machine() -> None:
    reason = "needs cuda-python: pip install 'segnet_ros[gpu]'"
    runtime = pytest.importorskip("cuda.bindings.runtime", reason=reason)
    assert (find_gpu() is None) == bool(why_no_gpu())
    if runtime.cudaDriverGetVersion()[1] == 0:
        assert why_no_gpu().startswith("no NVIDIA driver is loaded; install it")


def test_cuda_is_not_imported_before_somebody_asks() -> None:
    code = "import segnet_ros.inference.engine.gpu, sys; sys.exit('cuda' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_of_a_gpu(monkeypatch: pytest.MonkeyPatch, driver_file: Path) -> None:
    driver_file.write_text(OPEN_MODULE)
    _answer(monkeypatch, _cudart("cudaSuccess", 2))
    assert find_gpu() == Gpu("NVIDIA H200", "9.0", "580.95.05", "13.0", 150_000_000_000, False)
    assert why_no_gpu() == ""


def test_a_jetson_shares_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    orin = {"name": b"Orin\0\0", "major": 8, "minor": 7, "integrated": 1}
    _answer(monkeypatch, _cudart("cudaSuccess", 1, driver=12060, **orin))
    found = find_gpu()
    assert found is not None
    assert (found.name, found.compute_capability, found.cuda) == ("Orin", "8.7", "12.6")
    assert found.integrated is True


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (OPEN_MODULE, "580.95.05"),
        (CLOSED_MODULE, "535.104.05"),
        (JETSON_MODULE, "540.4.0"),
        ("580.65\n", "580.65"),
        ("something else 5", "unknown"),
    ],
)
def test_version_of_the_driver(
    monkeypatch: pytest.MonkeyPatch, driver_file: Path, text: str, version: str
) -> None:
    driver_file.write_text(text)
    _answer(monkeypatch, _cudart("cudaSuccess", 1))
    found = find_gpu()
    assert found is not None
    assert found.driver == version


@pytest.mark.parametrize(
    ("cudart", "words"),
    [
        (_cudart("cudaErrorInsufficientDriver", driver=0), "no NVIDIA driver is loaded"),
        (
            _cudart("cudaErrorInsufficientDriver", driver=12020),
            (
                "the NVIDIA driver 535.104.05 supports CUDA 12.2, but the installed cuda-python "
                "needs 13.2; update the driver, or run `pip install 'cuda-python<13'`"
            ),
        ),
        (_cudart("cudaErrorNoDevice"), "shows no GPU to this process; check"),
        (_cudart("cudaSuccess", 0), "shows no GPU to this process; check"),
        (
            _cudart("cudaErrorSystemDriverMismatch"),
            "CUDA fails with cudaErrorSystemDriverMismatch (in CUDA's words); check `nvidia-smi`",
        ),
    ],
)
def test_why_there_is_none(
    monkeypatch: pytest.MonkeyPatch, driver_file: Path, cudart: Any, words: str
) -> None:
    driver_file.write_text(CLOSED_MODULE)
    _answer(monkeypatch, cudart)
    assert find_gpu() is None
    assert words in why_no_gpu()


def test_a_device_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cudart = _cudart("cudaSuccess", 1)
    failure = (Error["cudaErrorSystemDriverMismatch"], None)
    cudart.cudaGetDeviceProperties = lambda device: failure
    _answer(monkeypatch, cudart)
    assert find_gpu() is None
    assert "cudaErrorSystemDriverMismatch" in why_no_gpu()


@pytest.mark.parametrize("error", [RuntimeError("Failed to dlopen libcuda.so.1"), OSError()])
def test_older_releases_raise_without_a_driver(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    _answer(monkeypatch, SimpleNamespace(cudaGetDeviceCount=fail))
    assert find_gpu() is None
    assert why_no_gpu().startswith("no NVIDIA driver is loaded")


def test_cuda_python_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    assert find_gpu() is None
    assert "cuda-python cannot be imported" in why_no_gpu()
    assert "pip install 'segnet_ros[gpu]'" in why_no_gpu()


def test_older_releases_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("cuda")
    package.cudart = _cudart("cudaSuccess", 1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda", package)
    monkeypatch.delitem(sys.modules, "cuda.bindings", raising=False)
    found = find_gpu()
    assert found is not None
    assert found.name == "NVIDIA H200"
