# SPDX-License-Identifier: Apache-2.0
"""Moments of a drive in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.evaluation.pictures import jpeg_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segnet_ros.evaluation.drive_report import CameraDrive, DriveReport
    from segnet_ros.inference.segmenter import Segmentation

Pixels = npt.NDArray[np.uint8]

_ALPHA = 0.5
_BACKGROUND = 0.35
_CHANGED = (255, 0, 255)
_ALONG_THE_WAY = 6
_EVENTS = 12


@dataclass(frozen=True)
class Moment:
    """A frame to be shown.

    Attributes:
        bag: Path or URL.
        topic: Of its images.
        time_ns: When it was recorded, nanoseconds since 1970.

    """

    bag: str
    topic: str
    time_ns: int


@dataclass(frozen=True)
class MomentPictures:
    """Data URIs.

    Attributes:
        image: The camera's picture.
        labels: Under the colours of its labels.
        changes: Labels that are not those of the frame before in magenta, over the darkened
            picture; empty if there is nothing to compare with.

    """

    image: str
    labels: str
    changes: str


def draw_moment(segmentation: Segmentation, changed: Pixels | None) -> MomentPictures:
    """Draw a frame.

    Args:
        segmentation: Under the published ids.
        changed: uint8 [H, W] of any size, 255 where labels have flickered; None if unknown.

    """
    image = segmentation.image
    return MomentPictures(
        image=jpeg_uri(image),
        labels=jpeg_uri(segmentation.overlay(_ALPHA)),
        changes="" if changed is None else jpeg_uri(_changes(image, changed)),
    )


def _changes(image: Pixels, changed: Pixels) -> Pixels:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    shown = np.asarray(cv2.convertScaleAbs(grey, alpha=_BACKGROUND), np.uint8)
    height, width = image.shape[:2]
    where = cv2.resize(changed, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    shown[where > 0] = _CHANGED
    return shown


def moments_of(report: DriveReport) -> list[Moment]:
    """What a page shows, each frame once, in the order of drives, cameras and time."""
    return [
        Moment(drive.bag, camera.topic, time_ns)
        for drive in report.drives
        for camera in drive.cameras
        for time_ns in sorted(set(_times(camera)))
    ]


def along_the_way(camera: CameraDrive) -> list[int]:
    """Frames from begin to end by when they were recorded, nanoseconds since 1970."""
    frames = camera.timeline.frame_ns
    places = np.linspace(0, len(frames) - 1, min(_ALONG_THE_WAY, len(frames))).round()
    return [frames[place] for place in places.astype(int).tolist()]


def _times(camera: CameraDrive) -> Iterator[int]:
    yield from along_the_way(camera)
    yield from (moment.time_ns for moment in camera.flicker.worst)
    yield from (event.worst_ns for event in camera.events[:_EVENTS])
