# SPDX-License-Identifier: Apache-2.0
"""Growth is told from noise, steps and outliers."""

import numpy as np
import pytest
from growth import growth, theil_sen


def test_a_steady_leak_is_growth() -> None:
    found = growth([100.0 + 0.5 * hour for hour in range(24)], warm_up=6, allowed_slope=0.1)
    assert found.grown
    assert found.slope == pytest.approx(0.5)
    # hours 6..11 and 18..23
    assert (found.first, found.last) == (104.25, 110.25)


def test_a_leak_is_found_in_noise() -> None:
    noise = np.random.default_rng(3).normal(0.0, 1.0, 24)
    leaking = [100.0 + 0.5 * hour + noise[hour] for hour in range(24)]
    assert growth(leaking, warm_up=6, allowed_slope=0.2).grown


def test_noise_is_not_growth() -> None:
    noise = np.random.default_rng(3).normal(100.0, 1.0, 24)
    assert not growth(list(noise), warm_up=6, allowed_slope=0.2).grown


def test_what_happens_while_warming_up_does_not_count() -> None:
    assert not growth([10.0, 50.0, 90.0, *[100.0] * 9], warm_up=3, allowed_slope=0.0).grown


def test_an_outlier_is_not_growth() -> None:
    assert not growth([20.0] * 11 + [50.0], warm_up=0, allowed_slope=0.01).grown


def test_one_descriptor_per_hour_is_growth() -> None:
    assert growth([float(20 + hour) for hour in range(12)], warm_up=3, allowed_slope=0.05).grown


def test_shrinking_is_not_growth() -> None:
    assert not growth([50.0 - hour for hour in range(12)], warm_up=3, allowed_slope=0.05).grown


def test_slope_is_the_median_over_all_pairs() -> None:
    # pairs: 1, 4, 4 (9 - 1 over 2), median 4
    assert theil_sen([1.0, 2.0, 9.0]) == 4.0


def test_says_how_many_samples_are_missing() -> None:
    with pytest.raises(ValueError, match="4 samples, 2 of them warm-up; expected three more"):
        growth([1.0] * 4, warm_up=2, allowed_slope=0.1)
