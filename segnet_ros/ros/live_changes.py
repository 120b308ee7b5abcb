# SPDX-License-Identifier: Apache-2.0
"""What a running node takes on while frames go through: model, taxonomy, threshold, limits."""

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from std_srvs.srv import Trigger

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.labelling import Labelling, LoadedModel
from segnet_ros.inference.model import load_model
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.ros.model_loading import taxonomy_for
from segnet_ros.ros.model_swap import ModelSwap
from segnet_ros.ros.parameters import Changes, NodeParameters
from segnet_ros.ros.pipeline import Pipeline


class LiveChanges:
    """Checks and carries out what the live parameters and ~/reload_model ask for.

    Args:
        node: Serves.
        settings: The node's.
        pipeline: Gives what is to be changed; None while the node is not configured.

    Attributes:
        swap: Loads models in the background.

    """

    def __init__(
        self,
        node: LifecycleNode,
        settings: NodeParameters,
        pipeline: Callable[[], Pipeline | None],
    ) -> None:
        self._node = node
        self._settings = settings
        self._pipeline = pipeline
        # What `_refuse` finds out, for `_apply`, which follows it and must not fail.
        self._taxonomy: Taxonomy | None = None
        self._before: Mapping[str, str] = {}
        self.swap = ModelSwap(node, settings, self._install)
        settings.refuse, settings.apply = self._refuse, self._apply
        # A coroutine that waits must not keep the node's other callbacks from running.
        node.create_service(
            Trigger, "~/reload_model", self._reload, callback_group=ReentrantCallbackGroup()
        )

    def labelling(self, model: LoadedModel, version: int) -> Labelling:
        """What the parameters make of a model.

        Raises:
            InferenceError: the taxonomy does not fit it.

        """
        taxonomy = taxonomy_for(self._settings.text("taxonomy"), model.segmenter.model)
        return self._under(taxonomy, model, version)

    def _under(self, taxonomy: Taxonomy, model: LoadedModel, version: int) -> Labelling:
        threshold = self._settings.number("confidence_threshold")
        return Labelling.create(model, taxonomy, threshold, version)

    def _refuse(self, changes: Changes) -> str:
        """Why the model or the taxonomy cannot take these values now."""
        names = changes.keys() & {"model", "taxonomy"}
        if not names:
            return ""
        pipeline = self._pipeline()
        if pipeline is None:
            return "model and taxonomy cannot change during configure; set them afterwards"
        if self.swap.running:
            return f"{self.swap.progress}; set it again when that is done"
        model = pipeline.labelling.model.segmenter.model
        try:
            if "model" in changes:
                model = load_model(find_model(changes["model"]))
            name = changes.get("taxonomy", self._settings.text("taxonomy"))
            self._taxonomy = taxonomy_for(name, model)
        except InferenceError as error:
            return str(error)
        self._before = {name: self._settings.text(name) for name in names}
        return ""

    def _apply(self, changes: Changes) -> None:
        pipeline = self._pipeline()
        if pipeline is None:
            return
        if any(name.endswith(("max_rate", "priority")) for name in changes):
            pipeline.limit()
        self._relabel(pipeline, changes)
        if "model" in changes:
            self.swap.begin(changes["model"], otherwise=self._before)

    def _relabel(self, pipeline: Pipeline, changes: Changes) -> None:
        """What changes for the model in use; another one brings its taxonomy along."""
        old = pipeline.labelling
        taxonomy = old.taxonomy
        if "taxonomy" in changes and "model" not in changes:
            assert self._taxonomy is not None
            taxonomy = self._taxonomy
        # Another threshold is no reason to read the file anew: it may be in somebody's editor.
        if taxonomy is not old.taxonomy or "confidence_threshold" in changes:
            self._exchange(pipeline, self._under(taxonomy, old.model, old.version + 1))

    def _install(self, segmenter: Segmenter, name: str) -> LoadedModel:
        pipeline = self._pipeline()
        assert pipeline is not None
        old = pipeline.labelling
        new = self.labelling(LoadedModel(segmenter, name), old.version + 1)
        self._exchange(pipeline, new)
        return old.model

    def _exchange(self, pipeline: Pipeline, labelling: Labelling) -> None:
        pipeline.exchange(labelling)
        self._node.get_logger().info(f"{labelling.in_words} from now on")

    async def _reload(self, _request: Trigger.Request, response: Trigger.Response) -> Any:
        pipeline = self._pipeline()
        if pipeline is None or self.swap.running:
            response.message = self.swap.progress or "the node is not configured; configure it"
            return response
        name = pipeline.labelling.model.name
        failure = await self.swap.begin(name, otherwise={})
        response.success = not failure
        response.message = failure or f"{name} is loaded anew"
        return response
