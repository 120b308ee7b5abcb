# SPDX-License-Identifier: Apache-2.0
"""Another model for a running node: loaded in the background, exchanged between two frames."""

import threading
from collections.abc import Callable, Mapping

from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.labelling import LoadedModel
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.ros.background import in_executor, in_thread
from segnet_ros.ros.engine_preparation import InterruptedBuildError
from segnet_ros.ros.failure import in_words
from segnet_ros.ros.model_loading import ModelLoader
from segnet_ros.ros.parameters import NodeParameters


class ModelSwap:
    """One at a time; the old model stays wherever the new one fails.

    Args:
        node: Whose executor makes the exchange.
        settings: The node's.
        install: Takes the new segmenter, and what the parameter calls it, in the executor's thread
            and returns the model that it replaces. Raises InferenceError if it will not have it.

    Attributes:
        failure: Why the newest swap failed; empty if it did not, or the node was cleaned up since.

    """

    def __init__(
        self,
        node: LifecycleNode,
        settings: NodeParameters,
        install: Callable[[Segmenter, str], LoadedModel],
    ) -> None:
        self._node = node
        self._settings = settings
        self._install = install
        self._interrupted = threading.Event()
        self._loader = ModelLoader(node.get_logger(), settings, self._interrupted)
        self._thread = threading.Thread()
        self._name = ""
        self.failure = ""

    @property
    def running(self) -> bool:
        """Whether a model is being loaded."""
        return self._thread.is_alive()

    @property
    def progress(self) -> str:
        """What is being loaded, in words; empty if nothing."""
        if not self.running:
            return ""
        build = self._loader.engine_build
        return f"loading {self._name}{build and ': '}{build}"

    def begin(self, name: str, otherwise: Mapping[str, str]) -> Future:
        """Start to load a model; the future gives why it was refused, or an empty text.

        Args:
            name: What the parameter calls it.
            otherwise: Values that parameters go back to if that fails.

        """
        self._interrupted.clear()
        self._name, self.failure = name, ""
        self._node.get_logger().info(f"loading {name}; the model in use goes on meanwhile")
        future, self._thread = in_thread(
            self._node.executor, "model swap", lambda: self._swap(name, otherwise)
        )
        return future

    def cancel(self) -> None:
        """Nothing is wanted any more: the node is being cleaned up."""
        self._interrupted.set()
        self.failure = ""

    def _swap(self, name: str, otherwise: Mapping[str, str]) -> str:
        failure = self._try(name)
        if failure:
            in_executor(self._node.executor, lambda: self._refuse(name, failure, otherwise))
        return failure

    def _try(self, name: str) -> str:
        try:
            segmenter = self._loader.load(name)
        except InterruptedBuildError as interruption:
            return str(interruption)
        except Exception as error:  # noqa: BLE001  # whatever a library raises, the old one goes on
            return in_words(error)
        return self._exchange(segmenter)

    def _exchange(self, segmenter: Segmenter) -> str:
        """Have it installed and free what is not needed any more, whichever that is."""
        try:
            old = in_executor(self._node.executor, lambda: self._install_unless_late(segmenter))
        except InferenceError as error:
            segmenter.close()
            return str(error)
        old.retire()
        return ""

    def _install_unless_late(self, segmenter: Segmenter) -> LoadedModel:
        if self._interrupted.is_set():
            msg = "the node was cleaned up meanwhile; configure it again"
            raise InferenceError(msg)
        return self._install(segmenter, self._name)

    def _refuse(self, name: str, failure: str, otherwise: Mapping[str, str]) -> None:
        logger = self._node.get_logger()
        if self._interrupted.is_set():
            logger.info(f"{name} is not used: {failure}")
            return
        logger.error(f"{name} is not used, the model loaded before stays: {failure}")
        self.failure = failure
        for parameter, value in otherwise.items():
            self._settings.restore(parameter, value)
