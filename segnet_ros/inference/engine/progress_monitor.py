# SPDX-License-Identifier: Apache-2.0
"""TensorRT's progress monitor, which also ends a build; 8.6 has none."""

from typing import Any

from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.engine.watch import Watch


def can_be_stopped(api: TensorRt) -> bool:
    """Whether a build reports its progress and can be ended."""
    return hasattr(api.module, "IProgressMonitor")


def attach_monitor(api: TensorRt, config: Any, watch: Watch) -> None:
    """Let a watch follow and end a build, where that is possible."""
    if can_be_stopped(api):
        config.progress_monitor = _create_monitor(api.module, watch)


def _create_monitor(module: Any, watch: Watch) -> Any:
    class Monitor(module.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, _parent: str | None, num_steps: int) -> None:
            self._steps[phase_name] = max(num_steps, 1)
            watch.tell(phase_name, 0.0)

        def step_complete(self, phase_name: str, step: int) -> bool:
            done = min((step + 1) / self._steps.get(phase_name, 1), 1.0)
            return watch.tell(phase_name, done)

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
