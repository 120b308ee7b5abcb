# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet run`."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from segnet_ros.bags.clip import NOMINAL_RATE, Clip, VideoClip, open_clip
from segnet_ros.commands.arguments import add_runtime, engine_options, fraction
from segnet_ros.inference.files import write_image
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.video import video_writer

Pixels = npt.NDArray[np.uint8]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", type=Path, help="image, image folder, video or rosbag2")
    parser.add_argument("-o", "--output", type=Path, default=Path("segnet_output"))
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    add_runtime(parser)
    parser.add_argument("--topic", help="image topic of a bag that has several")
    parser.add_argument("--alpha", type=fraction, default=0.5, help="share of the colours, 0..1")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    with (
        open_clip(options.input, options.topic) as clip,
        Segmenter(find_model(options.model), options.runtime, engine_options(options)) as segmenter,
    ):
        frames = _segment(clip, segmenter, options.output, options.alpha)
    print(f"{frames} label images in {options.output / 'labels'}, overlays beside them")
    return 0


def _segment(clip: Clip, segmenter: Segmenter, output: Path, alpha: float) -> int:
    count = 0
    with _overlay_writer(clip, output) as write_overlay:
        for frame in track(clip.frames(), total=clip.frame_count, description=segmenter.runtime):
            segmentation = segmenter.segment(frame.rgb())
            write_image(output / "labels" / f"{frame.name}.png", segmentation.labels)
            write_overlay(frame.name, segmentation.overlay(alpha))
            count += 1
    return count


@contextmanager
def _overlay_writer(clip: Clip, output: Path) -> Iterator[Callable[[str, Pixels], None]]:
    """Overlays of a video become a video, others pictures."""
    if not isinstance(clip, VideoClip):
        yield lambda name, overlay: write_image(output / "overlays" / f"{name}.jpg", overlay)
        return
    with video_writer(output / "overlay.mp4", clip.rate or NOMINAL_RATE) as append:
        yield lambda _name, overlay: append(overlay)
