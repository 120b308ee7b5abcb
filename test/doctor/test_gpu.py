# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.doctor import gpu
from segnet_ros.doctor.finding import Finding
from segnet_ros.inference.engine.gpu import Gpu

CARD = {
    "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.0/class": "0x030000\n",
}
SOUND_OF_CARD = {
    "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",
}
OTHER_CARD = {
    "sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n",
    "sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
}
JETPACK_7 = {"etc/nv_tegra_release": "# R39 (release), REVISION: 2.1, GCID: 1\n"}
JETPACK_6 = {"etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1\n"}


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_gpu", lambda: None)
    monkeypatch.setattr(gpu, "why_no_gpu", lambda: "no driver is loaded; install it; then ask")


def test_gpu_of_its_own(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    h200 = Gpu("NVIDIA H200", "9.0", "580.95.05", "13.0", 139 * 2**30, integrated=False)
    monkeypatch.setattr(gpu, "find_gpu", lambda: h200)
    assert gpu.check(machine()) == [
        Finding(
            "GPU",
            "ok",
            "NVIDIA H200, compute capability 9.0, 139 GiB, driver 580.95.05, CUDA up to 13.0",
        )
    ]


def test_integrated_gpu(machine, orin: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_gpu", lambda: orin)
    assert "32 GiB shared with the CPU" in gpu.check(machine())[0].found


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize("files", [CARD, JETPACK_7])
def test_hardware_that_cuda_does_not_show_is_a_warning(machine, files) -> None:
    expected = Finding("GPU", "warning", "no driver is loaded", "install it; then ask")
    assert gpu.check(machine(files)) == [expected]


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize("files", [{}, SOUND_OF_CARD, OTHER_CARD])
def test_machines_without_nvidia_need_nothing(machine, files) -> None:
    expected = Finding("GPU", "note", "no NVIDIA GPU on the PCI bus, and no driver is loaded")
    assert gpu.check(machine(files)) == [expected]


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(
    ("version", "found", "remedy"),
    [
        ("", "cuda-python is not installed", "`pip install 'cuda-python<12.9'`"),
        (
            "13.4.4",
            "cuda-python 13.4.4 is made for servers; JetPack 6 needs one before 12.9",
            "`pip uninstall cuda-python cuda-bindings`, then `pip install 'cuda-python<12.9'`",
        ),
        (
            "12.9.0",
            "cuda-python 12.9.0 is made for servers; JetPack 6 needs one before 12.9",
            "`pip uninstall cuda-python cuda-bindings`, then `pip install 'cuda-python<12.9'`",
        ),
        ("12.6.2.post1", "no driver is loaded", "install it; then ask"),
        ("present", "no driver is loaded", "install it; then ask"),
    ],
)
def test_wheels_of_cuda_for_jetpack_6(
    machine, monkeypatch, version: str, found: str, remedy: str
) -> None:
    monkeypatch.setattr(gpu, "version_of", lambda distribution, module: version)
    assert gpu.check(machine(JETPACK_6)) == [Finding("GPU", "warning", found, remedy)]


@pytest.mark.usefixtures("no_driver")
def test_wheels_of_cuda_for_jetpack_7(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "version_of", lambda distribution, module: "13.2.0")
    assert gpu.check(machine(JETPACK_7))[0].found == "no driver is loaded"
