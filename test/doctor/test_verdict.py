# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.doctor import verdict
from segnet_ros.doctor.finding import Finding

GPU = Finding("GPU", "ok", "Orin")
NO_DRIVER = Finding("GPU", "warning", "no driver", "load one")
TENSORRT = Finding("TensorRT", "ok", "TensorRT 10.3.0")
BROKEN = Finding("TensorRT", "warning", "TensorRT cannot be loaded", "install it")
OPENVINO = Finding("OpenVINO", "ok", "2026.4.1")
ENGINE = Finding("engines", "ok", "there is one")
NO_ENGINE = Finding("engines", "warning", "no engine", "`segnet build-engine m`")
STALE = Finding("engines", "note", "an old one", "prune")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "tensorrt_installed", lambda: True)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([OPENVINO], Finding("runtime", "ok", "auto takes openvino: the CPU")),
        (
            [],
            Finding(
                "runtime",
                "error",
                "no library here can run a model",
                "`pip install openvino` for the CPU",
            ),
        ),
        (
            [NO_DRIVER],
            Finding("runtime", "error", "no library here can run a model", "load one"),
        ),
        (
            [GPU, TENSORRT, STALE, ENGINE],
            Finding("runtime", "ok", "auto takes tensorrt: the GPU, with an engine that is built"),
        ),
        (
            [GPU, TENSORRT, OPENVINO, STALE, NO_ENGINE],
            Finding(
                "runtime",
                "warning",
                "auto takes tensorrt, but no engine",
                "`segnet build-engine m`",
            ),
        ),
        (
            [GPU, TENSORRT, NO_ENGINE],
            Finding(
                "runtime", "error", "auto takes tensorrt, but no engine", "`segnet build-engine m`"
            ),
        ),
        (
            [GPU, BROKEN, OPENVINO, NO_ENGINE],
            Finding(
                "runtime",
                "warning",
                "auto takes tensorrt, but TensorRT cannot be loaded",
                "install it",
            ),
        ),
    ],
)
def test_runtime(findings: list[Finding], expected: Finding) -> None:
    assert verdict.runtime(findings) == expected


def test_a_gpu_without_tensorrt_leaves_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "tensorrt_installed", lambda: False)
    assert verdict.runtime([GPU, OPENVINO]).found == "auto takes openvino: the CPU"


def test_what_stops_the_node_comes_first(machine) -> None:
    idle = Finding("runtime", "warning", "x", "build")
    stopping = [Finding("a", "error", "x", "mend a"), Finding("b", "error", "x", "mend b")]
    assert verdict.next_step(machine(), [idle, *stopping]) == "mend a; then `segnet doctor` again"


@pytest.mark.parametrize("area", ["GPU", "TensorRT", "runtime"])
def test_an_idle_gpu_comes_next(machine, area: str) -> None:
    findings = [Finding("shm", "warning", "x", "clean"), Finding(area, "warning", "x", "build")]
    assert verdict.next_step(machine(), findings) == (
        "build; then `segnet doctor` again; or, on the CPU: `segnet node --ros-args -r "
        "image:=/camera/image_raw -p autostart:=true -p runtime:=openvino`"
    )


def test_a_healthy_machine_starts_the_node(machine) -> None:
    command = "segnet node --ros-args -r image:=/camera/image_raw -p autostart:=true"
    assert verdict.next_step(machine(), [OPENVINO]) == f"`{command}`"
    here = replace(machine(), model="my models/a")
    assert verdict.next_step(here, [OPENVINO]) == f"`{command} -p model:='my models/a'`"


@pytest.mark.parametrize(
    ("model", "command"),
    [
        (None, "`ros2 launch segnet_ros segmentation.launch.py image:=/camera/image_raw`"),
        (
            "mine",
            "`ros2 launch segnet_ros segmentation.launch.py image:=/camera/image_raw model:=mine`",
        ),
    ],
)
def test_a_built_workspace_launches_it(
    machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str | None, command: str
) -> None:
    package = tmp_path / "ws/share/segnet_ros/package.xml"
    package.parent.mkdir(parents=True)
    package.touch()
    monkeypatch.setattr(verdict, "is_installed", lambda name: name == "launch_ros")
    path = f"{tmp_path / 'ws'}:/opt/ros/jazzy"
    here = replace(machine(AMENT_PREFIX_PATH=path), model=model)
    assert verdict.next_step(here, [OPENVINO]) == command


@pytest.mark.parametrize(
    ("built", "launch"), [("share/segnet_ros/package.xml", False), ("share/other", True)]
)
def test_without_launch_or_workspace_our_own_command_starts_it(
    machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str, launch: bool
) -> None:
    (tmp_path / built).parent.mkdir(parents=True)
    (tmp_path / built).touch()
    monkeypatch.setattr(verdict, "is_installed", lambda name: launch)
    here = machine(AMENT_PREFIX_PATH=str(tmp_path))
    assert verdict.next_step(here, [OPENVINO]).startswith("`segnet node ")
