# SPDX-License-Identifier: Apache-2.0
"""What runs in a cluster's processes, here without one."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.fleet.remote_worker import RemoteWorker

TASK = Task("bag", Window(4, 0, 1))


@dataclass(frozen=True)
class Job:
    notes: list[str]

    def start(self) -> "Job":
        self.notes.append("started")
        return self

    def work(self, task: Task, advance: Advance) -> Outcome[int]:
        advance(1)
        return Outcome(task, 1, (), task.window.index)

    def close(self) -> None:
        self.notes.append("closed")


@pytest.fixture(autouse=True)
def _unchanged_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # comes back here in the end


def test_a_job_is_started_worked_on_and_closed() -> None:
    notes: list[str] = []
    worker: RemoteWorker[int] = RemoteWorker(Path.cwd(), os.cpu_count() or 1)
    worker.close()
    assert notes == []
    worker.start(Job(notes))
    assert worker.work(TASK) == Outcome(TASK, 1, (), 4)
    worker.close()
    assert notes == ["started", "closed"]


def test_relative_paths_begin_where_they_were_given(tmp_path: Path) -> None:
    RemoteWorker(tmp_path, os.cpu_count() or 1)
    assert Path.cwd() == tmp_path


def test_a_folder_that_the_machine_lacks_does_no_harm(tmp_path: Path) -> None:
    before = Path.cwd()
    RemoteWorker(tmp_path / "absent", os.cpu_count() or 1)
    assert Path.cwd() == before


def test_libraries_keep_to_the_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino_core = pytest.importorskip(
        "segnet_ros.inference.openvino_core", reason="needs OpenVINO: pip install openvino"
    ).openvino_core
    before = cv2.getNumThreads()
    names = ("INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING")
    settings = {name: openvino_core().get_property("CPU", name) for name in names}
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    try:
        RemoteWorker(Path.cwd(), 3)
        assert cv2.getNumThreads() == 3
        assert openvino_core().get_property("CPU", "INFERENCE_NUM_THREADS") == 3
        assert openvino_core().get_property("CPU", "ENABLE_CPU_PINNING") is False
    finally:
        cv2.setNumThreads(before)
        openvino_core().set_property("CPU", settings)
