# SPDX-License-Identifier: Apache-2.0
"""Finding TensorRT's bindings."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segnet_ros.inference.engine.tensorrt_api import TensorRt, find_tensorrt, tensorrt_installed
from segnet_ros.inference.errors import InferenceError

NAMES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_libs", "tensorrt_rtx_bindings")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from that alone holds any TensorRT."""
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    others = [entry for entry in sys.path if not _holds_tensorrt(Path(entry))]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *others])
    importlib.invalidate_caches()
    find_tensorrt.cache_clear()
    yield tmp_path
    for name in NAMES:
        sys.modules.pop(name, None)
    find_tensorrt.cache_clear()


def _holds_tensorrt(folder: Path) -> bool:
    return any((folder / name).exists() for name in NAMES)


def _install(folder: Path, name: str, content: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(content)


def test_nothing_is_installed(packages: Path) -> None:
    assert not tensorrt_installed()
    with pytest.raises(
        InferenceError, match=r"tensorrt_rtx: No module named.*JetPack.*pip install"
    ):
        find_tensorrt()


def test_a_folder_of_that_name_is_no_tensorrt(packages: Path) -> None:
    (packages / "tensorrt").mkdir()
    assert not tensorrt_installed()


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"])
def test_asking_whether_it_is_installed_imports_nothing(packages: Path, name: str) -> None:
    _install(packages, name, "raise SystemError")
    assert tensorrt_installed()


def test_tensorrt_is_preferred(packages: Path) -> None:
    _install(packages, "tensorrt", "__version__ = '10.13.3.9'")
    _install(packages, "tensorrt_rtx", "__version__ = '1.7.1.116'")
    api = find_tensorrt()
    assert (api.flavour, api.version, api.name) == (
        "TensorRT", "10.13.3.9", "TensorRT 10.13.3.9",
    )  # fmt: skip
    assert api.module is sys.modules["tensorrt"]
    assert find_tensorrt() is api


def test_rtx_bindings_come_after_their_libraries(packages: Path) -> None:
    _install(packages, "tensorrt_rtx_libs", "LOADED = True")
    _install(
        packages,
        "tensorrt_rtx_bindings",
        "import sys\nassert 'tensorrt_rtx_libs' in sys.modules\n__version__ = '1.7.1.116'",
    )
    assert find_tensorrt().name == "TensorRT-RTX 1.7.1.116"


def test_what_each_binding_lacks_is_said(packages: Path) -> None:
    _install(packages, "tensorrt", "raise OSError('libnvinfer.so.10: cannot open')")
    _install(packages, "tensorrt_rtx_libs", "")
    _install(packages, "tensorrt_rtx_bindings", "raise ImportError('libcudart.so.13: not found')")
    with pytest.raises(
        InferenceError,
        match=r"tensorrt: libnvinfer\.so\.10: cannot open; tensorrt_rtx: No module named "
        r"'tensorrt_rtx'; tensorrt_rtx_bindings: libcudart\.so\.13: not found\)",
    ):
        find_tensorrt()


def test_a_broken_tensorrt_leaves_the_other_one(packages: Path) -> None:
    _install(packages, "tensorrt", "raise OSError('libnvinfer.so.10: cannot open')")
    _install(packages, "tensorrt_rtx", "__version__ = '1.7.1.116'")
    assert find_tensorrt().flavour == "TensorRT-RTX"


def test_there_is_one_logger_for_everything() -> None:
    class Module:
        class ILogger:
            ERROR, INTERNAL_ERROR, INFO = "error", "internal", "info"

    api = TensorRt(Module, "TensorRT", "1.2.3")
    api.logger.log(Module.ILogger.INFO, "nothing")
    api.logger.log(Module.ILogger.ERROR, "bad")
    api.logger.log(Module.ILogger.INTERNAL_ERROR, "worse")
    assert api.log.last_errors == "bad; worse"
    assert api.logger is api.logger
