# SPDX-License-Identifier: Apache-2.0
"""segnet replay: publish a bag, video or folder as camera topics."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from segnet_ros.commands.arguments import count, positive, size
from segnet_ros.inference.files import replacing
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.ros.replay import replay


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("clip", type=Path, help="rosbag2 folder or file, video, image folder")
    parser.add_argument("--topic", help="image topic of a bag that has several")
    parser.add_argument("--image-topic", default="/camera/image_raw", help="where to publish")
    parser.add_argument("--rate", type=positive, help="images/s; default as recorded, or 30")
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    parser.add_argument("--compressed", action="store_true", help="publish JPEG pictures")
    parser.add_argument("--size", type=size, help="resize to WIDTHxHEIGHT")
    parser.add_argument(
        "--restamp",
        action=argparse.BooleanOptionalAction,
        help="stamp with the time of publishing; default for videos and pictures, not for bags",
    )
    parser.add_argument("--best-effort", action="store_true", help="as most camera drivers do")
    parser.add_argument(
        "--subscribers", type=count, default=1, help="how many to wait for, at most 10 s"
    )
    parser.add_argument("--report", type=Path, help="write what was published as JSON")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    use_large_message_profile()
    report = replay(
        options.clip,
        topic=options.topic,
        image_topic=options.image_topic,
        rate=options.rate,
        loop=options.loop,
        compressed=options.compressed,
        size=options.size,
        restamp=options.restamp,
        best_effort=options.best_effort,
        subscribers=options.subscribers,
    )
    if options.report:
        with replacing(options.report) as partial:
            partial.write_text(json.dumps(asdict(report)), encoding="utf-8")
    print(
        f"published {report.frames} frames in {report.seconds:.1f} s, {report.rate:.1f} per "
        f"second; latest by {report.worst_lateness_ms:.1f} ms"
    )
    return 0
