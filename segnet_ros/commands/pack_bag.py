# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet pack-bag`."""

import argparse
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

from segnet_ros.bags.writing.new_bag import STORAGES
from segnet_ros.bags.writing.packing import Packing, pack_images
from segnet_ros.commands.arguments import positive

_LATEST = 2**31
"""Seconds since 1970; a stamp holds 31 bits of them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("source", type=Path, help="folder of images, image or video")
    parser.add_argument("-o", "--output", type=Path, required=True, help="bag folder to write")
    parser.add_argument(
        "--topic",
        type=_topic,
        default="/camera/image_raw",
        help="image topic; compressed images go to TOPIC/compressed (default %(default)s)",
    )
    parser.add_argument("--raw", action="store_true", help="decode to rgb8 instead of copying")
    parser.add_argument("--rate", type=positive, help="images/s; default the video's, or 30")
    parser.add_argument("--frame-id", default="camera", help="of the headers (default camera)")
    parser.add_argument(
        "--start", type=_nanoseconds, default="1", help="stamp of the first image, s since 1970"
    )
    parser.add_argument("--storage", choices=STORAGES, default="mcap")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    packing = Packing(options.topic, options.frame_id, options.start, options.rate, options.raw)
    count = pack_images(options.source, options.output, options.storage, packing)
    print(f"packed {count} images into {options.output}")
    return 0


def _topic(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z_]\w*)+", text, re.ASCII):
        msg = f"{text!r} is no topic; expected a full name such as /camera/image_raw"
        raise argparse.ArgumentTypeError(msg)
    return text


def _nanoseconds(text: str) -> int:
    """Parse seconds exactly; a float has no nanoseconds left in our time."""
    try:
        seconds = Decimal(text)
        valid = 0 <= seconds < _LATEST
    except InvalidOperation:
        valid = False
    if not valid:
        msg = f"{text!r} is no time; expected seconds since 1970, as 1700000000.5"
        raise argparse.ArgumentTypeError(msg)
    return int(seconds * 1_000_000_000)
