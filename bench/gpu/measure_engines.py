# SPDX-License-Identifier: Apache-2.0
"""Measure SegNet's engines on a GPU, beside PyTorch and the roofline, in one call.

usage: python3 bench/gpu/measure_engines.py RESULTS [--data FOLDER] [--seconds 540]

Every result is a line of RESULTS (JSON lines) as soon as it is there; a report in Markdown is
printed at the end and written beside it. A later call goes on where the last one stopped. Speed is
measured with random weights, made on the spot; accuracy with the trained models in FOLDER, which
bench/gpu/pack_engines.py packed. See bench/gpu/README.md.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cases import ACCURACY, AS_IT_COMES, CURRENT, PROBE, RAN, TENSORRT, Case, Scope, plan
from packed_data import read_models
from report import report
from results import Result, append, read
from settings import Settings
from subjects import measure
from worker import Worker

_SECONDS = 540.0
_FOR_THE_REPORT = 10.0
_WORK = Path("/tmp/segnet_engines")
_SMOKE = Scope(
    networks=("segnet_light",), sizes=((64, 48),), batches=(1, 2), precisions=("fp16", "int8")
)
_PROBES = (Case(PROBE, AS_IT_COMES), Case(PROBE, CURRENT))
_BY_TENSORRT = (PROBE, TENSORRT, ACCURACY)


def main() -> None:
    """Measure until everything is done or the time is over, then report."""
    options = _options()
    end = time.monotonic() + options.seconds - _FOR_THE_REPORT
    settings = Settings(options.work, options.data, options.smoke)
    try:
        for result in run(plan(_scope(settings)), read(options.results), settings, end):
            append(options.results, result)
            outcome = result.error or "measured"
            print(f"{result.seconds:6.1f} s  {result.case.in_words}: {outcome}", flush=True)
    finally:
        text = report(read(options.results))
        options.results.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
        print(text)


def run(
    cases: Sequence[Case], measured: Sequence[Result], settings: Settings, end: float
) -> Iterator[Result]:
    """Measure what was not measured yet, until a time on `time.monotonic`'s clock."""
    known = {result.case: result for result in measured}
    # TensorRT and PyTorch in a process each: whatever one of them breaks, the other goes on.
    by_tensorrt, by_others = (Worker(partial(measure, settings)) for _ in range(2))
    try:
        for case in cases:
            left = end - time.monotonic()
            if left <= 0:
                return
            if case in known or is_pointless(case, known):
                continue
            worker = by_tensorrt if case.subject in _BY_TENSORRT else by_others
            result = worker.run(case, min(case.seconds, left))
            if result.error and time.monotonic() >= end:
                return  # it was not given its time
            known[case] = result
            yield result
    finally:
        by_tensorrt.close()
        by_others.close()


def is_pointless(case: Case, known: Mapping[Case, Result]) -> bool:
    """Where TensorRT does not run at all, one failure of an engine tells all that there is."""
    probes = [known[probe] for probe in _PROBES if probe in known]
    if case.subject not in (TENSORRT, ACCURACY) or not probes:
        return False
    if any(probe.values.get("verdict") == RAN for probe in probes):
        return False
    return any(r.error for r in known.values() if r.case.subject == TENSORRT)


def _scope(settings: Settings) -> Scope:
    scope = _SMOKE if settings.smoke else Scope()
    models = read_models(settings.data) if settings.data else []
    return replace(scope, models={model.name: list(model.engine_graphs) for model in models})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="JSON lines; the report gets the suffix .md")
    parser.add_argument("--data", type=Path, help="what bench/gpu/pack_engines.py packed, unpacked")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="when to stop")
    parser.add_argument("--work", type=Path, default=_WORK, help="folder for graphs and engines")
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="try the code with tiny sizes, without a GPU if need be",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
