# SPDX-License-Identifier: Apache-2.0
"""Diagrams that travel inside an HTML page."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

from segnet_ros.evaluation.pictures import data_uri


def svg_uri(figure: Figure) -> str:
    """Draw as SVG; a data URI, the same for the same figure, byte by byte."""
    stream = io.BytesIO()
    # Without these the file holds the time and random names.
    with mpl.rc_context({"svg.hashsalt": "segnet_ros"}):
        # The picture grows with its labels: class names may be long.
        figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None})
    return data_uri("image/svg+xml", stream.getvalue())
