# SPDX-License-Identifier: Apache-2.0
"""Before a model is loaded: its TensorRT engine built, where it is missing and may be built."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from segnet_ros.inference.engine.build_process import build_in_child
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.gpu import find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.supply import engine_graph, obtain_engine
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model

_LOG_PERIOD = 5.0


class InterruptedBuildError(Exception):
    """The build was ended because the node is to do something else."""


class EnginePreparation:
    """Puts a model's engine into the cache, and tells log and diagnostics how that goes.

    Args:
        logger: The node's.
        interrupted: Once set, it ends a build.

    Attributes:
        progress: The build in words; empty while there is none.

    """

    def __init__(self, logger: Any, interrupted: threading.Event) -> None:
        self._logger = logger
        self._interrupted = interrupted
        self._reason = ""
        self._next_line = 0.0
        self.progress = ""

    def prepare(self, folder: Path, options: EngineOptions) -> None:
        """Build the engine, if there is none that can be used and the options allow it.

        Args:
            folder: Of the model.
            options: What engine, and where it is kept.

        Raises:
            InferenceError: there is no such engine, and none can or may be built.
            InterruptedBuildError: see above.

        """
        missing = why_missing(folder, options)
        if missing and options.build:
            self._build(folder, options)
        elif missing and find_gpu():  # without one, a build would not help: the runtime says that
            msg = f"{missing}, or set the parameter build_engine to true"
            raise InferenceError(msg)

    def _build(self, folder: Path, options: EngineOptions) -> None:
        """In a process of its own: this one's threads get their turns, and can end it."""
        self._reason = ""
        try:
            build_in_child(folder, replace(options, progress=self._listen))
        finally:
            self.progress = ""
        self._logger.info(f"the {options.precision} engine of {folder.name} is built")

    def _listen(self, progress: BuildProgress) -> None:
        if self._interrupted.is_set():
            msg = "the build of the engine was ended"
            raise InterruptedBuildError(msg)
        self.progress = in_words(progress)
        if progress.reason != self._reason or progress.elapsed >= self._next_line:
            self._logger.info(self.progress)
            self._reason = progress.reason
            self._next_line = progress.elapsed + _LOG_PERIOD


def why_missing(folder: Path, options: EngineOptions) -> str:
    """Why a build is needed, with the command for it; empty if there is an engine to be used.

    Raises:
        InferenceError: a build could not help.

    """
    model = load_model(folder)
    engine_graph(model, options.precision)
    EngineCache(options.cache)
    api = find_tensorrt()
    try:
        obtain_engine(model, replace(options, build=False), api, find_gpu(), find_jetson())
    except InferenceError as error:
        return str(error)
    return ""


def in_words(progress: BuildProgress) -> str:
    """Such as "building fp16: tactics 40 %, 12 s, because none was built yet"."""
    done = "" if progress.fraction is None else f" {100 * progress.fraction:.0f} %"
    return (
        f"building {progress.precision}: {progress.phase}{done}, {progress.elapsed:.0f} s, "
        f"because {progress.reason}"
    )
