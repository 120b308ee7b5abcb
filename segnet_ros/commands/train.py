"""The verb `segnet train`."""

import argparse
from pathlib import Path

from segnet_ros.datasets.frames import split_by_sequence
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.training.recipe import read_recipe
from segnet_ros.training.train import train


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", type=Path, help="YAML, such as config/training/*.yaml")
    parser.add_argument(
        "--data", type=Path, action="append", required=True,
        help="folder with train/ and trainannot/; repeat to mix several",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--hold-out", action="append", default=[], metavar="SEQUENCE",
        help="sequence to validate on instead of training on it; repeatable",
    )  # fmt: skip
    parser.add_argument("--init", type=Path, help="safetensors to start from")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    frames = [frame for root in options.data for frame in find_frames(root, "train")]
    kept, held_out = split_by_sequence(frames, options.hold_out)
    print(f"{len(kept)} training frames, {len(held_out)} held out")
    recipe = read_recipe(options.recipe)
    weights = train(recipe, kept, held_out, options.output, options.init)
    print(f"weights are in {weights}")
    return 0
