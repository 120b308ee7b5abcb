# SPDX-License-Identifier: Apache-2.0
"""The GPU that CUDA would use, or why there is none. Asking needs neither TensorRT nor a driver."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SUCCESS = 0
_INSUFFICIENT_DRIVER = 35
_NO_DEVICE = 100
_DRIVER_FILES = (Path("/proc/driver/nvidia/version"), Path("/sys/module/nvidia/version"))
_DRIVER_VERSION = re.compile(r"(?:^|\s)(\d+\.\d+(?:\.\d+)?)(?:\s|$)")
_NO_DRIVER = (
    "no NVIDIA driver is loaded; install it and check with `nvidia-smi`; in a container, start "
    "that with `--gpus all` or `--runtime nvidia`"
)
_NO_GPU = (
    "the NVIDIA driver shows no GPU to this process; check `nvidia-smi` and the environment "
    "variable CUDA_VISIBLE_DEVICES; in a container, start that with `--gpus all` or "
    "`--runtime nvidia`"
)


@dataclass(frozen=True)
class Gpu:
    """The first GPU that CUDA shows to this process.

    Attributes:
        name: As CUDA gives it, such as "NVIDIA H200" or "Orin".
        compute_capability: Such as "9.0".
        driver: Version of the kernel module, such as "580.95.05"; "unknown" where the system
            does not tell it, as on WSL.
        cuda: Newest CUDA version that the driver supports, such as "13.0".
        memory_bytes: Of the device; of the whole computer if integrated.
        integrated: Whether it shares the memory of the CPU, as on Jetson.

    """

    name: str
    compute_capability: str
    driver: str
    cuda: str
    memory_bytes: int
    integrated: bool


def find_gpu() -> Gpu | None:
    """The GPU; None without cuda-python, driver or device."""
    answer = _ask()
    return answer if isinstance(answer, Gpu) else None


def why_no_gpu() -> str:
    """Why `find_gpu` gives None, with the remedy; empty if it gives a GPU."""
    answer = _ask()
    return answer if isinstance(answer, str) else ""


def import_cudart() -> Any:
    """CUDA's runtime API in cuda-python, under the name that the installed release gives it.

    Raises:
        ImportError: cuda-python is not installed, or damaged.

    """
    try:
        from cuda.bindings import runtime
    except ModuleNotFoundError:
        # Releases before 12.6.1.
        from cuda import cudart

        return cudart
    return runtime


def _ask() -> Gpu | str:
    try:
        return _first_device(import_cudart())
    except ImportError as error:
        return (
            f"the Python package cuda-python cannot be imported ({error}); "
            "run `pip install 'segnet_ros[gpu]'`"
        )
    except (RuntimeError, OSError):
        # What cuda-python raises where it finds no libcuda to ask.
        return _NO_DRIVER


def _first_device(cudart: Any) -> Gpu | str:
    error, count = cudart.cudaGetDeviceCount()
    if int(error) != _SUCCESS:
        return _failure(cudart, error)
    if count < 1:
        return _NO_GPU
    error, device = cudart.cudaGetDeviceProperties(0)
    if int(error) != _SUCCESS:
        return _failure(cudart, error)
    return Gpu(
        name=device.name.decode(errors="replace").rstrip("\0"),
        compute_capability=f"{device.major}.{device.minor}",
        driver=_driver_version(),
        cuda=_version(cudart.cudaDriverGetVersion()[1]),
        memory_bytes=int(device.totalGlobalMem),
        integrated=bool(device.integrated),
    )


def _failure(cudart: Any, error: Any) -> str:
    if int(error) == _NO_DEVICE:
        return _NO_GPU
    if int(error) == _INSUFFICIENT_DRIVER:
        return _old_driver(cudart)
    _, name = cudart.cudaGetErrorName(error)
    _, words = cudart.cudaGetErrorString(error)
    return (
        f"CUDA fails with {name.decode()} ({words.decode()}); check `nvidia-smi`, and restart "
        "the computer if the driver was just updated"
    )


def _old_driver(cudart: Any) -> str:
    """CUDA says "insufficient driver" for none at all, too; its version is 0 then."""
    supported, needed = cudart.cudaDriverGetVersion()[1], cudart.cudaRuntimeGetVersion()[1]
    if not supported:
        return _NO_DRIVER
    return (
        f"the NVIDIA driver {_driver_version()} supports CUDA {_version(supported)}, but the "
        f"installed cuda-python needs {_version(needed)}; update the driver, or run "
        f"`pip install 'cuda-python<{supported // 1000 + 1}'`"
    )


def _version(number: int) -> str:
    """CUDA's 12020 is 12.2."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver_version() -> str:
    for path in _DRIVER_FILES:
        with suppress(OSError):
            if found := _DRIVER_VERSION.search(path.read_text(errors="replace")):
                return found[1]
    return "unknown"
