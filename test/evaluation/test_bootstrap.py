# SPDX-License-Identifier: Apache-2.0
"""Intervals: frames drawn one by one in plain Python, and cases whose spread is known."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.evaluation import bootstrap
from segnet_ros.evaluation.bootstrap import class_intervals, intervals
from segnet_ros.evaluation.metrics import MEASURES, scores

Counts = npt.NDArray[np.int64]
KEYS = (*MEASURES, "bf")


def _frames(number: int, seed: int = 0) -> tuple[Counts, npt.NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    confusions = generator.integers(0, 50, (number, 3, 4)) + 200 * np.eye(3, 4, dtype=np.int64)
    confusions[: number // 3, 2] = 0
    bf = generator.random(number)
    bf[::4] = np.nan
    return confusions, bf


def test_equals_scores_of_frames_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 60)
    confusions, bf = _frames(12)
    samples = []
    for times in bootstrap._draws(12).astype(int):
        drawn = [k for k, count in enumerate(times) for _ in range(count)]
        assert len(drawn) == 12
        result = scores(sum(confusions[k] for k in drawn))
        known = [bf[k] for k in drawn if not math.isnan(bf[k])]
        samples.append([*(getattr(result, key) for key in MEASURES), sum(known) / len(known)])
    low, high = np.percentile(samples, (2.5, 97.5), axis=0)
    found = intervals(confusions, bf)
    assert tuple(found) == KEYS
    np.testing.assert_allclose([found[key] for key in KEYS], np.column_stack([low, high]))
    assert (low < high).all()


def test_classes_vary_as_frames_drawn_one_by_one_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 60)
    confusions, _ = _frames(12)
    ious = []
    for times in bootstrap._draws(12).astype(int):
        drawn = [k for k, count in enumerate(times) for _ in range(count)]
        ious.append(scores(sum(confusions[k] for k in drawn)).iou)
    expected = np.percentile(ious, (2.5, 97.5), axis=0).T
    np.testing.assert_allclose(class_intervals(confusions), expected)


def test_absent_class_has_no_interval() -> None:
    confusions, _ = _frames(6)
    confusions[:, 2], confusions[:, :, 2] = 0, 0
    found = class_intervals(confusions)
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2]).all()


def test_spread_is_that_of_the_mean() -> None:
    """400 frames, each wholly right or wholly wrong: G is a mean of coin throws."""
    right = np.arange(400) % 2
    confusions = np.zeros((400, 2, 3), np.int64)
    confusions[:, 0, 0], confusions[:, 0, 1] = right, 1 - right
    found = intervals(confusions, right.astype(float))
    half = 1.96 * math.sqrt(0.25 / 400)
    for key in ("global_accuracy", "bf"):
        np.testing.assert_allclose(found[key], (0.5 - half, 0.5 + half), atol=0.006)


def test_same_frames_give_the_same_intervals() -> None:
    assert intervals(*_frames(9)) == intervals(*_frames(9))
    assert intervals(*_frames(9)) != intervals(*_frames(9, seed=1))


def test_intervals_surround_the_scores() -> None:
    confusions, bf = _frames(40)
    result = scores(confusions.sum(axis=0))
    found = intervals(confusions, bf)
    for key in MEASURES:
        low, high = found[key]
        assert low < getattr(result, key) < high
    assert found["bf"][0] < np.nanmean(bf) < found["bf"][1]


def test_one_frame_has_no_spread() -> None:
    confusions, _ = _frames(1)
    found = intervals(confusions, np.array([0.25]))
    result = scores(confusions[0])
    for key in MEASURES:
        assert found[key] == pytest.approx((getattr(result, key),) * 2)
    assert found["bf"] == (0.25, 0.25)


def test_void_frames_are_not_drawn() -> None:
    confusions, bf = _frames(9)
    void = np.zeros((20, 3, 4), np.int64)
    padded = intervals(np.concatenate([void, confusions]), np.append(np.full(20, np.nan), bf))
    assert padded == intervals(confusions, bf)


def test_frames_without_any_boundary() -> None:
    confusions, bf = _frames(5)
    found = intervals(confusions, np.full_like(bf, np.nan))
    assert np.isnan(found["bf"]).all()
    assert found["miou"] == intervals(confusions, bf)["miou"]
