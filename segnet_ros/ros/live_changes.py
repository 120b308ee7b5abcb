"""What a running node takes on while frames go through: model, taxonomy, threshold, limits."""

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from std_srvs.srv import Trigger

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.labelling import Labelling, LoadedModel
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
        threshold = self._settings.number("confidence_threshold")
        return Labelling.create(model, taxonomy, threshold, version)

    def _refuse(self, changes: Changes) -> str:
        """Why the model or the taxonomy cannot take these values now."""
        if not changes.keys() & {"model", "taxonomy"}:
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
            taxonomy_for(changes.get("taxonomy", self._settings.text("taxonomy")), model)
        except InferenceError as error:
            return str(error)
        return ""

    def _apply(self, changes: Changes) -> None:
        pipeline = self._pipeline()
        if pipeline is None:
            return
        if any(name.endswith(("max_rate", "priority")) for name in changes):
            pipeline.limit()
        if "model" in changes:
            self.swap.begin(changes["model"], instead_of=pipeline.labelling.model.name)
        elif changes.keys() & {"taxonomy", "confidence_threshold"}:
            self._exchange(pipeline, pipeline.labelling.model)

    def _install(self, segmenter: Segmenter, name: str) -> LoadedModel:
        pipeline = self._pipeline()
        assert pipeline is not None
        old = pipeline.labelling.model
        self._exchange(pipeline, LoadedModel(segmenter, name))
        return old

    def _exchange(self, pipeline: Pipeline, model: LoadedModel) -> None:
        labelling = self.labelling(model, pipeline.labelling.version + 1)
        pipeline.exchange(labelling)
        self._node.get_logger().info(f"{labelling.in_words} from now on")

    async def _reload(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        if self._pipeline() is None or self.swap.running:
            response.message = self.swap.progress or "the node is not configured; configure it"
            return response
        name = self._settings.text("model")
        failure = await self.swap.begin(name, instead_of=name)
        response.success = not failure
        response.message = failure or f"{name} is loaded anew"
        return response
