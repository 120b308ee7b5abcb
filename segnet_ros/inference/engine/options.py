# SPDX-License-Identifier: Apache-2.0
"""How the user wants a model's engine: what every way to start one has in common."""

from dataclasses import dataclass
from pathlib import Path

from segnet_ros.inference.engine.progress import ProgressListener, unheard

PRECISIONS = ("fp16", "int8", "fp8")
DEFAULT_PRECISION = "fp16"


@dataclass(frozen=True)
class EngineOptions:
    """Wishes about a TensorRT engine; other runtimes ignore them.

    Attributes:
        precision: One of `PRECISIONS`; the model must hold a graph of it.
        batch: Frames per inference at most; 1 builds an engine of fixed size.
        cache: Folder of built engines; None is the user's cache folder.
        build: Whether a missing or unusable engine may be built, which takes minutes.
        progress: Told about a build.

    """

    precision: str = DEFAULT_PRECISION
    batch: int = 1
    cache: Path | None = None
    build: bool = False
    progress: ProgressListener = unheard


DEFAULT_ENGINE = EngineOptions()
