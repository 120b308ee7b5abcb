# SPDX-License-Identifier: Apache-2.0
"""segnet demo: replay a clip through the node and report what came out."""

import argparse
from pathlib import Path

from segnet_ros.commands.arguments import positive
from segnet_ros.demo.demo import run_demo
from segnet_ros.demo.report import Report


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "clip", type=Path, nargs="?", help="rosbag2, video or image folder; default: rendered"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("demo_output"))
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    parser.add_argument("--rate", type=positive, help="images/s; default as recorded, or 15")
    parser.add_argument("--truth", type=Path, help="folder of label images; default CLIPannot")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    report = run_demo(options.clip, options.output, options.model, options.rate, options.truth)
    _print(report, options.output)
    return 0


def _print(report: Report, output: Path) -> None:
    latency = report.latency_ms or {"p50": 0.0, "p95": 0.0}
    miou = "no labels beside the clip" if report.miou is None else f"{100 * report.miou:.1f} %"
    print(f"\n{report.model} on {report.runtime}")
    print(f"frames     {report.frames_in} in, {report.frames_out} out")
    print(
        f"dropped    {report.superseded} superseded by a newer frame, {report.stale} stale, "
        f"{report.failed} failed, {report.lost_in_transport} lost in transport"
    )
    print(f"latency    p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms, stamp to label")
    print(f"rate       {report.fps:.1f} labels/s")
    print(f"mIoU       {miou}")
    print(f"written    {output}/: report.json, labelled/ (MCAP), overlay.mp4, contact_sheet.png")
