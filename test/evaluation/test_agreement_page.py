# SPDX-License-Identifier: Apache-2.0
"""The page, read back as a browser would."""

import re

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="needs jinja2: pip install 'segnet_ros[report]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from html_page import Page

from segnet_ros.evaluation.agreement import (
    AgreementCounts,
    agreement,
    count_agreement,
    pair_classes,
)
from segnet_ros.evaluation.agreement_page import render_agreement, write_agreement_page
from segnet_ros.evaluation.comparison import (
    ComparedCamera,
    ComparedFrame,
    Comparison,
    DifferingFrame,
    Event,
    Skipped,
)
from segnet_ros.evaluation.frame_pictures import FramePictures
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction

HOSTILE = """</td><script>alert("1")</script> & 'x' {{ 7 * 7 }} $y$"""
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
PICTURE = FramePictures(
    "data:image/jpeg;base64,AA==", "data:image/jpeg;base64,AQ==", "data:image/x"
)
STREET = ("Sky", "Road", "Car")


def facts(name, **others):
    return {
        "model": name, "runtime": "pure reason", "precision": "exact", "taxonomy": "",
        "confidence_threshold": "0.0", "sha256": f"{name}-sha", "graph_sha256": f"{name}-graph",
        "version": "1.2.3", **others,
    }  # fmt: skip


def camera(classes, bag="drive", topic="/image", events=()):
    """A: six pixels of class 0, two of class 1. B agrees on five of the former and one."""
    a, b = np.array([[[0, 0, 0, 0, 0, 0, 1, 1]], [[0, 0, 0, 0, 0, 1, 1, 0]]], np.uint8)
    counts = count_agreement(
        Prediction(a, np.full_like(a, 204)), Prediction(b, np.full_like(b, 102)), classes
    )
    found = agreement(counts, classes)
    frame = ComparedFrame(
        START + 3 * SECOND, START + 5, found.agreement, found.miou, 0.1, found.inside_disagreement
    )
    return ComparedCamera(bag, topic, START, counts, [frame], events)


def comparison(count=1, names=STREET, only_b=(), models=None, **others):
    a = [SegmentationClass(name, (place, 2, 3)) for place, name in enumerate(names)]
    classes = pair_classes(a, [*a, *(SegmentationClass(name, (9, 9, 9)) for name in only_b)])
    given = {
        "models": models or ([facts("old")], [facts("new")]),
        "classes": classes,
        "size": (480, 360),
        "cameras": [camera(classes, topic=f"/image{k}") for k in range(count)],
        "skipped": [],
    }
    return Comparison(**{**given, **others})


def worst(found):
    one = found.cameras[0]
    return [(DifferingFrame(one.bag, one.topic, one.start_ns, one.frames[0]), PICTURE)]


def test_page_is_whole_and_alone() -> None:
    found = comparison(count=2)
    html = render_agreement(found, None, worst(found))
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert page.tags.count("html") == page.tags.count("body") == page.tags.count("h1") == 1
    assert not {"script", "link", "iframe"} & set(page.tags)
    sources = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2 + 3
    assert all(value.startswith("data:image/") for value in sources)
    assert not re.search(r"url\(|@import|https?:", html)
    described = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(described) == len(sources)
    assert "<title>old against new</title>" in html


def test_figures() -> None:
    page = Page(render_agreement(comparison(), None, []))
    assert "1 frame of 1 camera, compared at the networks' size, 480×360 pixels" in page.text  # noqa: RUF001
    row = page.after("%")[0]
    # Two of eight differ, each with a confidence of 0.4; five of eight lie at the border.
    assert row[:6] == ["all", "1", "75.00", "52.38", "25.00", "10.00"]
    assert row[6:] == ["50.00", "0.00", "100.00"]
    assert page.after("Mean confidence, %")[:2] == [
        ["A", "80.00", "80.00"],
        ["B", "40.00", "40.00"],
    ]
    assert page.after("Class")[:2] == [
        ["Sky", "71.43", "75.00", "75.00"], ["Road", "33.33", "25.00", "25.00"],
    ]  # fmt: skip
    assert "Shown by neither: Car." in page.text
    rows = page.after("A, % of its pixels")[:2]
    assert rows == [["Sky", "83.3", "16.7"], ["Road", "50.0", "50.0"]]


def test_models_and_their_provenance() -> None:
    found = comparison(
        models=([facts("old"), facts("old", runtime="other")], [facts("new", taxonomy="driving")])
    )
    page = Page(render_agreement(found, None, []))
    begin = page.rows.index(["", "A", "A", "B"])
    rows = {row[0]: row[1:] for row in page.rows[begin + 1 :]}
    assert rows["Model"] == ["old", "old", "new"]
    assert rows["Runtime"] == ["pure reason", "other", "pure reason"]
    assert rows["Taxonomy"] == ["own classes", "own classes", "driving"]
    assert rows["sha256 of the graph that ran"] == ["old-graph", "old-graph", "new-graph"]
    assert rows["segnet_ros"] == ["1.2.3"] * 3


def test_each_of_several_cameras_has_its_row() -> None:
    page = Page(render_agreement(comparison(count=2), None, []))
    names = [row[:3] for row in page.after("%")[:3]]
    assert names == [
        ["all", "2", "75.00"], ["drive /image0", "1", "75.00"], ["drive /image1", "1", "75.00"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("misses", "said", "unsaid"),
    [
        (None, [], ["Passed", "Missed"]),
        ([], ["Passed"], ["Missed"]),
        (["mean IoU is 0.5", "IoU of <Car> is 0.1"], ["Missed", "IoU of <Car> is 0.1"], ["Passed"]),
    ],
)
def test_verdict(misses, said, unsaid) -> None:
    text = Page(render_agreement(comparison(), misses, [])).text
    assert all(word in text for word in said)
    assert not any(word in text for word in unsaid)


def test_classes_of_one_model_are_said() -> None:
    found = comparison(names=("Sky", "Road"), only_b=("Bus",), size=None)
    text = Page(render_agreement(found, None, worst(found))).text
    assert "Only B has Bus." in text
    assert "Only A" not in text
    assert "0.00 % of all pixels are left out" in text
    assert "cyan" in text
    assert "at the camera's size, for the networks' sizes differ" in text
    assert "cyan" not in Page(render_agreement(comparison(), None, worst(comparison()))).text


def test_worst_frames_tell_where_they_are() -> None:
    found = comparison()
    text = Page(render_agreement(found, None, worst(found))).text
    assert "75.00 % agreement, mean IoU 52.38 %, 0.00 % inside areas differ" in text
    assert (
        "3.00 s into drive, /image0, recorded 2023-11-14 22:13:23.000 UTC, stamp "
        "1700000000.000000005"
    ) in text
    assert "Worst frames" not in Page(render_agreement(found, None, [])).text


def test_events_and_faults_are_listed() -> None:
    events = [Event("black", START + SECOND, START + 2 * SECOND, "the lens cap is on")] * 51
    classes = comparison().classes
    found = comparison(
        cameras=[camera(classes, events=events)],
        skipped=[
            Skipped("drive", "/image", START + 7, 1, "no JPEG"),
            Skipped("", "", None, 0, "truncated"),
        ],
    )
    page = Page(render_agreement(found, None, []))
    assert page.after("Event")[0] == ["black", "1.00", "2.00", "the lens cap is on"]
    assert page.text.count("the lens cap is on") == 50
    assert "And 1 more" in page.text
    items = re.findall(r"^.*: (?:no JPEG|truncated)", page.text, re.MULTILINE)
    assert [item.strip() for item in items] == [
        "drive /image at 1700000000.000000007: no JPEG", "the recording: truncated",
    ]  # fmt: skip


def test_the_same_model_twice_is_said() -> None:
    same = [facts("old")]
    assert (
        "the same model under the same runtime"
        in Page(render_agreement(comparison(models=(same, same)), None, [])).text
    )
    assert "the same model" not in Page(render_agreement(comparison(), None, [])).text


def test_nothing_at_all_can_be_shown() -> None:
    found = comparison(cameras=[])
    with np.errstate(all="raise"):
        page = Page(render_agreement(found, ["no pixel could be compared"], []))
    assert page.after("%")[0][:3] == ["all", "0", "–"]  # noqa: RUF001
    assert found.counts.matrix.tolist() == AgreementCounts.none(3).matrix.tolist()


def test_any_name_can_be_shown() -> None:
    classes = comparison(names=(HOSTILE, "Road")).classes
    found = comparison(
        names=(HOSTILE, "Road"),
        models=([facts(HOSTILE)], [facts("new")]),
        cameras=[camera(classes, bag=HOSTILE, topic=HOSTILE)],
        skipped=[Skipped(HOSTILE, HOSTILE, None, 0, HOSTILE)],
    )
    page = Page(render_agreement(found, [HOSTILE], worst(found)))
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) >= 8
    assert page.open == []


def test_the_same_again() -> None:
    first, second = comparison(count=2), comparison(count=2)
    assert render_agreement(first, [], worst(first)) == render_agreement(second, [], worst(second))


def test_page_is_written(tmp_path) -> None:
    path = tmp_path / "new" / "page.html"
    write_agreement_page(path, comparison(), None, [])
    assert path.read_text(encoding="utf-8") == render_agreement(comparison(), None, [])
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
