# SPDX-License-Identifier: Apache-2.0
"""The loop: in time, once each, and not in vain."""

import time
from pathlib import Path

import measure_engines
import pytest
from cases import ACCURACY, AS_IT_COMES, CURRENT, EAGER, PROBE, RAN, TENSORRT, Case
from measure_engines import is_pointless, run
from results import Result
from settings import Settings

SETTINGS = Settings(work=Path("work"), data=None, smoke=True)
ENGINE = Case(TENSORRT, "segnet", 480, 360)
OTHER = Case(TENSORRT, "segnet", 640, 480)
TORCH = Case(EAGER, "segnet", 480, 360)
FOR_EVER = 1e9


class FakeWorker:
    """Measures at once; names in `failing` fail, names in `slow` use all their time.

    Attributes:
        made: All of them, in the order of their making: TensorRT's, the others'.
    """

    made: list["FakeWorker"]
    failing: set[Case]
    slow: set[Case]

    def __init__(self, measure: object) -> None:
        self.asked: list[tuple[Case, float]] = []
        self.is_closed = False
        FakeWorker.made.append(self)

    def run(self, case: Case, seconds: float) -> Result:
        self.asked.append((case, seconds))
        if case in self.slow:
            time.sleep(seconds)
            return Result(case, seconds, error="no answer")
        return Result(case, 0.0, error="no GPU" if case in self.failing else "")

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def fake_worker(monkeypatch: pytest.MonkeyPatch) -> type[FakeWorker]:
    FakeWorker.made, FakeWorker.failing, FakeWorker.slow = [], set(), set()
    monkeypatch.setattr(measure_engines, "Worker", FakeWorker)
    return FakeWorker


def soon(seconds: float = FOR_EVER) -> float:
    return time.monotonic() + seconds


def test_tensorrt_and_pytorch_have_a_process_each() -> None:
    cases = [Case(PROBE, AS_IT_COMES), TORCH, ENGINE, Case(ACCURACY, "light")]
    assert [result.case for result in run(cases, [], SETTINGS, soon())] == cases
    by_tensorrt, by_others = FakeWorker.made
    assert [case for case, _ in by_tensorrt.asked] == [cases[0], cases[2], cases[3]]
    assert by_others.asked == [(TORCH, TORCH.seconds)]
    assert by_tensorrt.is_closed
    assert by_others.is_closed


def test_what_an_earlier_call_measured_or_failed_is_not_repeated() -> None:
    earlier = [Result(TORCH, 1.0), Result(OTHER, 1.0, error="no")]
    assert [r.case for r in run([TORCH, ENGINE, OTHER], earlier, SETTINGS, soon())] == [ENGINE]


def test_failure_does_not_stop_the_rest(fake_worker: type[FakeWorker]) -> None:
    fake_worker.failing = {ENGINE}
    results = list(run([ENGINE, OTHER, TORCH], [], SETTINGS, soon()))
    assert [(r.case, r.error) for r in results] == [(ENGINE, "no GPU"), (OTHER, ""), (TORCH, "")]


def test_nothing_starts_after_the_end() -> None:
    assert list(run([ENGINE], [], SETTINGS, soon(0))) == []
    assert all(worker.is_closed and not worker.asked for worker in FakeWorker.made)


def test_case_that_had_too_little_time_is_left_to_the_next_call(
    fake_worker: type[FakeWorker],
) -> None:
    fake_worker.slow = {OTHER}
    results = list(run([ENGINE, OTHER, TORCH], [], SETTINGS, soon(0.2)))
    assert [result.case for result in results] == [ENGINE]
    (_, limit) = FakeWorker.made[0].asked[-1]
    assert 0 < limit <= 0.2


def test_where_tensorrt_does_not_run_one_engine_is_tried() -> None:
    refused = Result(Case(PROBE, AS_IT_COMES), 1.0, {"verdict": "built, not loaded: sm_90"})
    FakeWorker.failing = {ENGINE, OTHER}
    cases = [ENGINE, TORCH, OTHER, Case(ACCURACY, "light")]
    results = list(run(cases, [refused], SETTINGS, soon()))
    assert [result.case for result in results] == [ENGINE, TORCH]


def test_pointless_is_only_what_tensorrt_would_run() -> None:
    ran = {Case(PROBE, AS_IT_COMES): Result(Case(PROBE, AS_IT_COMES), 1.0, {"verdict": RAN})}
    crashed = {Case(PROBE, AS_IT_COMES): Result(Case(PROBE, AS_IT_COMES), 1.0, error="SIGSEGV")}
    failed = {ENGINE: Result(ENGINE, 1.0, error="no GPU")}
    assert not is_pointless(OTHER, ran | failed)
    assert not is_pointless(OTHER, crashed)
    assert is_pointless(OTHER, crashed | failed)
    assert not is_pointless(TORCH, crashed | failed)
    assert not is_pointless(Case(PROBE, CURRENT), crashed | failed)
    told = {Case(PROBE, CURRENT): Result(Case(PROBE, CURRENT), 1.0, {"verdict": RAN})}
    assert not is_pointless(OTHER, crashed | told | failed)
    assert not is_pointless(OTHER, failed)
