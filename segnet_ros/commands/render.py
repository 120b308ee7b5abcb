# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet render`."""

import argparse
from pathlib import Path

from segnet_ros.commands.arguments import count, size
from segnet_ros.simulation.clip import write_clip, write_training_set
from segnet_ros.simulation.drive import StreetDrive


class RenderError(ValueError):
    """There is no such scene."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("output", type=Path, help="folder to write NAME/ and NAMEannot/ into")
    parser.add_argument("--name", default="drive", help="of the picture folder")
    parser.add_argument("--frames", type=count, default=150)
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--size", type=size, default=(480, 360), help="WIDTHxHEIGHT")
    parser.add_argument(
        "--varied", action="store_true", help="every frame of another world, for training"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    _check_scene(options.seed, options.size)
    write = write_training_set if options.varied else write_clip
    write(options.output, options.name, options.frames, options.seed, options.size)
    print(f"wrote {options.frames} frames to {options.output / options.name}, labels beside them")
    return 0


def _check_scene(seed: int, size: tuple[int, int]) -> None:
    try:
        StreetDrive(seed, size)
    except ValueError as error:
        msg = f"this scene cannot be rendered: {error}"
        raise RenderError(msg) from error
