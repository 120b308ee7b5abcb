# SPDX-License-Identifier: Apache-2.0
"""What turns pictures into published labels, exchanged as a whole between two frames."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.postprocessing import relabel
from segnet_ros.inference.segmenter import Segmentation, Segmenter
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.inference.visualization import Legend, color_table

Pixels = npt.NDArray[np.uint8]


class LoadedModel:
    """A segmenter that one thread uses while another may want to free it.

    Args:
        segmenter: Loaded and warm.
        name: What the parameter calls it.

    Attributes:
        segmenter: The one given.
        name: The one given.
        in_use: Held while frames run through it.

    """

    def __init__(self, segmenter: Segmenter, name: str) -> None:
        self.segmenter = segmenter
        self.name = name
        self.in_use = threading.Lock()

    def retire(self) -> None:
        """Free the segmenter as soon as it is not in use; none may begin to use it any more."""
        with self.in_use:
            self.segmenter.close()


@dataclass(frozen=True)
class Labelling:
    """A model, what its classes are published as, and how certain they must be.

    Attributes:
        model: Gives the labels.
        taxonomy: Maps them.
        threshold: Labels with a lower confidence, 0..1, become unlabelled.
        version: Counts the exchanges, from 1.
        colors: `color_table` of the published classes.
        legend: Of the same.

    """

    model: LoadedModel
    taxonomy: Taxonomy
    threshold: float
    version: int
    colors: Pixels
    legend: Legend

    @classmethod
    def create(
        cls, model: LoadedModel, taxonomy: Taxonomy, threshold: float, version: int
    ) -> "Labelling":
        """A negative threshold is the taxonomy's own."""
        return cls(
            model,
            taxonomy,
            taxonomy.confidence_threshold if threshold < 0 else threshold,
            version,
            color_table(taxonomy.classes),
            Legend(taxonomy.classes),
        )

    @property
    def in_words(self) -> str:
        """Such as "segnet_light_camvid on OpenVINO 2024.4 CPU bf16, taxonomy driving"."""
        segmenter, name = self.model.segmenter, self.taxonomy.name
        least = f", confidence from {self.threshold:g}" if self.threshold > 0 else ""
        taxonomy = f", taxonomy {name}" if name else ""
        return f"{segmenter.model.name} on {segmenter.runtime}{taxonomy}{least}"

    def segment_all(self, images: Sequence[Pixels]) -> Iterator[Segmentation]:
        """Under the model's own ids, in order; several share inferences where the runtime can."""
        segmenter = self.model.segmenter
        if len(images) == 1:  # the quicker way to one answer
            return iter([segmenter.segment(images[0])])
        return segmenter.segment_all(images)

    def published(self, segmentation: Segmentation) -> Segmentation:
        """The same under the published ids and colours."""
        prediction = relabel(segmentation.prediction, self.taxonomy, self.threshold)
        return replace(segmentation, prediction=prediction, colors=self.colors)
