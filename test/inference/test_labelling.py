# SPDX-License-Identifier: Apache-2.0
"""From a model's answers to what is published."""

import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stream import picture
from variants import write_taxonomy

from segnet_ros.inference.labelling import Labelling, LoadedModel
from segnet_ros.inference.segmenter import Segmentation, Segmenter
from segnet_ros.inference.taxonomy import Taxonomy, load_taxonomy, own_taxonomy


class Watched(Segmenter):
    """Notes how it is asked."""

    asked: list[Any]

    def segment(self, image: np.ndarray) -> Segmentation:
        self.asked = [*getattr(self, "asked", []), "one"]
        return super().segment(image)

    def segment_all(self, images: Any) -> Iterator[Segmentation]:
        images = list(images)
        self.asked = [*getattr(self, "asked", []), len(images)]
        return super().segment_all(images)


@pytest.fixture
def model(channel_model: Path) -> Iterator[LoadedModel]:
    segmenter = Watched(channel_model)
    yield LoadedModel(segmenter, "what the parameter says")
    segmenter.close()


@pytest.fixture
def heat(model: LoadedModel, tmp_path: Path) -> Taxonomy:
    """blue, red and green become 0, 1 and unlabelled, below a confidence of a half too."""
    path = write_taxonomy(tmp_path / "heat", {"cold": ["blue"], "warm": ["red"]}, ["green"], 0.5)
    return load_taxonomy(path, model.segmenter.model)


def segmented(labelling: Labelling, shown: np.ndarray) -> Segmentation:
    (segmentation,) = labelling.segment_all([shown])
    return segmentation


@pytest.mark.parametrize(("given", "threshold"), [(-1.0, 0.5), (-0.5, 0.5), (0.0, 0.0), (0.8, 0.8)])
def test_the_threshold_is_the_parameters_or_the_taxonomys(
    model: LoadedModel, heat: Taxonomy, given: float, threshold: float
) -> None:
    labelling = Labelling.create(model, heat, given, version=3)
    assert (labelling.threshold, labelling.version) == (threshold, 3)
    shown = picture(1)
    published = labelling.published(segmented(labelling, shown))
    mapped = np.array([1, 255, 0])[shown.argmax(2)]
    expected = np.where(shown.max(2) >= threshold * 255, mapped, 255)
    np.testing.assert_array_equal(published.prediction.labels, expected)
    np.testing.assert_array_equal(published.prediction.confidence, shown.max(2))


def test_the_models_own_answer_stays_as_it_is(model: LoadedModel, heat: Taxonomy) -> None:
    """It is what ~/save_frame keeps."""
    labelling = Labelling.create(model, heat, 0.9, version=1)
    shown = picture(2)
    own = segmented(labelling, shown)
    published = labelling.published(own)
    np.testing.assert_array_equal(own.labels, shown.argmax(2))
    assert published.image is own.image
    assert (published.resize_seconds, published.infer_seconds) == (
        own.resize_seconds, own.infer_seconds,
    )  # fmt: skip


def test_without_taxonomy_and_threshold_nothing_is_computed(model: LoadedModel) -> None:
    labelling = Labelling.create(model, own_taxonomy(model.segmenter.model), -1.0, version=1)
    own = segmented(labelling, picture(1))
    assert labelling.published(own).prediction is own.prediction
    np.testing.assert_array_equal(labelling.published(own).color, own.color)


def test_colours_and_legend_are_the_published_classes(model: LoadedModel, heat: Taxonomy) -> None:
    labelling = Labelling.create(model, heat, 0.0, version=1)
    shown = picture(1)
    published = labelling.published(segmented(labelling, shown))
    table = np.zeros((256, 3), np.uint8)
    table[:2] = [0, 20, 30], [10, 20, 30]  # as write_taxonomy gives them
    np.testing.assert_array_equal(published.color, table[np.array([1, 255, 0])[shown.argmax(2)]])
    own = Labelling.create(model, own_taxonomy(model.segmenter.model), 0.0, version=1)
    drawn = [np.zeros((240, 320, 3), np.uint8) for _ in range(2)]
    for overlay, each in zip(drawn, (labelling, own), strict=True):
        each.legend.draw(overlay, np.zeros((12, 16), np.uint8))
    assert (drawn[0] == [0, 20, 30]).all(2).any()
    assert (drawn[1] == [200, 10, 20]).all(2).any()


def test_one_picture_takes_the_quicker_way(model: LoadedModel) -> None:
    labelling = Labelling.create(model, own_taxonomy(model.segmenter.model), 0.0, version=1)
    pictures = [picture(seed) for seed in range(3)]
    segmented(labelling, pictures[0])
    answers = list(labelling.segment_all(pictures))
    assert model.segmenter.asked[:2] == ["one", 3]
    for shown, answer in zip(pictures, answers, strict=True):
        assert answer.image is shown
        np.testing.assert_array_equal(answer.labels, shown.argmax(2))


def test_in_words(model: LoadedModel, heat: Taxonomy) -> None:
    own = own_taxonomy(model.segmenter.model)
    runtime = model.segmenter.runtime
    for taxonomy, threshold, words in (
        (own, 0.0, ""),
        (own, 0.25, ", confidence from 0.25"),
        (heat, 0.0, ", taxonomy heat"),
        (heat, -1.0, ", taxonomy heat, confidence from 0.5"),
    ):
        labelling = Labelling.create(model, taxonomy, threshold, version=1)
        assert labelling.in_words == f"channel on {runtime}{words}"


def test_it_is_exchanged_as_a_whole(model: LoadedModel, heat: Taxonomy) -> None:
    labelling = Labelling.create(model, heat, 0.0, version=1)
    with pytest.raises(FrozenInstanceError):
        labelling.threshold = 0.5  # type: ignore[misc]


class Closable:
    """Stands in for a `Segmenter`."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_a_model_in_use_is_not_freed() -> None:
    segmenter = Closable()
    model = LoadedModel(segmenter, "")  # type: ignore[arg-type]
    assert model.segmenter is segmenter
    with model.in_use:
        thread = threading.Thread(target=model.retire)
        thread.start()
        assert not segmenter.closed.wait(0.05)
    thread.join(10)
    assert segmenter.closed.is_set()
    assert not model.in_use.locked()
