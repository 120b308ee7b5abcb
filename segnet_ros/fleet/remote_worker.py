# SPDX-License-Identifier: Apache-2.0
"""What runs in each of a cluster's processes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2

from segnet_ros.inference.memory import keep_freed_pictures, share_one_heap

if TYPE_CHECKING:
    from pathlib import Path

    from segnet_ros.bags.work import Job, Outcome, Task, Worker

Value = TypeVar("Value")


class RemoteWorker(Generic[Value]):
    """A worker of a job; a Ray actor.

    Args:
        folder: Where relative paths begin, if the machine has it.
        threads: How many its libraries may use.

    """

    def __init__(self, folder: Path, threads: int) -> None:
        with suppress(OSError):
            os.chdir(folder)
        keep_freed_pictures()
        share_one_heap()
        if threads < (os.cpu_count() or 1):
            _limit_threads(threads)
        self._worker: Worker[Value] | None = None

    def start(self, job: Job[Value]) -> None:
        """Load the models.

        Raises:
            Exception: what `Job.start` raises.

        """
        self._worker = job.start()

    def work(self, task: Task) -> Outcome[Value]:
        """Do a task, once started.

        Raises:
            Exception: what `Worker.work` raises.

        """
        assert self._worker, "not started"
        return self._worker.work(task, lambda _frames: None)

    def close(self) -> None:
        """Free the models, and what the worker holds open."""
        if self._worker:
            self._worker.close()


def _limit_threads(threads: int) -> None:
    cv2.setNumThreads(threads)
    try:
        from segnet_ros.inference.openvino_core import openvino_core
    except ImportError:  # a machine that runs another runtime
        return
    # Pinned threads of several processes would meet on the same first cores.
    limits = {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    openvino_core().set_property("CPU", limits)
