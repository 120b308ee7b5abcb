# SPDX-License-Identifier: Apache-2.0
"""A process that measures, and may do anything wrong."""

import os
from collections.abc import Iterator

import pytest
from cases import Case
from misbehavior import behave
from worker import Worker

PATIENCE = 60.0


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(behave)
    yield worker
    worker.close()


def test_one_process_measures_case_after_case(worker: Worker) -> None:
    first = worker.run(Case("work", batch=4), PATIENCE)
    failed = worker.run(Case("raise"), PATIENCE)
    last = worker.run(Case("work"), PATIENCE)
    assert first.case == Case("work", batch=4)
    assert first.values["batch"] == 4
    assert first.error == ""
    assert failed.error == "ValueError: first line second line"
    assert failed.values == {}
    assert last.values["pid"] == first.values["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("subject", "error"),
    [
        ("crash", "the measuring process ended: SIGSEGV"),
        ("leave", "the measuring process ended: exit code 3"),
        ("break CUDA", "RuntimeError: CUDA error: an illegal memory access was encountered"),
    ],
)
def test_after_an_end_or_a_broken_gpu_a_new_process_goes_on(
    worker: Worker, subject: str, error: str
) -> None:
    before = worker.run(Case("work"), PATIENCE)
    assert worker.run(Case(subject), PATIENCE).error == error
    after = worker.run(Case("work"), PATIENCE)
    assert after.error == ""
    assert after.values["pid"] != before.values["pid"]


def test_hanging_case_is_ended(worker: Worker) -> None:
    pid = worker.run(Case("work"), PATIENCE).values["pid"]
    result = worker.run(Case("hang"), 0.3)
    assert result.error == "no answer within 0 s"
    assert result.seconds >= 0.3
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert worker.run(Case("work"), PATIENCE).error == ""


def test_closing_ends_the_process() -> None:
    worker = Worker(behave)
    pid = worker.run(Case("work"), PATIENCE).values["pid"]
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
