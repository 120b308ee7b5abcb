# SPDX-License-Identifier: Apache-2.0
"""The page of `segnet compare-bag --html`: one HTML file, nothing beside it."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from segnet_ros.evaluation.agreement import BORDER, Agreement, agreement
from segnet_ros.evaluation.agreement_rows import class_rows, shown
from segnet_ros.evaluation.agreement_timeline import timeline_chart
from segnet_ros.evaluation.comparison import Comparison, DifferingFrame
from segnet_ros.evaluation.frame_pictures import FramePictures
from segnet_ros.inference.files import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TEMPLATE = "agreement.html"
_NOTHING = "–"  # noqa: RUF001
_SECOND_NS = 1_000_000_000
_FACTS = {
    "model": "Model",
    "runtime": "Runtime",
    "precision": "Precision",
    "taxonomy": "Taxonomy",
    "confidence_threshold": "Least confidence",
    "sha256": "sha256 of model.onnx",
    "graph_sha256": "sha256 of the graph that ran",
    "version": "segnet_ros",
}

Example = tuple[DifferingFrame, FramePictures]


def write_agreement_page(
    path: Path, comparison: Comparison, misses: Sequence[str] | None, worst: Sequence[Example]
) -> None:
    """Write the page, whole or not at all; see `render_agreement`."""
    with replacing(path) as partial:
        partial.write_text(render_agreement(comparison, misses, worst), encoding="utf-8")


def render_agreement(
    comparison: Comparison, misses: Sequence[str] | None, worst: Sequence[Example]
) -> str:
    """Make the page.

    Args:
        comparison: What was found; names in it may hold any characters.
        misses: What fell short of what was asked for, in words; None if nothing was asked for.
        worst: Frames with the lowest agreement.

    Returns:
        HTML that needs no other file and no script; the same for the same arguments, byte by byte.

    """
    environment = Environment(
        loader=PackageLoader("segnet_ros.evaluation", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "seconds": _seconds, "utc": _utc}
    rows = class_rows(comparison.counts, comparison.classes)
    return environment.get_template(_TEMPLATE).render(
        comparison=comparison,
        parts=_parts(comparison),
        sides=[
            (name, facts)
            for name, some in zip("AB", comparison.models, strict=True)
            for facts in some
        ],
        facts=_FACTS.items(),
        border=BORDER,
        rows=rows,
        shown=shown(rows),
        misses=misses,
        worst=worst,
        timeline_chart=timeline_chart,
    )


def _parts(comparison: Comparison) -> list[tuple[str, int, Agreement]]:
    """Name, frames and agreement of everything together, and of each camera if there are more."""
    parts = [("all", comparison.frames, comparison.overall)]
    if len(comparison.cameras) > 1:
        parts += [
            (
                f"{camera.bag} {camera.topic}",
                len(camera.frames),
                agreement(camera.counts, comparison.classes),
            )
            for camera in comparison.cameras
        ]
    return parts


def _percent(fraction: float) -> str:
    return _NOTHING if math.isnan(fraction) else f"{100 * fraction:.2f}"


def _seconds(time_ns: int) -> str:
    """With every digit of a stamp."""
    return f"{time_ns // _SECOND_NS}.{time_ns % _SECOND_NS:09d}"


def _utc(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // _SECOND_NS, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns % _SECOND_NS // 1_000_000:03d} UTC"
