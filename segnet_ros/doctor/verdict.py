# SPDX-License-Identifier: Apache-2.0
"""What the findings come to: whether the node can run now, and what to do next."""

import shlex
from collections.abc import Sequence

from segnet_ros.doctor.areas import ENGINES, GPU, OPENVINO, RUNTIME, TENSORRT
from segnet_ros.doctor.finding import Finding, Level
from segnet_ros.doctor.libraries import is_installed
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.tensorrt_api import tensorrt_installed

_GPU = (GPU, TENSORRT, RUNTIME)
_CAMERA = "image:=/camera/image_raw"
_PACKAGE = "share/segnet_ros/package.xml"


def runtime(findings: Sequence[Finding]) -> Finding:
    """Which runtimes could run the node now, and which one `auto` takes."""
    works = {finding.area for finding in findings if finding.level == "ok"}
    on_cpu = OPENVINO in works
    # Where both are there `auto` takes TensorRT, whether or not it can run.
    if GPU in works and tensorrt_installed():
        return _on_gpu(findings, on_cpu)
    if on_cpu:
        return Finding(RUNTIME, "ok", "auto takes openvino: the CPU")
    remedy = (*_idle(findings), "`pip install openvino` for the CPU")[0]
    return Finding(RUNTIME, "error", "no library here can run a model", remedy)


def _on_gpu(findings: Sequence[Finding], on_cpu: bool) -> Finding:
    obstacles = [_last(findings, area) for area in (TENSORRT, ENGINES)]
    obstacles = [finding for finding in obstacles if finding.level != "ok"]
    if not obstacles:
        return Finding(RUNTIME, "ok", "auto takes tensorrt: the GPU, with an engine that is built")
    level: Level = "warning" if on_cpu else "error"
    found = f"auto takes tensorrt, but {obstacles[0].found}"
    return Finding(RUNTIME, level, found, obstacles[0].remedy)


def _last(findings: Sequence[Finding], area: str) -> Finding:
    """The finding that sums an area up."""
    return [finding for finding in findings if finding.area == area][-1]


def next_step(here: Surroundings, findings: Sequence[Finding]) -> str:
    """The remedy of what stops the node, else of what leaves the GPU idle, else how to start."""
    stopping = [item.remedy for item in findings if item.level == "error"]
    if stopping:
        return f"{stopping[0]}; then `segnet doctor` again"
    if idle := _idle(findings):
        on_cpu = _start(here, runtime="openvino")
        return f"{idle[0]}; then `segnet doctor` again; or, on the CPU: `{on_cpu}`"
    return f"`{_start(here)}`"


def _idle(findings: Sequence[Finding]) -> list[str]:
    """Remedies of what leaves the GPU idle."""
    return [item.remedy for item in findings if item.area in _GPU and item.level == "warning"]


def _start(here: Surroundings, **parameters: str) -> str:
    """The command that starts the node."""
    if here.model:
        parameters["model"] = here.model
    given = [f"{name}:={shlex.quote(value)}" for name, value in parameters.items()]
    is_built = any((prefix / _PACKAGE).is_file() for prefix in here.prefixes())
    if is_built and is_installed("launch_ros"):
        return " ".join(["ros2 launch segnet_ros segmentation.launch.py", _CAMERA, *given])
    options = [f"-p {parameter}" for parameter in ("autostart:=true", *given)]
    return " ".join(["segnet node --ros-args -r", _CAMERA, *options])
