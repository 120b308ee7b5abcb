# SPDX-License-Identifier: Apache-2.0
"""What judges say beside the words: kind, begin and value of each problem, whoever looked."""

import pickle
from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.health.health_report import Problem
from segnet_ros.health.image_judge import ImageJudge
from segnet_ros.health.image_look import ImageLook, look_at_image
from segnet_ros.health.label_judge import LabelJudge
from segnet_ros.health.label_look import LabelLook, look_at_labels
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]
CLASSES = [SegmentationClass(name, (0, 0, 0)) for name in ("Road", "Wall")]
ROAD, WALL = 0, 1


def _scene(seed: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(30, 220, (120, 160, 3)).astype(np.uint8)


def _judged(judge: ImageJudge | LabelJudge, looks: Iterable[ImageLook | LabelLook]) -> Problem:
    """The only problem at the last look."""
    for look in looks:
        if judge.pace.is_due(look.time):
            judge.judge(look)  # type: ignore[arg-type]
    [problem] = judge.report.problems
    assert judge.report.in_words == (problem.text,)
    return problem


def _images(*parts: tuple[int, Pixels | None]) -> Iterable[ImageLook]:
    """Twenty looks a second; noise in place of None."""
    time = 0
    for count, image in parts:
        for _ in range(count):
            yield look_at_image(_scene(time) if image is None else image, time / 20)
            time += 1


def _labels(*parts: tuple[int, float, float]) -> Iterable[LabelLook]:
    """Two looks a second at so many seconds, share of road and confidence."""
    time = 0.0
    for seconds, road, confidence in parts:
        labels = np.full((90, 100), WALL, np.uint8)
        labels[:, : round(100 * road)] = ROAD
        for _ in range(2 * seconds):
            yield look_at_labels(labels, np.full_like(labels, round(255 * confidence)), time)
            time += 0.5


def test_looks_that_come_too_soon_are_passed_over() -> None:
    judge = ImageJudge()
    looks = list(_images((100, _scene())))
    assert [look.time for look in looks if judge.pace.is_due(look.time)] == [
        look.time for look in looks
    ]
    judge.judge(looks[0])
    assert not judge.pace.is_due(0.45)
    assert judge.pace.is_due(0.5)


def test_frozen() -> None:
    problem = _judged(ImageJudge(), _images((40, None), (131, _scene())))
    assert (problem.kind, problem.since, problem.value) == ("frozen", 2.0, 6.5)
    assert problem.is_worse_than(6.0)
    assert not problem.is_worse_than(6.5)


@pytest.mark.parametrize(("level", "kind"), [(3, "black"), (255, "overexposed")])
def test_black_and_overexposed(level: int, kind: str) -> None:
    image = np.full((120, 160, 3), level, np.uint8)
    problem = _judged(ImageJudge(), _images((40, None), (200, image)))
    assert (problem.kind, problem.since, problem.value) == (kind, 2.0, 1.0)


def test_blurred_is_worse_the_less_sharpness_is_left() -> None:
    random = np.random.default_rng(2)
    squares = [random.integers(30, 220, (15, 20, 3)).astype(np.uint8) for _ in range(12)]
    blurred = [
        cv2.GaussianBlur(cv2.resize(each, (320, 240), interpolation=cv2.INTER_NEAREST), (0, 0), 3)
        for each in squares
    ]
    looks = [
        look_at_image(np.asarray(image, np.uint8), float(time))
        for time, image in enumerate(blurred)
    ]
    problem = _judged(ImageJudge(), looks)
    assert (problem.kind, problem.since) == ("blurred", 0.0)
    assert problem.value == looks[-1].sharpness
    assert problem.is_worse_than(problem.value + 1)
    assert not problem.is_worse_than(problem.value - 1)


def test_a_problem_that_comes_again_has_begun_again() -> None:
    dark = np.zeros((120, 160, 3), np.uint8)
    problem = _judged(ImageJudge(), _images((120, dark), (20, None), (120, dark)))
    assert problem.since == 7.0


def test_no_drivable_area() -> None:
    judge = LabelJudge(CLASSES, frozenset({ROAD}))
    problem = _judged(judge, _labels((10, 0.5, 0.9), (8, 0.0, 0.9)))
    assert (problem.kind, problem.since, problem.value) == ("no drivable area", 10.0, 8.0)


def test_drift_begins_when_it_is_found() -> None:
    judge = LabelJudge(CLASSES, frozenset())
    found: list[Problem] = []
    for look in _labels((300, 0.9, 0.9), (12, 0.0, 0.9)):
        judge.judge(look)
        found += judge.report.problems
    assert {problem.kind for problem in found} == {"class histogram drift"}
    assert 300 < found[0].since < 310
    assert {problem.since for problem in found} == {found[0].since}
    assert found[0].value == pytest.approx(0.5, abs=0.05)
    assert found[-1].value == pytest.approx(0.87, abs=0.02)


def test_confidence_collapse_is_what_was_lost() -> None:
    judge = LabelJudge(CLASSES, frozenset())
    problem = _judged(judge, _labels((300, 0.5, 0.8), (10, 0.5, 0.4)))
    assert problem.kind == "confidence collapse"
    assert problem.value == pytest.approx(0.39, abs=0.01)


def test_a_look_at_labels() -> None:
    labels = np.full((90, 100), WALL, np.uint8)
    labels[:9] = 255
    look = look_at_labels(labels, np.full_like(labels, 51), 1.5)
    assert (look.time, look.counts, look.confidence) == (1.5, ((WALL, 8100), (255, 900)), 0.2)
    shares = look.shares
    assert (shares.shape, shares[WALL], shares[255], shares.sum()) == ((256,), 0.9, 0.1, 1.0)


def test_looks_are_small_and_travel() -> None:
    for look in (*_images((1, _scene())), *_labels((1, 0.5, 0.5))):
        pickled = pickle.dumps(look)
        assert pickle.loads(pickled) == look
        assert len(pickled) < 300
