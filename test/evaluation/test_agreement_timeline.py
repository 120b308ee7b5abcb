# SPDX-License-Identifier: Apache-2.0

import base64
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from segnet_ros.evaluation.agreement import AgreementCounts
from segnet_ros.evaluation.agreement_timeline import timeline_chart
from segnet_ros.evaluation.comparison import ComparedCamera, ComparedFrame, Event

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
PATH = "{http://www.w3.org/2000/svg}path"


def camera(times, agreements, events=()):
    frames = [
        ComparedFrame(START + round(time * SECOND), 0, value, value / 2, 0.0, 0.0)
        for time, value in zip(times, agreements, strict=True)
    ]
    return ComparedCamera("drive", "/image", START, AgreementCounts.none(1), frames, events)


def event(kind, begin, end):
    return Event(kind, START + begin * SECOND, START + end * SECOND, "in words")


def svg(chart):
    kind, _, content = chart.partition(",")
    assert kind == "data:image/svg+xml;base64"
    return base64.b64decode(content, validate=True).decode()


def texts(chart):
    """Matplotlib draws letters as paths and notes the text in comments."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", svg(chart), re.DOTALL)]


def line(chart):
    """What is drawn of the upper line: lists of points, one for each unbroken part."""
    drawn = [
        path.get("d") for path in ET.fromstring(svg(chart)).iter(PATH)
        if "stroke: #2a6fb0" in path.get("style", "") and path.get("clip-path")
    ]  # fmt: skip
    parts = [part for part in drawn[0].split("M") if part.strip()]
    return [[tuple(map(float, point.split())) for point in part.split("L")] for part in parts]


def test_frames_lie_at_their_time() -> None:
    [points] = line(timeline_chart(camera([0, 1, 2, 4], [0.9, 1.0, 0.8, 0.9])))
    x, y = np.transpose(points)
    assert np.diff(x).tolist() == pytest.approx([x[1] - x[0]] * 2 + [2 * (x[1] - x[0])], rel=1e-3)
    # SVG counts downwards.
    assert (y[1] < y[0] < y[2], y[3]) == (True, pytest.approx(y[0]))


def test_line_is_broken_where_frames_are_missing() -> None:
    times = [*range(10), *range(60, 70)]
    parts = line(timeline_chart(camera(times, np.linspace(0.8, 0.9, 20))))
    assert [len(part) for part in parts] == [10, 10]


def test_long_recordings_are_drawn_in_groups() -> None:
    count = 3000
    # Up and down, for matplotlib leaves out what lies on a straight line.
    values = 0.7 + 0.2 * (np.arange(count) // 6 % 2)
    values[1200:1206] = [0.1, 0.1, 0.1, 0.1, 0.1, 1.0]  # one group
    chart = timeline_chart(camera(np.arange(count) / 10, values))
    [points] = line(chart)
    assert len(points) == pytest.approx(500, abs=2)
    y = np.array(points)[:, 1]
    assert np.argmax(y) == 200, "the mean of the group is the lowest one"
    assert "fill: #b9d2ea" in svg(chart), "with a band from the least to the greatest"


def test_values_that_are_unknown_leave_a_gap() -> None:
    with np.errstate(all="raise"):
        parts = line(timeline_chart(camera(range(5), [0.9, 0.8, float("nan"), 0.8, 0.9])))
    assert [len(part) for part in parts] == [2, 2]
    timeline_chart(camera(range(3), [float("nan")] * 3))


def test_events_are_in_the_legend_once() -> None:
    events = [event("black", 1, 3), event("black", 5, 7), event("lost", 8, 8)]
    chart = timeline_chart(camera(range(10), [0.9] * 10, events))
    assert (texts(chart).count("black"), texts(chart).count("lost")) == (1, 1)
    without = timeline_chart(camera(range(10), [0.9] * 10))
    assert not {"black", "lost"} & set(texts(without))
    assert {"pixel agreement, %", "mean IoU, %", "time, s"} <= set(texts(without))


@pytest.mark.parametrize("kind", ["frozen", "black", "overexposed", "blurred", "lost"])
def test_every_kind_of_event_can_be_drawn(kind) -> None:
    assert kind in texts(timeline_chart(camera([0, 9], [0.9, 0.9], [event(kind, 1, 3)])))


def test_a_single_frame_can_be_drawn() -> None:
    assert line(timeline_chart(camera([0], [0.5])))


def test_the_same_again() -> None:
    chart = timeline_chart(camera(range(10), [0.9] * 10, [event("black", 1, 3)]))
    assert timeline_chart(camera(range(10), [0.9] * 10, [event("black", 1, 3)])) == chart
    assert "dc:date" not in svg(chart)
