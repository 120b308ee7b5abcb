# SPDX-License-Identifier: Apache-2.0
"""Which model labels recordings, in words that a worker elsewhere can follow."""

from dataclasses import dataclass

from segnet_ros.inference.engine.options import DEFAULT_PRECISION, EngineOptions
from segnet_ros.inference.labelling import Labelling, LoadedModel
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.taxonomy import find_taxonomy, load_taxonomy, own_taxonomy


@dataclass(frozen=True)
class ModelChoice:
    """A model and what its classes become. Can be pickled.

    Attributes:
        model: Folder, or name of a shipped one.
        runtime: See `load_runtime`.
        precision: Of a TensorRT engine.
        taxonomy: File, or name of a shipped one; empty for the model's own classes.
        threshold: Labels with a lower confidence, 0..1, become unlabelled; negative for the
            taxonomy's own.

    """

    model: str
    runtime: str = "auto"
    precision: str = DEFAULT_PRECISION
    taxonomy: str = ""
    threshold: float = -1.0

    def load(self) -> Labelling:
        """Load it in this process.

        Raises:
            InferenceError: the model, the runtime or the taxonomy cannot be used.

        """
        engine = EngineOptions(precision=self.precision)
        segmenter = Segmenter(find_model(self.model), self.runtime, engine)
        try:
            taxonomy = (
                load_taxonomy(find_taxonomy(self.taxonomy), segmenter.model)
                if self.taxonomy
                else own_taxonomy(segmenter.model)
            )
        except BaseException:
            segmenter.close()
            raise
        return Labelling.create(LoadedModel(segmenter, self.model), taxonomy, self.threshold, 1)
