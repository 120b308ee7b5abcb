# SPDX-License-Identifier: Apache-2.0
"""The page of `segnet evaluate --html` and `segnet compare`: one HTML file, nothing beside it."""

import math
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.evaluation import paper
from segnet_ros.evaluation.assessed import Assessed
from segnet_ros.evaluation.charts import confusion_chart, reliability_chart
from segnet_ros.inference.files import replacing

_TEMPLATE = "page.html"
_NOTHING = "–"  # noqa: RUF001
_CAMVID_NAMES = [item.name for item in CAMVID.classes]


def write_page(path: Path, title: str, models: Sequence[Assessed]) -> None:
    """Write the page, whole or not at all; see `render`."""
    with replacing(path) as partial:
        partial.write_text(render(title, models), encoding="utf-8")


def render(title: str, models: Sequence[Assessed]) -> str:
    """Make the page.

    Args:
        title: What was evaluated on what; like all names, it may hold any characters.
        models: At least one, all scored on the same frames.

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
    environment.filters |= {"percent": _percent, "scaled": _scaled}
    return environment.get_template(_TEMPLATE).render(
        title=title,
        models=models,
        paper=paper,
        is_camvid=[item.name for item in models[0].classes] == _CAMVID_NAMES,
        confusion_chart=confusion_chart,
        reliability_chart=reliability_chart,
    )


def _percent(fraction: float) -> str:
    return _NOTHING if math.isnan(fraction) else f"{100 * fraction:.1f}"


def _scaled(value: float, unit: float, digits: int = 1) -> str:
    """The value in multiples of a unit."""
    return f"{value / unit:,.{digits}f}"
