# SPDX-License-Identifier: Apache-2.0
"""What is shown of a segmentation: the right pixels, and no work for what nobody asks for."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from segnet_ros.inference import rendering, segmenter
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.rendering import Rendering, Style
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmentation
from segnet_ros.inference.visualization import Legend, color_table

CLASSES = (SegmentationClass("road", (200, 10, 20)), SegmentationClass("tree", (30, 210, 40)))
COLORS = np.array([(200, 10, 20), (30, 210, 40)], np.uint8)
AT_CAMERA = Style(network_size=False, alpha=0.25, legend=None)
AT_NETWORK = replace(AT_CAMERA, network_size=True)
NETWORK, CAMERA = (6, 8), (33, 50)  # neither side is a multiple


@pytest.fixture
def segmentation() -> Segmentation:
    rng = np.random.default_rng(3)
    labels = rng.choice(np.array([0, 1, 255], np.uint8), NETWORK)
    confidence, uncertainty = rng.integers(0, 256, (2, *NETWORK), np.uint8)
    image = rng.integers(0, 256, (*CAMERA, 3), np.uint8)
    prediction = Prediction(labels, confidence, uncertainty)
    return Segmentation(image, prediction, color_table(CLASSES), 0.0, 0.0)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Counts what is computed."""
    calls: Counter = Counter()

    def count(owner: object, name: str) -> None:
        genuine = getattr(owner, name)

        def counting(*arguments):
            calls[name] += 1
            return genuine(*arguments)

        monkeypatch.setattr(owner, name, counting)

    for name in ("resize_labels", "colorize", "blend"):
        count(segmenter, name)
    count(rendering, "colorize")
    count(Legend, "draw")
    return calls


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """Every pixel of the camera's becomes the one of the network's that holds its centre."""
    (rows, columns), (height, width) = NETWORK, CAMERA
    above = (2 * np.arange(height) + 1) * rows // (2 * height)
    beside = (2 * np.arange(width) + 1) * columns // (2 * width)
    return pixels[np.ix_(above, beside)]


def colored(labels: np.ndarray) -> np.ndarray:
    """Black where unlabelled."""
    return np.where((labels < 2)[..., None], COLORS[labels % 2], 0).astype(np.uint8)


def test_maps_at_camera_size(segmentation: Segmentation) -> None:
    shown, prediction = Rendering(segmentation, AT_CAMERA), segmentation.prediction
    np.testing.assert_array_equal(shown.labels, enlarged(prediction.labels))
    np.testing.assert_array_equal(shown.confidence, enlarged(prediction.confidence))
    np.testing.assert_array_equal(shown.uncertainty, enlarged(prediction.uncertainty))
    np.testing.assert_array_equal(shown.color, colored(enlarged(prediction.labels)))
    assert {255} < set(np.unique(shown.labels))


def test_maps_at_network_size(segmentation: Segmentation) -> None:
    shown, prediction = Rendering(segmentation, AT_NETWORK), segmentation.prediction
    np.testing.assert_array_equal(shown.labels, prediction.labels)
    np.testing.assert_array_equal(shown.confidence, prediction.confidence)
    np.testing.assert_array_equal(shown.uncertainty, prediction.uncertainty)
    np.testing.assert_array_equal(shown.color, colored(prediction.labels))


@pytest.mark.parametrize("style", [AT_CAMERA, AT_NETWORK])
@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_the_overlay_mixes_at_camera_size(
    segmentation: Segmentation, style: Style, alpha: float
) -> None:
    picture = segmentation.image.copy()
    overlay = Rendering(segmentation, replace(style, alpha=alpha)).overlay
    exact = (1 - alpha) * picture + alpha * colored(enlarged(segmentation.prediction.labels))
    assert overlay.shape == (*CAMERA, 3)
    assert np.abs(overlay - exact).max() <= 0.5
    np.testing.assert_array_equal(segmentation.image, picture)


@pytest.mark.parametrize("style", [AT_CAMERA, AT_NETWORK])
def test_the_legend_is_drawn_into_the_overlay_only(
    segmentation: Segmentation, style: Style
) -> None:
    large = replace(segmentation, image=np.full((240, 320, 3), 250, np.uint8))
    plain = Rendering(large, style).overlay
    legend = Legend(CLASSES)
    shown = Rendering(large, replace(style, legend=legend))
    expected = plain.copy()
    legend.draw(expected, large.prediction.labels)
    np.testing.assert_array_equal(shown.overlay, expected)
    changed = np.argwhere((shown.overlay != plain).any(axis=2))
    assert len(changed) > 500  # it is there,
    assert changed.max() < 200  # in its corner,
    np.testing.assert_array_equal(shown.color, Rendering(large, style).color)  # and nowhere else
    assert large.image.min() == 250


def test_no_uncertainty_of_other_models(segmentation: Segmentation) -> None:
    plain = replace(segmentation, prediction=replace(segmentation.prediction, uncertainty=None))
    assert Rendering(plain, AT_CAMERA).uncertainty is None
    assert Rendering(plain, AT_NETWORK).uncertainty is None


@pytest.mark.parametrize(
    ("asked", "at_camera_size", "at_network_size"),
    [
        (("labels",), {"resize_labels": 1}, {}),
        (("confidence",), {"resize_labels": 1}, {}),
        (("uncertainty",), {"resize_labels": 1}, {}),
        (("color",), {"resize_labels": 1, "colorize": 1}, {"colorize": 1}),
        (
            ("overlay",),
            {"resize_labels": 1, "colorize": 1, "blend": 1},
            {"resize_labels": 1, "colorize": 1, "blend": 1},
        ),
        (
            ("labels", "labels", "color", "overlay"),  # ~/label, ~/label/compressed, ...
            {"resize_labels": 1, "colorize": 1, "blend": 1},
            {"resize_labels": 1, "colorize": 2, "blend": 1},
        ),
    ],
)
def test_computes_what_is_asked_for_and_that_once(
    segmentation: Segmentation,
    work: Counter,
    asked: tuple[str, ...],
    at_camera_size: dict[str, int],
    at_network_size: dict[str, int],
) -> None:
    for style, expected in ((AT_CAMERA, at_camera_size), (AT_NETWORK, at_network_size)):
        work.clear()
        shown = Rendering(replace(segmentation), style)
        assert not work
        for name in asked:
            getattr(shown, name)
        assert dict(work) == expected


def test_no_legend_without_an_overlay(segmentation: Segmentation, work: Counter) -> None:
    shown = Rendering(segmentation, replace(AT_CAMERA, legend=Legend(CLASSES)))
    assert shown.labels.shape == shown.color.shape[:2] == CAMERA
    assert work["draw"] == 0
    assert shown.overlay.shape == (*CAMERA, 3)
    assert work["draw"] == 1
