# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_ros.training.transforms import Augmentation, augment

VOID = 255
WIDTH, HEIGHT = 120, 90
PLAIN = Augmentation(
    crop=(64, 48), scale=(1.0, 1.0), brightness=0.0, gamma=1.0, color=0.0, flip=False
)


def coordinates() -> np.ndarray:
    """RGB [H, W, 3] whose red is the column, green the row, and blue marks the picture."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    return np.dstack([column, row, np.full_like(row, 200)]).astype(np.uint8)


def columns() -> np.ndarray:
    return np.ascontiguousarray(coordinates()[..., 0])


def rows() -> np.ndarray:
    return np.ascontiguousarray(coordinates()[..., 1])


def run(
    recipe: Augmentation, seed: int = 0, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    image = coordinates()
    given_labels = columns() if labels is None else labels
    return augment(image, given_labels, recipe, VOID, np.random.default_rng(seed))


def gray(value: int, recipe: Augmentation, seed: int) -> np.ndarray:
    """What becomes of one uniform gray: the mean RGB of the result."""
    image = np.full((48, 64, 3), value, np.uint8)
    labels = np.zeros((48, 64), np.uint8)
    result, _ = augment(image, labels, recipe, VOID, np.random.default_rng(seed))
    assert (result == result[0, 0]).all()
    return result[0, 0].astype(float)


zooms = st.tuples(st.floats(0.4, 2.5), st.floats(0.4, 2.5)).map(lambda pair: tuple(sorted(pair)))


@given(seed=st.integers(0, 2**32 - 1), scale=zooms, flip=st.booleans())
@settings(max_examples=60, deadline=None)
def test_labels_stay_on_their_pixels(seed: int, scale: tuple[float, float], flip: bool) -> None:
    recipe = replace(PLAIN, scale=scale, flip=flip)
    image, column_labels = run(recipe, seed, columns())
    again, row_labels = run(recipe, seed, rows())
    assert np.array_equal(image, again)
    covered = column_labels != VOID
    assert np.array_equal(covered, row_labels != VOID)
    # Where the picture is not blended with its surroundings, red and green are coordinates
    # between pixels, and the label is that of the nearest pixel.
    inside = image[..., 2] == 200
    # Less than half a pixel of the picture is visible beyond its outermost pixel centres.
    inside &= covered
    assert inside.mean() > 0.05
    for channel, labels in ((0, column_labels), (1, row_labels)):
        shift = image[..., channel].astype(int) - labels
        assert np.abs(shift[inside]).max() <= 1


@given(seed=st.integers(0, 2**32 - 1), scale=zooms, flip=st.booleans())
@settings(max_examples=40, deadline=None)
def test_void_is_exactly_what_the_picture_does_not_cover(
    seed: int, scale: tuple[float, float], flip: bool
) -> None:
    image, labels = run(replace(PLAIN, scale=scale, flip=flip), seed)
    assert (labels[image[..., 2] == 200] != VOID).all()
    assert (labels[image[..., 2] == 0] == VOID).all()


def test_shrunk_picture_leaves_void_around_it() -> None:
    image, labels = run(replace(PLAIN, crop=(200, 160), scale=(0.5, 0.5)), seed=3)
    covered = labels != VOID
    # 120x90 at half the size.
    assert covered.sum() == 60 * 45
    assert (image[~covered].max(axis=-1) <= 100).all()
    top, left = np.argwhere(covered).min(axis=0)
    assert covered[top : top + 45, left : left + 60].all()


def test_unit_zoom_cuts_out_the_picture() -> None:
    image, labels = run(replace(PLAIN, crop=(WIDTH, HEIGHT)))
    assert np.array_equal(image, coordinates())
    assert np.array_equal(labels, columns())


def test_identity_values_leave_every_byte_of_a_frame_as_it_is() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    labels = rng.integers(0, 12, (HEIGHT, WIDTH), np.uint8)
    identity = replace(PLAIN, crop=(WIDTH, HEIGHT))
    for seed in range(3):
        result = augment(image, labels, identity, VOID, np.random.default_rng(seed))
        assert np.array_equal(result[0], image)
        assert np.array_equal(result[1], labels)


def test_zoom_keeps_the_corners_of_the_picture_in_place() -> None:
    image, labels = run(replace(PLAIN, crop=(2 * WIDTH, 2 * HEIGHT), scale=(2.0, 2.0)))
    assert np.array_equal(labels, columns().repeat(2, axis=0).repeat(2, axis=1))
    # Pixel centres are at half-integers: new column c shows old column (c + 0.5) / 2 - 0.5.
    expected = (np.arange(1, 2 * WIDTH - 1) + 0.5) / 2 - 0.5
    assert np.abs(image[HEIGHT, 1:-1, 0] - expected).max() <= 0.5


def test_crop_of_a_larger_picture_holds_no_void() -> None:
    lefts = set()
    for seed in range(20):
        _, labels = run(PLAIN, seed)
        assert labels.max() < WIDTH
        assert np.array_equal(labels, np.tile(labels[0, 0] + np.arange(64), (48, 1)))
        lefts.add(int(labels[0, 0]))
    assert min(lefts) < 15
    assert max(lefts) > 40


def test_zoom_stays_between_its_limits_and_reaches_both_ends() -> None:
    zooms = []
    for seed in range(60):
        _, labels = run(replace(PLAIN, scale=(0.5, 2.0)), seed)
        inside = labels[:, (labels != VOID).any(axis=0)]
        row = inside[(inside != VOID).all(axis=1).argmax()].astype(int)
        zooms.append((len(row) - 1) / (row[-1] - row[0]))
    assert 0.48 < min(zooms) < 0.6
    assert 1.7 < max(zooms) < 2.1
    # Log-uniform: as often smaller as larger.
    assert 0.8 < np.median(zooms) < 1.25


def test_half_of_the_frames_are_mirrored() -> None:
    recipe = replace(PLAIN, crop=(WIDTH, HEIGHT), flip=True)
    mirrored = 0
    for seed in range(100):
        image, labels = run(recipe, seed)
        turned = bool(labels[0, 0] > labels[0, -1])
        expected = coordinates()[:, ::-1] if turned else coordinates()
        assert np.array_equal(image, expected)
        mirrored += turned
    assert 35 <= mirrored <= 65


def test_equal_generators_give_equal_frames() -> None:
    recipe = Augmentation(crop=(64, 48))
    image, labels = run(recipe, seed=5)
    for first, second in zip(run(recipe, seed=5), (image, labels), strict=True):
        assert np.array_equal(first, second)
    assert not np.array_equal(run(recipe, seed=6)[0], image)
    assert image.shape == (48, 64, 3)
    assert labels.shape == (48, 64)
    assert image.dtype == labels.dtype == np.uint8
    assert image.flags.c_contiguous
    assert labels.flags.c_contiguous


def test_brightness_is_the_span_in_stops() -> None:
    recipe = replace(PLAIN, brightness=2.0)
    means = np.array([gray(64, recipe, seed) for seed in range(80)])
    assert (means == means[:, :1]).all()  # the colour is kept
    # Two stops between the extremes: half to double.
    assert 32 <= means.min() < 40
    assert 105 < means.max() <= 128


def test_gamma_bends_the_middle_and_keeps_the_ends() -> None:
    recipe = replace(PLAIN, gamma=2.0)
    middle = np.array([gray(128, recipe, seed)[0] for seed in range(80)])
    assert round(255 * (128 / 255) ** 2.0) <= middle.min() < 80
    assert 160 < middle.max() <= round(255 * (128 / 255) ** 0.5)
    for seed in range(5):
        assert gray(0, recipe, seed).tolist() == [0, 0, 0]
        assert gray(255, recipe, seed).tolist() == [255, 255, 255]


def test_color_shifts_channels_apart_within_its_limit() -> None:
    recipe = replace(PLAIN, color=0.2)
    pixels = np.array([gray(100, recipe, seed) for seed in range(80)])
    assert pixels.min() >= 80
    assert pixels.max() <= 120
    assert np.ptp(pixels, axis=1).max() > 20


def test_bright_pixels_saturate_instead_of_wrapping() -> None:
    recipe = replace(PLAIN, brightness=6.0)
    brightest = max(gray(200, recipe, seed)[0] for seed in range(30))
    assert brightest == 255


def test_saturation_moves_colours_towards_gray_or_away_from_it() -> None:
    recipe = replace(PLAIN, saturation=0.5)
    color = np.array([150.0, 100.0, 60.0])
    luma = color @ [0.299, 0.587, 0.114]
    image = np.full((48, 64, 3), color, np.uint8)
    kept = []
    for seed in range(60):
        result, _ = augment(
            image, np.zeros((48, 64), np.uint8), recipe, VOID, np.random.default_rng(seed)
        )
        shares = (result[0, 0] - luma) / (color - luma)
        assert np.ptp(shares) < 0.1  # the hue is kept
        kept.append(shares[0])
        assert abs(result[0, 0] @ [0.299, 0.587, 0.114] - luma) < 1
    assert 0.48 <= min(kept) < 0.6
    assert 1.4 < max(kept) <= 1.52


def test_gray_has_no_saturation_to_change() -> None:
    recipe = replace(PLAIN, saturation=1.0)
    for seed in range(5):
        assert gray(77, recipe, seed).tolist() == [77, 77, 77]


def test_half_of_the_frames_are_blurred_and_their_labels_are_not() -> None:
    recipe = replace(PLAIN, crop=(WIDTH, HEIGHT), blur=1.5)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[40:50, 40:50] = 200
    sharp, spread = 0, []
    for seed in range(60):
        result, labels = augment(image, columns(), recipe, VOID, np.random.default_rng(seed))
        assert np.array_equal(labels, columns())
        if np.array_equal(result, image):
            sharp += 1
            continue
        # What a blur takes from inside, it adds outside.
        assert result.mean() == pytest.approx(image.mean(), rel=0.02)
        spread.append((result[:, :40] > 0).any(axis=(0, 2)).sum())
    assert 15 <= sharp <= 48
    assert max(spread) in (2, 3, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crop", (0, 48)),
        ("scale", (0.0, 1.0)),
        ("scale", (1.5, 0.5)),
        ("scale", (1.0, float("inf"))),
        ("brightness", -1.0),
        ("gamma", 0.5),
        ("color", 1.0),
        ("color", float("nan")),
        ("saturation", 1.5),
        ("blur", -0.1),
    ],
)
def test_impossible_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*; expected "):
        Augmentation(**{name: value})  # type: ignore[arg-type]
