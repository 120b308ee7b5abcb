# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.demo import report as report_module
from segnet_ros.demo.errors import DemoError
from segnet_ros.demo.report import make_report, score

BOOKS = {
    "frames received": "9",
    "frames published": "6",
    "frames superseded": "1",
    "frames stale": "1",
    "frames failed": "1",
    "frames pending": "0",
    "model": "channel",
    "runtime": "OpenVINO",
}


def test_every_frame_is_accounted_for() -> None:
    stamps = [1_000_000_000 + 100_000_000 * index for index in range(10)]
    arrivals = {stamp: stamp + 20_000_000 for stamp in stamps[:6]}
    report = make_report(stamps, arrivals, BOOKS, miou=0.5)
    assert report.as_dict() == {
        "frames_in": 10,
        "frames_out": 6,
        "lost_in_transport": 1,
        "superseded": 1,
        "stale": 1,
        "failed": 1,
        "latency_ms": {"p50": 20.0, "p95": 20.0},
        "fps": 10.0,
        "miou": 0.5,
        "model": "channel",
        "runtime": "OpenVINO",
    }


def test_percentiles_of_the_latency() -> None:
    arrivals = {1_000 * index: 1_000 * index + 1_000_000 * (index + 1) for index in range(101)}
    report = make_report(list(arrivals), arrivals, BOOKS, miou=None)
    assert report.latency_ms == pytest.approx({"p50": 51.0, "p95": 96.0})


def test_without_labels_there_is_no_latency() -> None:
    report = make_report([1, 2], {}, {}, miou=None)
    assert (report.frames_in, report.frames_out) == (2, 0)
    assert report.lost_in_transport == 2
    assert report.latency_ms is None
    assert report.fps == 0.0


@pytest.fixture
def recorded(monkeypatch) -> None:
    """Two labels, at stamps 10 and 20: all class 0, all class 1."""
    labels = [(10, np.zeros((2, 4), np.uint8)), (20, np.ones((2, 4), np.uint8))]
    monkeypatch.setattr(report_module, "labels", lambda recording: iter(labels))


def truth(folder: Path, name: str, rows: list[list[int]]) -> Path:
    cv2.imwrite(str(folder / name), np.array(rows, np.uint8))
    return folder / name


def test_scores_the_frames_that_have_labels(recorded, tmp_path) -> None:
    half_right = truth(tmp_path, "a.png", [[0, 0, 1, 1], [255, 255, 255, 255]])
    # Class 0: 2 of 4; class 1: 0 of 2; class 2 nowhere; the frame at 20 has no labels.
    assert score(tmp_path, {10: half_right}, classes=3) == pytest.approx((0.5 + 0.0) / 2)


def test_labels_of_another_size_are_refused(recorded, tmp_path) -> None:
    small = truth(tmp_path, "a.png", [[0, 1]])
    with pytest.raises(DemoError, match=r"a.png is of shape \(1, 2\); expected .* \(2, 4\)"):
        score(tmp_path, {10: small}, classes=3)


def test_labels_that_are_no_picture_are_refused(recorded, tmp_path) -> None:
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(DemoError, match=r"a\.png cannot be decoded"):
        score(tmp_path, {10: tmp_path / "a.png"}, classes=3)


def test_no_labels_no_score(recorded, tmp_path) -> None:
    assert score(tmp_path, {}, classes=3) is None
