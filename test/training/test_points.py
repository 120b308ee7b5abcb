# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable

import numpy as np
import pytest

from segnet_ros.training.points import Peak, densities, heatmaps, peaks

SIZE = (24, 16)


def test_heat_is_a_gaussian_around_the_point() -> None:
    heatmap = heatmaps([[(10.0, 6.0)]], SIZE, sigma=2.0)[0]
    assert heatmap.shape == (16, 24)
    assert heatmap.dtype == np.float32
    assert heatmap[6, 10] == 1.0
    assert heatmap[6, 12] == pytest.approx(np.exp(-0.5))
    assert heatmap[3, 14] == pytest.approx(np.exp(-25 / 8))


def test_heat_of_neighbours_is_the_larger_one_and_not_their_sum() -> None:
    both, left, right = heatmaps(
        [[(8, 6), (11, 6)], [(8, 6)], [(11, 6)]], SIZE, sigma=2.0
    )  # fmt: skip
    np.testing.assert_array_equal(both, np.maximum(left, right))
    assert both.max() == 1.0


def test_peaks_undo_heatmaps_between_pixels() -> None:
    points = [(3.3, 4.75), (12.5, 9.02), (19.96, 2.4)]
    found = peaks(heatmaps([points], SIZE, sigma=1.5)[0], threshold=0.5)
    assert len(found) == 3
    np.testing.assert_allclose(sorted(peak[:2] for peak in found), points, atol=2e-3)


def test_peaks_come_with_their_height_and_the_highest_first() -> None:
    heatmap = 0.9 * heatmaps([[(5, 5)]], SIZE, 1.5)[0] + 0.5 * heatmaps([[(18, 9)]], SIZE, 1.5)[0]
    heatmap += 0.3 * heatmaps([[(12, 13)]], SIZE, 1.5)[0]
    high, low = peaks(heatmap, threshold=0.4)
    assert high == pytest.approx(Peak(5, 5, 0.9), abs=0.01)
    assert low == pytest.approx(Peak(18, 9, 0.5), abs=0.01)


def test_peak_on_the_border_stays_on_its_pixel() -> None:
    heatmap = np.zeros((4, 5), np.float32)
    heatmap[0, 0], heatmap[0, 1], heatmap[3, 4] = 0.8, 0.4, 0.6
    assert peaks(heatmap, 0.1) == [pytest.approx((0, 0, 0.8)), pytest.approx((4, 3, 0.6))]


@pytest.mark.parametrize(
    ("plateau", "summit"),
    [
        ([(2, 3), (2, 4)], (3.5, 2)),
        ([(2, 3), (3, 3)], (3, 2.5)),
        ([(2, 3), (3, 4)], (3, 2)),
        ([(2, 4), (3, 3)], (4, 2)),
    ],
    ids=str,
)
def test_equal_neighbours_are_one_peak(
    plateau: list[tuple[int, int]], summit: tuple[float, float]
) -> None:
    heatmap = np.full((6, 8), 0.01, np.float32)
    for row, column in plateau:
        heatmap[row, column] = 1.0
    assert peaks(heatmap, 0.5) == [pytest.approx((*summit, 1.0))]


def test_flat_heat_below_the_threshold_has_no_peak() -> None:
    assert peaks(np.full((6, 8), 0.49), 0.5) == []


def test_pixel_under_the_maximum_of_its_diagonal_neighbour_is_no_peak() -> None:
    heatmap = np.zeros((5, 5), np.float32)
    heatmap[1, 1], heatmap[2, 2] = 0.7, 0.8
    assert len(peaks(heatmap, 0.1)) == 1


def test_density_sums_to_the_number_of_points_even_at_the_border() -> None:
    points = [(-0.5, -0.5), (23.4, 15.4), (0, 8.2), (11.7, 15), (12, 7), (12, 7)]
    density = densities([points], SIZE, sigma=3.0)[0]
    assert density.dtype == np.float32
    assert density.min() >= 0
    assert density.sum(dtype=np.float64) == pytest.approx(6, abs=1e-5)


def test_density_lies_around_its_point() -> None:
    density = densities([[(7.0, 5.0)]], (40, 30), sigma=2.0)[0]
    assert np.unravel_index(density.argmax(), density.shape) == (5, 7)
    assert density.max() == pytest.approx(1 / (2 * np.pi * 4), rel=0.01)
    assert (density.sum(0) @ np.arange(40)) == pytest.approx(7.0, abs=0.01)


def test_points_outside_the_picture_are_left_out() -> None:
    points = [(-0.51, 3), (23.5, 3), (4, 15.5), (4, -0.51), (4.0, 5.0)]
    assert densities([points], SIZE, 2.0)[0].sum() == pytest.approx(1)
    np.testing.assert_array_equal(
        heatmaps([points], SIZE, 2.0), heatmaps([[(4.0, 5.0)]], SIZE, 2.0)
    )


@pytest.mark.parametrize("targets", [heatmaps, densities])
def test_every_kind_has_its_own_map(targets: Callable[..., np.ndarray]) -> None:
    maps = targets([[(3, 4)], [], np.zeros((0, 2)), [(20, 10)]], SIZE, 1.0)
    assert maps.shape == (4, 16, 24)
    assert [np.unravel_index(m.argmax(), m.shape) for m in maps[[0, 3]]] == [(4, 3), (10, 20)]
    assert not maps[1:3].any()


def test_what_is_no_list_of_points_is_refused() -> None:
    with pytest.raises(ValueError, match=r"points have shape \(2,\); expected \[M, 2\]"):
        heatmaps([(3.0, 4.0)], SIZE, 2.0)
    with pytest.raises(ValueError, match=r"points have shape \(1, 3\)"):
        densities([[(3.0, 4.0, 1.0)]], SIZE, 2.0)


def test_too_sharp_gaussians_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sigma is 0.2 pixels; expected 0.5 or more"):
        densities([[(3.0, 4.0)]], SIZE, 0.2)


def test_heat_maps_of_several_kinds_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 16, 24\); expected \[H, W\] of one kind"):
        peaks(np.zeros((2, 16, 24)), 0.5)
