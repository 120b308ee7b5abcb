# SPDX-License-Identifier: Apache-2.0
"""What was written stays."""

from pathlib import Path

from cases import TENSORRT, Case
from results import Result, append, read

FIRST = Result(Case(TENSORRT, "segnet", 480, 360), 1.25, {"variants": [{"gpu_p50_ms": 0.5}]})
SECOND = Result(Case(TENSORRT, "segnet", 480, 360, 8), 2.0, error="InferenceError: “no” GPU")


def test_results_come_back(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert read(path) == []
    append(path, FIRST)
    append(path, SECOND)
    assert read(path) == [FIRST, SECOND]
    assert len(path.read_text().splitlines()) == 2


def test_line_that_a_killed_run_cut_short_is_lost_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append(path, FIRST)
    append(path, SECOND)
    path.write_text(path.read_text()[:-20])
    assert read(path) == [FIRST]
    append(path, SECOND)
    assert read(path) == [FIRST, SECOND]
