# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet compare-bag`."""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.bags.comparison.compare_job import CompareJob
from segnet_ros.bags.comparison.comparing import put_together
from segnet_ros.bags.comparison.frame_pictures import PictureJob, tasks_of
from segnet_ros.bags.comparison.model_pair import PairChoice
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.places import find_bags
from segnet_ros.bags.recorded import Fault
from segnet_ros.commands.arguments import add_runtime, count, fraction
from segnet_ros.commands.assess import require_report
from segnet_ros.commands.bag_arguments import (
    EXIT_THRESHOLD,
    add_fleet,
    add_topics,
    outcomes,
    survey,
    tell_faults,
)
from segnet_ros.evaluation.agreement_gate import AgreementGate
from segnet_ros.evaluation.agreement_rows import class_rows
from segnet_ros.evaluation.comparison import Comparison, DifferingFrame, Skipped
from segnet_ros.evaluation.worst_frames import worst_frames
from segnet_ros.inference.engine.options import PRECISIONS
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing
from segnet_ros.inference.shipped import find_model

_AB = ("A", "B")
_GATE = {
    "agreement": "the pixel agreement; less is exit code 4",
    "miou": "the mean IoU of B against A, likewise",
    "class-iou": "the IoU of every class that either shows, likewise",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bag", nargs="+", help="recording, or folder or URL of recordings")
    parser.add_argument(
        "--models", nargs=2, required=True, metavar=_AB,
        help="folders or shipped names; the same one twice to compare runtimes or precisions",
    )  # fmt: skip
    add_topics(parser)
    add_runtime(parser)
    parser.add_argument("--runtimes", nargs=2, metavar=_AB, help="one per model")
    parser.add_argument(
        "--precisions", nargs=2, metavar=_AB, choices=PRECISIONS,
        help="of TensorRT engines, one per model; without --runtimes both run in TensorRT",
    )  # fmt: skip
    parser.add_argument("--taxonomy", default="", help="compare what both models' classes become")
    parser.add_argument("--taxonomies", nargs=2, metavar=_AB, help="one per model")
    parser.add_argument("--html", type=Path, help="write one page with pictures and diagrams")
    parser.add_argument("--json", type=Path, help="write everything that was found")
    parser.add_argument("--worst", type=count, default=8, help="frames that the page shows")
    for measure, what in _GATE.items():
        parser.add_argument(f"--min-{measure}", type=fraction, metavar="0..1", help=f"of {what}")
    add_fleet(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.html:
        require_report()
    choice = pair_choice(options)
    bags = [bag for given in options.bag for bag in find_bags(given)]
    tasks, frames, faults = survey(bags, choice.topics, choice.all_images)
    found = put_together(outcomes(CompareJob(choice), tasks, frames, options), faults)
    gate = AgreementGate(options.min_agreement, options.min_miou, options.min_class_iou)
    misses = gate.misses(found.overall, found.classes)
    _print(found)
    worst = worst_frames(found.cameras, options.worst)
    if options.json:
        _write_json(options.json, found, worst, gate, misses)
    if options.html:
        _write_page(options, choice, found, worst, misses if gate.asks else None)
    faults_code = tell_faults([_fault(each) for each in found.skipped])
    for miss in misses:
        print(f"missed: {miss}")
    return EXIT_THRESHOLD if misses else faults_code


def pair_choice(options: argparse.Namespace) -> PairChoice:
    """Models, with what they run under, and topics.

    Raises:
        InferenceError: there is no such model, or precisions would change nothing.

    """
    taxonomies = options.taxonomies or [options.taxonomy] * 2
    precisions = options.precisions or [options.precision] * 2
    sides = zip(options.models, _runtimes(options), precisions, taxonomies, strict=True)
    a, b = (ModelChoice(*side) for side in sides)
    for each in (a, b):
        find_model(each.model)  # a wrong name shall not surface after minutes of reading
    return PairChoice((a, b), tuple(options.topic), options.all_images)


def _runtimes(options: argparse.Namespace) -> list[str]:
    """Those that heed what is asked for: comparing a model with itself proves no engine."""
    wished = options.runtimes or [options.runtime] * 2
    if not options.precisions:
        return wished
    runtimes = ["tensorrt" if runtime == "auto" else runtime for runtime in wished]
    if deaf := [runtime for runtime in runtimes if runtime != "tensorrt"]:
        msg = (
            f"--precisions got {' '.join(options.precisions)} for the runtime {deaf[0]}, which "
            "heeds no precision; expected tensorrt for both models; leave out --precisions, or use "
            "--precision where TensorRT runs only one of them"
        )
        raise InferenceError(msg)
    return runtimes


def _print(found: Comparison) -> None:
    overall = found.overall
    table = Table("class, %", "IoU of B against A", "A", "B")
    for row in class_rows(found.counts, found.classes):
        if row.occurs:
            only = f" (only {row.only})" if row.only else ""
            table.add_row(row.name + only, *map(_percent, (row.iou, row.share_a, row.share_b)))
    Console().print(table)
    for name, facts in zip(_AB, found.models, strict=True):
        for each in facts:
            print(f"{name}: {each['model']} on {each['runtime']}, precision {each['precision']}")
    print(
        f"pixel agreement {_percent(overall.agreement)}, mean IoU {_percent(overall.miou)}; "
        f"differing at borders {_percent(overall.border_disagreement)}, inside areas "
        f"{_percent(overall.inside_disagreement)}; {found.frames} frames"
    )


def _percent(fraction: float) -> str:
    return "-" if math.isnan(fraction) else f"{100 * fraction:.2f}"


def _write_json(
    path: Path,
    found: Comparison,
    worst: Sequence[DifferingFrame],
    gate: AgreementGate,
    misses: Sequence[str],
) -> None:
    """See `Comparison.as_dict`; besides worst (frames), gate (what was asked for) and misses."""
    facts = found.as_dict() | {
        "worst": [frame.as_dict() for frame in worst],
        "gate": asdict(gate),
        "misses": list(misses),
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _write_page(
    options: argparse.Namespace,
    choice: PairChoice,
    found: Comparison,
    worst: Sequence[DifferingFrame],
    misses: Sequence[str] | None,
) -> None:
    from segnet_ros.evaluation.agreement_page import write_agreement_page

    job, tasks = PictureJob(choice, tuple(worst)), tasks_of(worst)
    shown = outcomes(job, tasks, len(tasks), options) if tasks else ()
    pictures = [outcome.value for outcome in shown]
    pairs = zip(worst, pictures, strict=True)
    examples = [(frame, picture) for frame, picture in pairs if picture is not None]
    write_agreement_page(options.html, found, misses, examples)
    print(f"the page is {options.html}")


def _fault(skipped: Skipped) -> Fault:
    return Fault(skipped.reason, skipped.topic, skipped.time_ns, skipped.lost)
