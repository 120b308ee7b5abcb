# SPDX-License-Identifier: Apache-2.0

import platform

import pytest

from segnet_ros.doctor import tensorrt
from segnet_ros.doctor.finding import Finding
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.errors import InferenceError

CARD = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030200\n",
}
JETSON = {"etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1\n"}


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch):
    """Sets what TensorRT there is (None, or a failure) and what GPU."""

    def have(
        api: TensorRt | InferenceError | None, gpu: Gpu | None, processor: str = "x86_64"
    ) -> None:
        def find() -> TensorRt:
            if not isinstance(api, TensorRt):
                raise api or AssertionError
            return api

        monkeypatch.setattr(tensorrt, "tensorrt_installed", lambda: api is not None)
        monkeypatch.setattr(tensorrt, "find_tensorrt", find)
        monkeypatch.setattr(tensorrt, "find_gpu", lambda: gpu)
        monkeypatch.setattr(platform, "machine", lambda: processor)

    return have


def test_version_and_flavour(machine, orin: Gpu, having) -> None:
    having(TensorRt(None, "TensorRT", "10.3.0"), orin)
    assert tensorrt.check(machine()) == [Finding("TensorRT", "ok", "TensorRT 10.3.0")]


def test_without_a_gpu_it_is_of_no_use(machine, having) -> None:
    having(TensorRt(None, "TensorRT-RTX", "1.7.1.116"), None)
    found = "TensorRT-RTX 1.7.1.116; without a GPU it runs no engine"
    assert tensorrt.check(machine()) == [Finding("TensorRT", "note", found)]


def test_bindings_that_cannot_be_loaded(machine, having) -> None:
    having(InferenceError("TensorRT cannot be loaded (tensorrt: no libnvinfer; x); do this"), None)
    found = "TensorRT cannot be loaded (tensorrt: no libnvinfer; x)"
    assert tensorrt.check(machine()) == [Finding("TensorRT", "warning", found, "do this")]


def test_missing_where_nothing_needs_it(machine, having) -> None:
    having(None, None)
    found = "not installed; only NVIDIA GPUs use it"
    assert tensorrt.check(machine()) == [Finding("TensorRT", "note", found)]


@pytest.mark.parametrize(
    ("files", "cuda", "processor", "remedy"),
    [
        (
            JETSON,
            "12.6",
            "aarch64",
            (
                "`sudo apt install python3-libnvinfer` (JetPack's own); a virtual environment sees "
                "it only if created with --system-site-packages"
            ),
        ),
        (
            CARD,
            "12.8",
            "x86_64",
            (
                "`pip install tensorrt-cu12`; on GeForce and RTX cards "
                "`pip install 'segnet_ros[rtx]'` is an alternative"
            ),
        ),
        (CARD, "13.0", "aarch64", "`pip install tensorrt-cu13`"),
        (CARD, None, "aarch64", "`pip install tensorrt`"),
    ],
)
def test_missing_on_a_machine_with_a_gpu(machine, having, files, cuda, processor, remedy) -> None:
    having(None, cuda and Gpu("X", "8.7", "1.2", cuda, 1, False), processor)
    found = "not installed, so the GPU cannot be used"
    assert tensorrt.check(machine(files)) == [Finding("TensorRT", "warning", found, remedy)]
