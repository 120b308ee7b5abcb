# SPDX-License-Identifier: Apache-2.0
"""The page of a drive, read back as a browser would."""

import base64
import json
import math
import re
from dataclasses import replace

import pytest

pytest.importorskip("jinja2", reason="needs jinja2: pip install 'segnet_ros[report]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from html_page import Page

from segnet_ros.evaluation.drive_charts import drive_chart
from segnet_ros.evaluation.drive_page import render_drives, write_drive_page
from segnet_ros.evaluation.drive_pictures import MomentPictures, along_the_way, moments_of
from segnet_ros.evaluation.drive_report import (
    UNLABELLED,
    CameraDrive,
    Drive,
    DriveReport,
    Event,
    FlickerMoment,
    FlickerSummary,
    Skipped,
    Speed,
    Timeline,
)
from segnet_ros.evaluation.frame_times import FrameTimes, Irregularity
from segnet_ros.inference.model import SegmentationClass

HOSTILE = """</td><script>alert("1")</script> & 'x' {{ 7 * 7 }} $y$"""
START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
CLASSES = [SegmentationClass("Road", (128, 64, 128)), SegmentationClass(HOSTILE, (1, 2, 3))]
NAN = math.nan


def timeline(begin, shares=(0.6, 0.3, 0.1)):
    count = len(begin)
    names = [item.name for item in (*CLASSES, UNLABELLED)]
    return Timeline(
        step=1.0,
        begin=begin,
        frame_ns=[START + round(each * SECOND) for each in begin],
        frames=[10] * count,
        rate=[10.0] * count,
        confidence=[0.9] * count,
        flicker=[NAN] + [0.05] * (count - 1),
        shares=dict(zip(names, ([share] * count for share in shares), strict=True)),
    )


def camera(topic="/front/image", name="front", events=()):
    return CameraDrive(
        topic=topic,
        name=name,
        frames=1234,
        shares={"Road": 0.6, HOSTILE: 0.3, "unlabelled": 0.1},
        confidence=0.876,
        flicker=FlickerSummary(
            rate=0.0432,
            compared=0.8,
            pairs=1233,
            stability={"Road": 0.991, HOSTILE: NAN, "unlabelled": 0.5},
            worst=[FlickerMoment(3.0, START + 3 * SECOND, 0.21)],
        ),
        times=FrameTimes(9.99, 2.5, 24, 0, [Irregularity("back", 61.25, -0.5)]),
        events=events,
        timeline=timeline([0.0, 1.0, 2.0, 3.0, 7.0, 8.0]),
    )


EVENT = Event("black", 62.5, 70.0, 1.0, START + 66 * SECOND, f"black: {HOSTILE}")


def report(*drives):
    return DriveReport(
        made_by={"model": HOSTILE, "runtime": "OpenVINO", "taxonomy": ""},
        classes=CLASSES,
        drives=drives,
        speed=Speed(12.5, dict.fromkeys(("decode", "inference", "flicker", "frame"), (1.25, NAN))),
    )


def drive(*cameras, skipped=()):
    return Drive(f"bags/{HOSTILE}", START, 90.0, cameras, skipped)


@pytest.fixture(scope="module")
def html():
    found = report(drive(camera(events=[EVENT]), camera("/rear/image", "rear")))
    pictures = {
        moment: MomentPictures(*(f"data:image/jpeg;base64,{what}{place}" for what in "ABC"))
        for place, moment in enumerate(moments_of(found))
    }
    return render_drives(found, pictures)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_whole_and_needs_nothing_else(html, page) -> None:
    assert page.open == []
    assert "script" not in page.tags
    assert all(source.startswith("data:image/") for source in page.sources)
    assert not re.search(r"url\(|@import|https?://", re.sub(r'"data:[^"]*"', "", html))
    assert page.text.count(HOSTILE) > 8
    assert "49" not in page.text


def test_the_summary(page) -> None:
    front, rear = page.rows_of(f"bags/{HOSTILE} front") + page.rows_of(f"bags/{HOSTILE} rear")
    assert front[1:] == ["1:30.0", "1,234", "10.0", "24", "87.6", "4.3", "1", "0"]
    assert rear[-2:] == ["0", "0"]


def test_classes(page) -> None:
    assert page.rows_of("Road")[0] == ["Road", "60.0", "99.1"]
    assert page.rows_of(HOSTILE)[0] == [HOSTILE, "30.0", "–"]  # noqa: RUF001
    assert page.rows_of("unlabelled")[0] == ["unlabelled", "10.0", "50.0"]


def test_events_and_irregular_times(page) -> None:
    assert page.rows_of("black")[0][:4] == ["black", "1:02.5", "1:10.0", f"black: {HOSTILE}"]
    assert page.rows_of("stamp went back")[0] == ["stamp went back", "1:01.2", "-0.500"]
    assert page.text.count("Nothing found.") == 1


def test_speed_stands_apart(page) -> None:
    assert page.rows_of("flicker optical flow and comparison")[0][1:] == ["1.2", "–"]  # noqa: RUF001
    assert "12.5 frames/s in one worker" in page.text


def test_pictures(html, page) -> None:
    # Of each camera six along the way, the worst flicker in three; of the front one its event.
    assert sum(source.startswith("data:image/jpeg") for source in page.sources) == 2 * (6 + 3) + 1
    assert sum(source.startswith("data:image/svg") for source in page.sources) == 2


def test_missing_pictures_are_left_out() -> None:
    page = Page(render_drives(report(drive(camera(events=[EVENT]))), {}))
    assert not any(source.startswith("data:image/jpeg") for source in page.sources)
    assert "Most flicker" not in page.text


def test_several_drives_and_what_could_not_be_read() -> None:
    skipped = [
        Skipped("/front/image", 12.0, 1, "image of 4 bytes"),
        Skipped("/rear/image", 13.0, 1, "cut off"),
        Skipped("", None, 0, "the index is missing"),
    ]
    found = report(drive(camera()), replace(drive(camera(), skipped=skipped), bag="other"))
    page = Page(render_drives(found, {}))
    assert "Report of 2 drives" in page.text
    assert page.rows_of("other")[0][-1] == "2"
    assert "/front/image at 0:12.0: image of 4 bytes" in page.text
    assert "the recording: the index is missing" in page.text


def test_a_camera_without_frames() -> None:
    nothing = replace(
        camera(),
        frames=0,
        shares=dict.fromkeys(camera().shares, NAN),
        confidence=NAN,
        times=FrameTimes(NAN, NAN, 0, 0, []),
        timeline=timeline([]),
        flicker=replace(camera().flicker, rate=NAN, worst=[]),
    )
    page = Page(render_drives(report(drive(nothing)), {}))
    assert "No frame could be read." in page.text


def test_many_events_are_cut_short() -> None:
    events = [replace(EVENT, begin=k, end=k + 0.5) for k in range(33)]
    page = Page(render_drives(report(drive(camera(events=events))), {}))
    assert len(page.rows_of("black")) == 20
    assert "And 13 more" in page.text


def test_the_page_is_written_whole(tmp_path) -> None:
    path = tmp_path / "deep" / "page.html"
    write_drive_page(path, report(drive(camera())), {})
    assert path.read_text(encoding="utf-8") == render_drives(report(drive(camera())), {})
    assert list(path.parent.iterdir()) == [path]


def svg_of(uri):
    return base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()


def test_the_chart() -> None:
    classes = [*CLASSES, UNLABELLED]
    chart = drive_chart(camera(events=[EVENT]), 90.0, classes)
    assert chart == drive_chart(camera(events=[EVENT]), 90.0, classes)
    drawn = svg_of(chart)
    assert "#804080" in drawn, "the colour of Road"
    assert drawn != svg_of(drive_chart(camera(), 90.0, classes)), "events are shaded"


def test_the_chart_leaves_pauses_empty() -> None:
    def parts(begin):
        chart = drive_chart(replace(camera(), timeline=timeline(begin)), 9.0, CLASSES)
        line = re.search(r'<g id="axes_2">.*?<path d="([^"]*)"[^>]*stroke: #2a6fb0', svg_of(chart),
                         re.DOTALL)  # fmt: skip
        return line[1].count("M ") if line else 0

    assert parts([0.0, 1.0, 2.0]) == 1
    assert parts([0.0, 1.0, 5.0, 6.0]) == 2


def test_frames_along_the_way() -> None:
    assert along_the_way(camera()) == [START + k * SECOND for k in (0, 1, 2, 3, 7, 8)]
    many = replace(camera(), timeline=timeline([float(k) for k in range(101)]))
    assert along_the_way(many) == [START + k * SECOND for k in (0, 20, 40, 60, 80, 100)]
    assert along_the_way(replace(camera(), timeline=timeline([]))) == []


def test_json_of_a_report() -> None:
    values = report(drive(camera(events=[EVENT]))).as_dict()
    json.dumps(values, allow_nan=False)
    assert list(values) == ["format", "made_by", "classes", "drives", "speed"]
    [one] = values["drives"][0]["cameras"]
    assert one["flicker"]["stability"] == {"Road": 0.991, HOSTILE: None, "unlabelled": 0.5}
    assert one["timeline"]["flicker"][:2] == [None, 0.05]
    assert one["events"][0]["worst_ns"] == START + 66 * SECOND
    assert one["times"]["irregular"] == [{"kind": "back", "at": 61.25, "seconds": -0.5}]
    assert values["speed"]["stages_ms"]["frame"] == [1.25, None]
