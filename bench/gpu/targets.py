# SPDX-License-Identifier: Apache-2.0
"""What the engines are meant to reach on an H200, and whether they do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cases import COMPILED, COMPILED_BITS, TENSORRT, Case

MAX_MS = 1.0
MIN_SPEED_UP = 1.5
MIN_SHARE_OF_ROOFLINE = 0.5
MIN_QUANTISED_SPEED_UP = 1.3

COMPILED_FORMS = (COMPILED, COMPILED_BITS)
_SINGLE = Case(TENSORRT, "segnet", 480, 360)
_LARGE = replace(_SINGLE, batch=8)
_QUANTISED = ("int8", "fp8")
_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Timing:
    """A way to run a case, timed.

    Attributes:
        case: What was run.
        values: `variant` (such as "CUDA graph"), `total_p50_ms`, `frames_per_second` and, where
            there is a GPU, `gpu_p50_ms` and more.
        floor_ms: The least time by this GPU's measured ceilings; None if they are unknown.
        data_sheet_ms: The same by the H200's data sheet.

    """

    case: Case
    values: Mapping[str, Any]
    floor_ms: float | None = None
    data_sheet_ms: float | None = None

    @property
    def gpu_ms(self) -> float | None:
        """Median time of the network alone."""
        value: float | None = self.values.get("gpu_p50_ms")
        return value


@dataclass(frozen=True)
class Verdict:
    """A target and what was found.

    Attributes:
        target: In words.
        found: In words.
        met: None if something is missing.

    """

    target: str
    found: str
    met: bool | None


def verdicts(timings: Sequence[Timing]) -> list[Verdict]:
    """Judge SegNet at 480x360 by each target."""
    return [
        _latency(timings),
        _speed_up(timings),
        _share_of_roofline(timings),
        *(_quantisation(timings, case) for case in (_SINGLE, _LARGE)),
    ]


def fastest(
    timings: Iterable[Timing], case: Case, subjects: Sequence[str], precisions: Sequence[str]
) -> Timing | None:
    """Who takes the GPU least time for a case's network, size and batch."""
    wanted = {
        replace(case, subject=subject, precision=precision)
        for subject in subjects
        for precision in precisions
    }
    known = (timing for timing in timings if timing.case in wanted and timing.gpu_ms)
    return min(known, key=_gpu_ms, default=None)


def ratio(slow: Timing | None, fast: Timing | None) -> float | None:
    """How many times as fast one is as the other."""
    return _gpu_ms(slow) / _gpu_ms(fast) if slow and fast and fast.gpu_ms else None


def _latency(timings: Sequence[Timing]) -> Verdict:
    target = f"fp16 batch 1: at most {MAX_MS} ms on the GPU"
    engine = fastest(timings, _SINGLE, [TENSORRT], ["fp16"])
    if engine is None:
        return Verdict(target, _NOT_MEASURED, None)
    return Verdict(target, _in_words(engine), _gpu_ms(engine) <= MAX_MS)


def _speed_up(timings: Sequence[Timing]) -> Verdict:
    target = f"fp16 batch 1: at least {MIN_SPEED_UP} times as fast as torch.compile"
    compiled = fastest(timings, _SINGLE, COMPILED_FORMS, ["fp16"])
    engine = fastest(timings, _SINGLE, [TENSORRT], ["fp16"])
    return _judge_ratio(target, compiled, engine, MIN_SPEED_UP)


def _share_of_roofline(timings: Sequence[Timing]) -> Verdict:
    share = f"{MIN_SHARE_OF_ROOFLINE:.0%}"
    target = f"fp16 batch {_LARGE.batch}: at least {share} of what the roofline allows"
    engine = fastest(timings, _LARGE, [TENSORRT], ["fp16"])
    if engine is None or engine.floor_ms is None:
        return Verdict(target, _NOT_MEASURED, None)
    reached = engine.floor_ms / _gpu_ms(engine)
    found = f"{reached:.0%}: {_in_words(engine)}, floor {engine.floor_ms:.3f} ms"
    return Verdict(target, found, reached >= MIN_SHARE_OF_ROOFLINE)


def _quantisation(timings: Sequence[Timing], case: Case) -> Verdict:
    target = (
        f"int8 or fp8 batch {case.batch}: at least {MIN_QUANTISED_SPEED_UP} times as fast as fp16"
    )
    plain = fastest(timings, case, [TENSORRT], ["fp16"])
    quantised = fastest(timings, case, [TENSORRT], _QUANTISED)
    return _judge_ratio(target, plain, quantised, MIN_QUANTISED_SPEED_UP)


def _judge_ratio(target: str, slow: Timing | None, fast: Timing | None, least: float) -> Verdict:
    reached = ratio(slow, fast)
    if slow is None or fast is None or reached is None:
        return Verdict(target, _NOT_MEASURED, None)
    found = f"{reached:.2f}: {_in_words(slow)}, {_in_words(fast)}"
    return Verdict(target, found, reached >= least)


def _in_words(timing: Timing) -> str:
    variant = timing.values.get("variant")
    how = f"{timing.case.subject} {timing.case.precision}{f' ({variant})' if variant else ''}"
    return f"{how} {_gpu_ms(timing):.3f} ms"


def _gpu_ms(timing: Timing) -> float:
    assert timing.gpu_ms is not None
    return timing.gpu_ms
