# SPDX-License-Identifier: Apache-2.0
"""The page, read back as a browser would."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="needs jinja2: pip install 'segnet_ros[report]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from html_page import Page

from segnet_ros.datasets.camvid import CAMVID, find_frames
from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.taxonomy import Taxonomy
from segnet_ros.evaluation.assessed import Assessed
from segnet_ros.evaluation.cost import Cost
from segnet_ros.evaluation.differences import Difference
from segnet_ros.evaluation.evaluate import evaluate
from segnet_ros.evaluation.report import render, write_page
from segnet_ros.evaluation.showcase import make_showcase
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction
from segnet_ros.simulation.drive import StreetDrive

COST = Cost((480, 360), 1_234_567, 59_200_000_000, 5_700_000, 88_500_000, 230_000_000)
HOSTILE = """</td><script>alert("1")</script> & 'x' {{ 7 * 7 }} $y$"""


class Shifted:
    """Labels the left half of every picture right, a little less of every further one."""

    runtime = "pure reason"

    def __init__(self, name, classes, truths) -> None:
        self.model = SimpleNamespace(name=name, classes=classes)
        self.truths = truths

    def segment(self, image):
        index = int(image[0, 0, 0])
        labels = self.truths[index].copy()
        wrong = labels.shape[1] // 2 - index
        labels[:, wrong:] = (labels[:, wrong:] + 1) % 3
        return Prediction(labels, np.full_like(labels, 204))


def assessed(root, taxonomy, name="shifted", count=9):
    """Frame k has 16 - k right columns of 32: the last frame is the worst."""
    truths = []
    for index in range(count):
        truth = np.zeros((24, 32), np.uint8)
        truth[8:16], truth[16:] = 1, 2
        truths.append(truth)
        write_image(root / "val" / f"{index}.png", np.full((24, 32, 3), index, np.uint8))
        write_image(root / "valannot" / f"{index}.png", truth)
    frames = [
        LabelledFrame(frame.image_path, frame.label_path, name, taxonomy)
        for frame in find_frames(root, "val")
    ]
    predictor = Shifted(name, taxonomy.classes, truths)
    evaluation = evaluate(predictor, frames)
    return Assessed(
        evaluation=replace(evaluation, ms_per_frame=12.34),
        classes=taxonomy.classes,
        showcase=make_showcase(predictor, frames, evaluation.per_frame),
        file_bytes=2_400_000,
        cost=COST,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return assessed(tmp_path_factory.mktemp("data"), CAMVID)


@pytest.fixture(scope="module")
def html(model):
    return render("shifted on CamVid val", [model])


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_page_is_whole_and_alone(html, page) -> None:
    assert html.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert page.tags.count("html") == page.tags.count("body") == page.tags.count("h1") == 1
    assert "script" not in page.tags
    assert "link" not in page.tags
    sources = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 2 + 3 * 8
    assert all(value.startswith("data:image/") for value in sources)
    assert "http:" not in html
    assert "https:" not in html
    assert not re.search(r"url\(|@import", html)
    described = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(described) == len(sources)
    assert all(described)


def test_scores_with_intervals(model, page) -> None:
    score, low, high = model.evaluation.miou, *model.evaluation.intervals["miou"]
    row = page.row("shifted")
    assert row[3] == f"{100 * score:.1f} {100 * low:.1f} to {100 * high:.1f}"
    assert row[1].startswith(f"{100 * (9 * 16 - 36) / (9 * 32):.1f} ")
    assert row[6] == f"{100 * (0.8 - (9 * 16 - 36) / (9 * 32)):.1f}", "confidence is 0.8 throughout"


def test_paper_stands_beside(page) -> None:
    assert page.row("SegNet-Basic") == ["SegNet-Basic", "82.7", "62.0", "47.7", "35.78", "–", "–"]  # noqa: RUF001
    assert page.row("SegNet †")[1:5] == ["90.4", "71.2", "60.1", "46.84"]
    assert "trained on CamVid's 367 images" in page.text
    assert "trained on 3,433 images" in page.text
    assert "not comparable at equal data" in page.text
    assert page.row("DeconvNet")[4:] == ["1,872", "877"]


def test_speed_and_memory(page) -> None:
    row = next(row for row in page.rows if "pure reason" in row[0])
    assert [cell.strip() for cell in row[1:]] == [
        "12.3", "1.235", "59.2 at 480×360", "94.2 5.7 weights", "2.4",  # noqa: RUF001
    ]  # fmt: skip


def test_classes_and_sequences(model, page) -> None:
    sky = model.evaluation.per_class["Sky"]
    iou, accuracy, bf = (f"{100 * sky[key]:.1f}" for key in ("iou", "accuracy", "bf"))
    low, high = (f"{100 * end:.1f}" for end in model.evaluation.class_intervals["Sky"])
    assert page.row("Sky") == ["Sky", f"{iou} {low} to {high}", accuracy, bf, "96.1"]
    assert page.row("Car")[1:] == ["–", "–", "–", "87.7"]  # noqa: RUF001
    low, high = model.evaluation.sequence_intervals["shifted"]["miou"]
    interval = f"{100 * low:.1f} to {100 * high:.1f}"
    rows = [[cell.strip() for cell in row] for row in page.rows]
    assert ["shifted", "9", f"{100 * model.evaluation.miou:.1f} {interval}"] in [
        [*row[:2], row[4]] for row in rows if len(row) == 7
    ]
    assert ("span", "style", "background: rgb(128,0,0)") in page.attributes


def test_worst_frame_is_the_worst(model, page) -> None:
    captions = re.findall(r"(\d) \(shifted\): mIoU ([\d.]+) %", page.text)
    assert [name for name, _ in captions] == ["8", "7", "6", "5", "4", "0", "1", "2"]
    mious = [100 * frame.miou for frame in model.evaluation.per_frame]
    assert float(captions[0][1]) == pytest.approx(min(mious), abs=0.05)


def test_names_are_text(tmp_path) -> None:
    classes = tuple(SegmentationClass(f"{HOSTILE}{k}", (k, k, k)) for k in range(3))
    taxonomy = Taxonomy(HOSTILE, classes, {0: 0, 1: 1, 2: 2})
    hostile = assessed(tmp_path, taxonomy, name=HOSTILE, count=1)
    second = replace(hostile, difference=Difference(0.0, 0.0, 0.0))
    page = Page(render(HOSTILE, [hostile, second]))
    assert page.open == []
    assert "script" not in page.tags
    plain = " ".join(HOSTILE.split())
    assert page.row(f"{plain}1")
    assert page.text.count(HOSTILE) > 10
    assert "CamVid" not in page.text, "other classes have no figures in the paper"


def test_unknown_cost_is_left_out(model) -> None:
    page = Page(render("title", [replace(model, cost=None)]))
    row = next(row for row in page.rows if "pure reason" in row[0])
    assert [cell.strip() for cell in row[1:]] == ["12.3", "–", "–", "–", "2.4"]  # noqa: RUF001


def test_several_models_are_compared_with_the_first(model) -> None:
    better = replace(model.evaluation, model="better", miou=model.evaluation.miou + 0.0321)
    second = replace(model, evaluation=better, difference=Difference(0.02, -0.01, 0.05))
    page = Page(render("title", [model, second]))
    rows = [[cell.strip() for cell in row] for row in page.rows]
    assert ["better", "+3.2", "+2.0 -1.0 to +5.0"] in rows
    assert "Difference to shifted" in page.text


def test_page_stays_small(tmp_path) -> None:
    drive = StreetDrive(3, (480, 360))
    image, labels = drive.frame(0)
    for index in range(8):
        write_image(tmp_path / "val" / f"{index}.png", image)
        write_image(tmp_path / "valannot" / f"{index}.png", np.minimum(labels, 11))
    frames = find_frames(tmp_path, "val")

    def segment(picture):
        return Prediction(labels % 11, labels)

    predictor = SimpleNamespace(
        model=SimpleNamespace(name="x", classes=CAMVID.classes), runtime="r", segment=segment
    )
    evaluation = evaluate(predictor, frames)
    showcase = make_showcase(predictor, frames, evaluation.per_frame)
    whole = Assessed(evaluation, CAMVID.classes, showcase, 1, COST)
    write_page(tmp_path / "page.html", "title", [whole])
    assert 100_000 < (tmp_path / "page.html").stat().st_size < 2_000_000
