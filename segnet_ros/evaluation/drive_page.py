# SPDX-License-Identifier: Apache-2.0
"""The page of `segnet report-bag --html`: one HTML file, nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from segnet_ros.evaluation.drive_charts import drive_chart
from segnet_ros.evaluation.drive_pictures import Moment, MomentPictures, along_the_way
from segnet_ros.evaluation.drive_report import (
    UNLABELLED,
    CameraDrive,
    Drive,
    DriveReport,
    Event,
    FlickerMoment,
)
from segnet_ros.inference.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

_TEMPLATE = "drive.html"
_NOTHING = "–"  # noqa: RUF001
_SECOND_NS = 1_000_000_000
_SHOWN_LINES = 20

Pictures = Mapping[Moment, MomentPictures]


def write_drive_page(path: Path, report: DriveReport, pictures: Pictures) -> None:
    """Write the page, whole or not at all; see `render_drives`."""
    with replacing(path) as partial:
        partial.write_text(render_drives(report, pictures), encoding="utf-8")


def render_drives(report: DriveReport, pictures: Pictures) -> str:
    """Make the page.

    Args:
        report: What was found; names in it may hold any characters.
        pictures: Of `moments_of`; what is missing is left out.

    Returns:
        HTML that needs no other file and no script.

    """
    environment = Environment(
        loader=PackageLoader("segnet_ros.evaluation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": _percent, "number": _number, "clock": _clock, "seconds": _seconds, "utc": _utc,
    }  # fmt: skip
    sections = [_section(report, drive, pictures) for drive in report.drives]
    return environment.get_template(_TEMPLATE).render(
        report=report,
        sections=sections,
        classes=[*report.classes, UNLABELLED],
        shown_lines=_SHOWN_LINES,
    )


@dataclass(frozen=True)
class _Shown:
    """A picture with the time that it was taken at, seconds since the start."""

    at: float
    pictures: MomentPictures


@dataclass(frozen=True)
class _CameraSection:
    camera: CameraDrive
    chart: str
    along: Sequence[_Shown]
    worst: Sequence[tuple[FlickerMoment, MomentPictures]]
    events: Sequence[tuple[Event, MomentPictures | None]]
    skipped: int


@dataclass(frozen=True)
class _DriveSection:
    drive: Drive
    cameras: Sequence[_CameraSection]


def _section(report: DriveReport, drive: Drive, pictures: Pictures) -> _DriveSection:
    return _DriveSection(
        drive, [_camera_section(report, drive, camera, pictures) for camera in drive.cameras]
    )


def _camera_section(
    report: DriveReport, drive: Drive, camera: CameraDrive, pictures: Pictures
) -> _CameraSection:
    def at(time_ns: int) -> MomentPictures | None:
        return pictures.get(Moment(drive.bag, camera.topic, time_ns))

    def seconds(time_ns: int) -> float:
        return (time_ns - drive.start_ns) / _SECOND_NS

    classes = [*report.classes, UNLABELLED]
    return _CameraSection(
        camera=camera,
        chart=drive_chart(camera, drive.seconds, classes) if camera.frames else "",
        along=[
            _Shown(seconds(time), shown) for time in along_the_way(camera) if (shown := at(time))
        ],
        worst=[(worst, shown) for worst in camera.flicker.worst if (shown := at(worst.time_ns))],
        events=[(event, at(event.worst_ns)) for event in camera.events],
        skipped=sum(each.topic in (camera.topic, "") for each in drive.skipped),
    )


def _percent(fraction: float) -> str:
    return _NOTHING if math.isnan(fraction) else f"{100 * fraction:.1f}"


def _number(value: float, digits: int = 1) -> str:
    return _NOTHING if math.isnan(value) else f"{value:,.{digits}f}"


def _clock(seconds: float) -> str:
    """Time since the start, such as 1:02:03.4."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _seconds(time_ns: int) -> str:
    """With every digit of a stamp."""
    return f"{time_ns // _SECOND_NS}.{time_ns % _SECOND_NS:09d}"


def _utc(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // _SECOND_NS, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
