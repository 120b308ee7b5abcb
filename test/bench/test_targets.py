# SPDX-License-Identifier: Apache-2.0
"""Met, missed, or not measured."""

from dataclasses import replace

import pytest
from cases import COMPILED, COMPILED_BITS, EAGER, TENSORRT, Case
from targets import Timing, fastest, ratio, verdicts

MAIN = Case(TENSORRT, "segnet", 480, 360)


def timing(
    case: Case, gpu_ms: float | None, floor: float | None = None, variant: str = ""
) -> Timing:
    values = {"variant": variant, "total_p50_ms": 9.0}
    return Timing(case, values | ({} if gpu_ms is None else {"gpu_p50_ms": gpu_ms}), floor)


GOOD = [
    timing(MAIN, 0.9, variant="no CUDA graph"),
    timing(MAIN, 0.8, variant="CUDA graph"),
    timing(replace(MAIN, subject=COMPILED), 1.4),
    timing(replace(MAIN, subject=COMPILED_BITS), 1.25),
    timing(replace(MAIN, subject=EAGER), 0.1),
    timing(replace(MAIN, batch=8), 4.8, floor=2.4),
    timing(replace(MAIN, precision="int8"), 0.7),
    timing(replace(MAIN, precision="fp8"), 0.5),
    timing(replace(MAIN, precision="int8", batch=8), 4.0),
    # Others do not count.
    timing(replace(MAIN, network="segnet_light"), 0.01),
    timing(replace(MAIN, width=640, height=480), 0.01),
    timing(replace(MAIN, batch=4), 0.01),
]


def test_targets_are_judged_by_the_fastest_of_each_kind() -> None:
    found = {verdict.target: (verdict.found, verdict.met) for verdict in verdicts(GOOD)}
    assert found == {
        "fp16 batch 1: at most 1.0 ms on the GPU": ("TensorRT fp16 (CUDA graph) 0.800 ms", True),
        "fp16 batch 1: at least 1.5 times as fast as torch.compile": (
            (
                "1.56: torch.compile, two-bit switches fp16 1.250 ms, "
                "TensorRT fp16 (CUDA graph) 0.800 ms"
            ),
            True,
        ),
        "fp16 batch 8: at least 50% of what the roofline allows": (
            "50%: TensorRT fp16 4.800 ms, floor 2.400 ms",
            True,
        ),
        "int8 or fp8 batch 1: at least 1.3 times as fast as fp16": (
            "1.60: TensorRT fp16 (CUDA graph) 0.800 ms, TensorRT fp8 0.500 ms",
            True,
        ),
        "int8 or fp8 batch 8: at least 1.3 times as fast as fp16": (
            "1.20: TensorRT fp16 4.800 ms, TensorRT int8 4.000 ms",
            False,
        ),
    }


@pytest.mark.parametrize(
    ("gpu_ms", "met"),
    [((1.0, 1.5, 4.8, 0.76), [True] * 4), ((1.001, 1.5, 4.81, 0.78), [False] * 4)],
    ids=["at the limits", "just beyond"],
)
def test_limits_belong_to_the_targets(gpu_ms: tuple[float, ...], met: list[bool]) -> None:
    single, compiled, large, quantised = gpu_ms
    known = [
        timing(MAIN, single),
        timing(replace(MAIN, subject=COMPILED), compiled),
        timing(replace(MAIN, batch=8), large, floor=2.4),
        timing(replace(MAIN, precision="int8"), quantised),
    ]
    assert [verdict.met for verdict in verdicts(known)] == [*met, None]


def test_what_is_missing_is_neither_met_nor_missed() -> None:
    assert {(verdict.found, verdict.met) for verdict in verdicts([])} == {("not measured", None)}
    # Timed on a CPU: no time of the GPU. Timed without ceilings: no floor.
    known = [timing(MAIN, None), timing(replace(MAIN, batch=8), 4.0)]
    assert {verdict.met for verdict in verdicts(known)} == {None}


def test_fastest_and_ratio_take_the_case_at_its_size_and_batch() -> None:
    best = fastest(GOOD, replace(MAIN, precision="fp8", subject=EAGER), [TENSORRT], ["fp16"])
    assert best is not None
    assert best.gpu_ms == 0.8
    assert fastest(GOOD, replace(MAIN, batch=2), [TENSORRT], ["fp16"]) is None
    assert ratio(GOOD[2], best) == pytest.approx(1.75)
    assert ratio(None, best) is None
    assert ratio(best, timing(MAIN, None)) is None
