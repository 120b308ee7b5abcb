# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet train`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segnet_ros.commands.arguments import count
from segnet_ros.datasets.frames import LabelledFrame, split_by_sequence
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.training.distributed import is_main
from segnet_ros.training.dry_run import dry_run
from segnet_ros.training.recipe import Recipe, read_recipe
from segnet_ros.training.train import train


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", type=Path, help="YAML, such as config/training/*.yaml")
    parser.add_argument(
        "--data", type=Path, action="append", required=True,
        help="labelled frames with a split named train; repeat to mix several",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--hold-out", action="append", default=[], metavar="SEQUENCE",
        help="sequence to validate on instead of training on it; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--init", type=Path,
        help="safetensors to start from; if of other classes, all but the head is taken",
    )  # fmt: skip
    parser.add_argument("--architecture", help="train this one with the recipe's other values")
    parser.add_argument(
        "--workers", type=count, help="processes that prepare frames; default: as many as keep up"
    )
    parser.add_argument(
        "--dry-run", action="store_true",
        help="only print what the run would cost: memory, time, class weights",
    )  # fmt: skip
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    frames = [frame for root in options.data for frame in find_frames(root, "train")]
    kept, held_out = split_by_sequence(frames, options.hold_out)
    recipe = read_recipe(options.recipe)
    if options.architecture:
        recipe = replace(recipe, architecture=options.architecture)
    if options.dry_run:
        print(dry_run(recipe, kept, options.init, options.workers))
    else:
        _train(recipe, kept, held_out, options)
    return 0


def _train(
    recipe: Recipe,
    kept: Sequence[LabelledFrame],
    held_out: Sequence[LabelledFrame],
    options: argparse.Namespace,
) -> None:
    if is_main():
        print(f"{len(kept)} training frames, {len(held_out)} held out")
    weights = train(recipe, kept, held_out, options.output, options.init, options.workers)
    if is_main():
        print(f"weights are in {weights}")
