# SPDX-License-Identifier: Apache-2.0
"""NVIDIA GPU, driver and CUDA."""

from segnet_ros.doctor.areas import GPU
from segnet_ros.doctor.finding import Finding, from_error
from segnet_ros.doctor.libraries import version_of
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.gpu import Gpu, find_gpu, why_no_gpu
from segnet_ros.inference.engine.jetson import find_jetson

_JETPACK_6 = "36."
_FIRST_FOR_SERVERS = (12, 9)
_NVIDIA = "0x10de"
_DISPLAY_CONTROLLER = "0x03"


def check(here: Surroundings) -> list[Finding]:
    """Ask CUDA for a GPU, and the PCI bus where CUDA shows none."""
    gpu = find_gpu()
    if gpu is not None:
        return [Finding(GPU, "ok", _in_words(gpu))]
    trapped = _wrong_wheel(here)
    if trapped:
        return [trapped]
    if has_gpu(here):
        return [from_error(GPU, "warning", why_no_gpu())]
    reason, _, _ = why_no_gpu().partition("; ")
    return [Finding(GPU, "note", f"no NVIDIA GPU on the PCI bus, and {reason}")]


def _wrong_wheel(here: Surroundings) -> Finding | None:
    """JetPack 6 lacks what newer wheels of cuda-python are made for: the CUDA of servers."""
    jetson = find_jetson(here.root)
    if jetson is None or not jetson.l4t.startswith(_JETPACK_6):
        return None
    version = version_of("cuda-python", "cuda")
    remedy = "`pip install 'cuda-python<12.9'`"
    if not version:
        return Finding(GPU, "warning", "cuda-python is not installed", remedy)
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _FIRST_FOR_SERVERS:
        return None
    found = f"cuda-python {version} is made for servers; JetPack 6 needs one before 12.9"
    remedy = f"`pip uninstall cuda-python cuda-bindings`, then {remedy}"
    return Finding(GPU, "warning", found, remedy)


def has_gpu(here: Surroundings) -> bool:
    """Whether the hardware is there, usable or not."""
    return find_jetson(here.root) is not None or any(
        here.read(f"{device}/vendor").strip() == _NVIDIA
        and here.read(f"{device}/class").startswith(_DISPLAY_CONTROLLER)
        for device in here.root.glob("sys/bus/pci/devices/*")
    )


def _in_words(gpu: Gpu) -> str:
    memory = f"{gpu.memory_bytes / 2**30:.0f} GiB"
    shared = " shared with the CPU" if gpu.integrated else ""
    return (
        f"{gpu.name}, compute capability {gpu.compute_capability}, {memory}{shared}, "
        f"driver {gpu.driver}, CUDA up to {gpu.cuda}"
    )
