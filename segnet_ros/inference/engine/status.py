# SPDX-License-Identifier: Apache-2.0
"""How a loaded engine fares: what an operator wants to see of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from segnet_ros.inference.engine.fingerprint import Fingerprint


@dataclass(frozen=True)
class EngineStatus:
    """A snapshot.

    Attributes:
        fingerprint: What the engine was built from, by, on and for.
        layers: What was really built, in words.
        agreement: Share of the golden frames' pixels that got model.onnx's label, 0..1.
        gpu_memory: Bytes for frames, outputs and intermediate results.
        timings: Milliseconds of the last inference by stage, on the GPU's clock.
        recoveries: How often the GPU failed and was set up anew.
        failure: Why every frame fails from now on; empty while the engine works.

    """

    fingerprint: Fingerprint
    layers: str
    agreement: float
    gpu_memory: int
    timings: Mapping[str, float]
    recoveries: int
    failure: str
