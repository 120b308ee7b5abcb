# SPDX-License-Identifier: Apache-2.0
"""Results as Markdown: the machine, targets, speed, accuracy, and what failed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cases import ACCURACY, AS_IT_COMES, CEILINGS, CURRENT, PROBE, RAN, TENSORRT, Case
from ceilings import ceiling_of
from networks import CLASSES
from results import Result
from roofline import H200_DATA_SHEET, Ceiling, floor_ms, operations
from targets import COMPILED_FORMS, Timing, fastest, ratio, verdicts

_NONE = "-"
_MET = {True: "met", False: "MISSED", None: _NONE}
_TERA = 1e12
_SPEED = (
    "network", "size", "batch", "precision", "run by", "GPU p50 ms", "p99", "with copies p50",
    "p99", "frames/s", "MiB", "times torch.compile", "times fp16", "floor ms", "share of it",
    "data sheet ms",
)  # fmt: skip
_ACCURACY = (
    "model", "precision", "frames", "agreement", "in batches", "mIoU", "of model.onnx",
    "points lost", "built",
)  # fmt: skip


def report(results: Sequence[Result]) -> str:
    """Everything that was measured, and everything that could not be."""
    timings = list(timings_of(results))
    judged = [(v.target, v.found, _MET[v.met]) for v in verdicts(timings)]
    failed = [(result.case.in_words, result.error) for result in results if result.error]
    sections = {
        "Machine": _table(("fact", "value"), _machine_rows(results)),
        "Speed, random weights": _table(_SPEED, (_speed_row(t, timings) for t in timings)),
        "Failed": _table(("case", "error"), failed),
        "Accuracy, trained weights": _table(_ACCURACY, _accuracy_rows(results)),
        "Targets: SegNet 480x360": _table(("target", "found", ""), judged),
    }
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())


def timings_of(results: Sequence[Result]) -> Iterator[Timing]:
    """What was timed, with the floors of each."""
    measured = _measured_ceiling(results)
    for result in results:
        for values in result.values.get("variants", ()):
            floor = _floor_ms(result.case, measured) if measured else None
            yield Timing(result.case, values, floor, _floor_ms(result.case, H200_DATA_SHEET))


def _measured_ceiling(results: Sequence[Result]) -> Ceiling | None:
    found = [r.values for r in results if r.case.subject == CEILINGS and not r.error]
    return ceiling_of(found[-1]) if found else None


def _floor_ms(case: Case, ceiling: Ceiling) -> float | None:
    counted = operations(case.network, CLASSES, case.size)
    return floor_ms(counted, case.precision, case.batch, ceiling)


def _machine_rows(results: Sequence[Result]) -> Iterator[tuple[str, Any]]:
    yield "TensorRT runs here", _tensorrt_runs(results)
    for result in results:
        values = result.values
        if result.case == Case(PROBE, AS_IT_COMES):
            yield from ((name, values[name]) for name in ("tensorrt", "gpu", "driver") if values)
        if result.case.subject == PROBE:
            yield f"engine built {result.case.network}", values.get("verdict") or result.error
        if result.case.subject == CEILINGS and values:
            yield "PyTorch", values["pytorch"]
            for precision, rate in values["flops"].items():
                yield f"{precision} matrix product", _rate(rate)
            yield "copy, read and written", f"{values['bandwidth'] / _TERA:.2f} TB/s"


def _tensorrt_runs(results: Iterable[Result]) -> str:
    probes = {r.case.network: r.values.get("verdict") for r in results if r.case.subject == PROBE}
    running = [target for target, verdict in probes.items() if verdict == RAN]
    if AS_IT_COMES in running or CURRENT in running:
        return "yes"
    if running:
        return f"NOT as segnet_ros builds; yes if the builder is told {' or '.join(running)}"
    return "NO: all that follows is what runs without it" if probes else "not tried"


def _rate(rate: float | str) -> str:
    return rate if isinstance(rate, str) else f"{rate / _TERA:.0f} TFLOP/s"


def _speed_row(timing: Timing, timings: Sequence[Timing]) -> Iterator[Any]:
    case, values = timing.case, timing.values
    yield from (case.network, f"{case.width}x{case.height}", case.batch, case.precision)
    yield f"{case.subject} {values.get('variant', '')}".rstrip()
    for name in ("gpu_p50_ms", "gpu_p99_ms", "total_p50_ms", "total_p99_ms"):
        yield _number(values.get(name), ".3f")
    yield _number(values.get("frames_per_second"), ".0f")
    yield _number(values.get("memory_mib"), ".0f")
    for subjects in (COMPILED_FORMS, [TENSORRT]):
        yield _number(ratio(fastest(timings, case, subjects, ["fp16"]), timing), ".2f")
    yield _number(timing.floor_ms, ".3f")
    share = timing.floor_ms / timing.gpu_ms if timing.floor_ms and timing.gpu_ms else None
    yield _number(share, ".0%")
    yield _number(timing.data_sheet_ms, ".3f")


def _accuracy_rows(results: Iterable[Result]) -> Iterator[Sequence[Any]]:
    for result in results:
        if result.case.subject == ACCURACY and not result.error:
            values = result.values
            lost = 100 * (values["reference_miou"] - values["miou"])
            yield (
                result.case.network, result.case.precision, values["frames"],
                _number(values["agreement"], ".2%"), _number(values["batched_agreement"], ".2%"),
                _number(values["miou"], ".2%"), _number(values["reference_miou"], ".2%"),
                _number(lost, ".2f"), values["built"],
            )  # fmt: skip


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _table(head: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [_line(row) for row in rows]
    if not lines:
        return "nothing"
    return "\n".join([_line(head), _line(["---"] * len(head)), *lines])


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"
