# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet mine`."""

import argparse
import math
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.mining.descriptor import Descriptor
from segnet_ros.bags.mining.frame_names import frame_names
from segnet_ros.bags.mining.frame_scores import CRITERIA
from segnet_ros.bags.mining.known_frames import describe_known
from segnet_ros.bags.mining.mine_job import MineJob
from segnet_ros.bags.mining.mined_dataset import FORMATS, MinedFrame, new_dataset, write_mined
from segnet_ros.bags.mining.mining import ChosenFrame, Limits, ScoredFrame, choose
from segnet_ros.bags.mining.proposal_job import ProposalJob, tasks_of
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.places import find_bags
from segnet_ros.bags.recorded import Fault
from segnet_ros.commands.arguments import add_runtime, count, fraction
from segnet_ros.commands.bag_arguments import add_fleet, add_topics, outcomes, survey, tell_faults
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model

_SECOND_NS = 1_000_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "input", nargs="+", help="recordings: rosbag2 folders, files or URLs, or folders of them"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="dataset to write")
    add_topics(parser)
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    add_runtime(parser)
    _add_ranking(parser)
    _add_choice(parser)
    parser.add_argument(
        "--format", nargs="+", choices=FORMATS, default=FORMATS, help="of annotations; default both"
    )
    add_fleet(parser)
    parser.set_defaults(command=_run)


def _add_ranking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", nargs="+", choices=tuple(CRITERIA),
        help="what makes a frame worth labelling; places in several orders are averaged (default "
        "confidence; with --against, disagreement as well)",
    )  # fmt: skip
    parser.add_argument("--against", metavar="MODEL", help="another model, for the disagreement")
    parser.add_argument(
        "--unsure", type=fraction, default=0.5,
        help="labels less certain than this, 0..1, are left void (default %(default)s)",
    )  # fmt: skip


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=count, default=100, help="frames (default %(default)s)")
    parser.add_argument(
        "--min-gap", type=_not_negative, default=1.0, metavar="SECONDS",
        help="between frames of one camera (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--min-difference", type=_not_negative, default=6.0, metavar="D",
        help="in looks, between any two frames: 0 for none, 5 to 7 for what a driving car sees "
        "within a second, 17 between unlike scenes (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--known", type=Path, action="append", default=[], metavar="DATASET",
        help="labelled frames, whose like is not proposed again; repeatable",
    )  # fmt: skip


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        msg = f"{text!r} is not a number from 0"
        raise argparse.ArgumentTypeError(msg)
    return value


def _run(options: argparse.Namespace) -> int:
    criteria = _criteria(options)
    model = load_model(find_model(options.model))
    bags = list(dict.fromkeys(bag for place in options.input for bag in find_bags(place)))
    with new_dataset(options.output) as unfinished:
        known = describe_known(options.known)
        frames, faults = _score(bags, criteria, options)
        chosen = _choose(frames, criteria, known, options)
        settings = _settings(criteria, len(frames), options)
        with closing(_proposed(frames, chosen, options)) as mined:
            write_mined(unfinished, mined, model, options.format, settings)
    print(_in_words(chosen, len(frames), options))
    return tell_faults(faults)


def _criteria(options: argparse.Namespace) -> tuple[str, ...]:
    """Without repetitions.

    Raises:
        BagError: the second model is missing, or not asked for anything.

    """
    if not options.by:
        return ("confidence", "disagreement") if options.against else ("confidence",)
    if ("disagreement" in options.by) != bool(options.against):
        msg = (
            f"--by {' '.join(options.by)} came {'with' if options.against else 'without'} "
            "--against; expected --against MODEL with disagreement, and only then"
        )
        raise BagError(msg)
    return tuple(dict.fromkeys(options.by))


def _choice(model: str, options: argparse.Namespace) -> ModelChoice:
    return ModelChoice(model, options.runtime, options.precision)


def _score(
    bags: Sequence[str], criteria: tuple[str, ...], options: argparse.Namespace
) -> tuple[list[ScoredFrame], list[Fault]]:
    """First pass: every frame."""
    tasks, expected, faults = survey(bags, options.topic, options.all_images)
    job = MineJob(
        model=_choice(options.model, options),
        against=_choice(options.against, options) if options.against else None,
        criteria=criteria,
        unsure=options.unsure,
        topics=tuple(options.topic),
        all_images=options.all_images,
    )
    frames: list[ScoredFrame] = []
    with closing(outcomes(job, tasks, expected, options)) as results:
        for outcome in results:
            frames += outcome.value
            faults += outcome.faults
    return frames, faults


def _choose(
    frames: Sequence[ScoredFrame],
    criteria: Sequence[str],
    known: Descriptor,
    options: argparse.Namespace,
) -> list[ChosenFrame]:
    limits = Limits(options.count, round(options.min_gap * _SECOND_NS), options.min_difference)
    chosen = choose(frames, criteria, limits, known)
    if not chosen:
        msg = (
            f"none of {len(frames)} frames is worth labelling by {', '.join(criteria)}; expected "
            "frames of which that is known, and unlike those of --known. Rank by something else "
            "with --by, or lower --min-difference"
        )
        raise BagError(msg)
    return chosen


def _proposed(
    frames: Sequence[ScoredFrame], chosen: Sequence[ChosenFrame], options: argparse.Namespace
) -> Generator[MinedFrame, None, None]:
    """Second pass: the chosen frames, in the order of the recordings and times."""
    ranks = {id(each.frame): rank for rank, each in enumerate(chosen, start=1)}
    in_order = [frame for frame in frames if id(frame) in ranks]
    names = frame_names(in_order, _cameras(frames))
    model = replace(_choice(options.model, options), threshold=options.unsure)
    job = ProposalJob(model, tuple(in_order))
    results = outcomes(job, tasks_of(in_order), len(in_order), options)
    with closing(results):
        for outcome, frame, name in zip(results, in_order, names, strict=True):
            if outcome.value is None:
                msg = (
                    f"{frame.bag} has no image on {frame.topic} at {frame.time_ns} any more; "
                    "expected a recording that stays as it is; wait until it is complete"
                )
                raise BagError(msg)
            rank = ranks[id(frame)]
            yield MinedFrame(name, rank, chosen[rank - 1], outcome.value)


def _cameras(frames: Iterable[ScoredFrame]) -> Mapping[str, set[str]]:
    cameras: defaultdict[str, set[str]] = defaultdict(set)
    for frame in frames:
        cameras[frame.bag].add(frame.topic)
    return cameras


def _settings(criteria: Sequence[str], frames: int, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "by": list(criteria),
        "model": options.model,
        "against": options.against,
        "unsure_below": options.unsure,
        "count": options.count,
        "min_gap_s": options.min_gap,
        "min_difference": options.min_difference,
        "known": [str(path) for path in options.known],
        "frames_seen": frames,
    }


def _in_words(chosen: Sequence[ChosenFrame], frames: int, options: argparse.Namespace) -> str:
    missing = options.count - len(chosen)
    others = (
        f"; {missing} fewer than wanted, the others are too alike or too near in time"
        if missing
        else ""
    )
    return f"{len(chosen)} of {frames} frames are in {options.output}{others}"
