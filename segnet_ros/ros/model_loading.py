# SPDX-License-Identifier: Apache-2.0
"""Models and taxonomies as the parameters want them."""

import threading
from dataclasses import replace
from typing import Any

from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.runtime import resolve_runtime
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.taxonomy import Taxonomy, find_taxonomy, load_taxonomy, own_taxonomy
from segnet_ros.ros.engine_preparation import EnginePreparation
from segnet_ros.ros.parameters import NodeParameters


class ModelLoader:
    """Loads into the runtime that the parameters name, building an engine first if need be.

    Args:
        logger: The node's.
        settings: The node's.
        interrupted: Set when loading is to give up.

    """

    def __init__(self, logger: Any, settings: NodeParameters, interrupted: threading.Event) -> None:
        self._settings = settings
        self._preparation = EnginePreparation(logger, interrupted)

    @property
    def engine_build(self) -> str:
        """A build in progress, in words; empty if there is none."""
        return self._preparation.progress

    def load(self, name: str) -> Segmenter:
        """Load, warm up and check a model that fits the taxonomy.

        Raises:
            InferenceError: that cannot be.
            InterruptedBuildError: it was interrupted.

        """
        folder = find_model(name)
        # Before an engine is built for it.
        taxonomy_for(self._settings.text("taxonomy"), load_model(folder))
        runtime = resolve_runtime(self._settings.text("runtime"))
        engine = self._settings.engine
        if runtime == "tensorrt":
            self._preparation.prepare(folder, engine)
        # A build in this process could be neither watched nor ended.
        return Segmenter(folder, runtime, replace(engine, build=False))


def taxonomy_for(name: str, model: Model) -> Taxonomy:
    """The taxonomy that the parameter names; the model's own classes if it is empty.

    Raises:
        InferenceError: there is none, or it does not fit the model.

    """
    return load_taxonomy(find_taxonomy(name), model) if name else own_taxonomy(model)
