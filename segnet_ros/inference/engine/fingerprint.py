# SPDX-License-Identifier: Apache-2.0
"""Everything that an engine depends on. An engine is used only where all of it is the same."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.jetson import Jetson
from segnet_ros.inference.engine.tensorrt_api import TensorRt, build_flags
from segnet_ros.inference.errors import InferenceError

_MAX_LENGTH = 400
_MAX_BATCH = 1 << 16


@dataclass(frozen=True)
class Fingerprint:
    """What an engine was built from, by, on and for. Texts are empty where there is no such thing.

    Attributes:
        onnx_sha256: Of the graph, hexadecimal.
        flavour: "TensorRT" or "TensorRT-RTX".
        version: Of that, in full.
        gpu: Name.
        compute_capability: Of the GPU, such as "8.7".
        driver: Of the GPU.
        cuda: Newest version that the driver supports.
        l4t: Release of Jetson Linux.
        power_mode: Of the Jetson.
        flags: Names of the builder's flags.
        precision: Of the graph: fp16, int8 or fp8.
        batch: Frames per inference at most.

    """

    onnx_sha256: str
    flavour: str
    version: str
    gpu: str
    compute_capability: str
    driver: str
    cuda: str
    l4t: str
    power_mode: str
    flags: tuple[str, ...]
    precision: str
    batch: int

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, for file names."""
        text = json.dumps(self.facts(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """The attributes, as JSON can hold them."""
        return asdict(self) | {"flags": list(self.flags)}

    def differences(self, facts: Any) -> str:
        """What an old engine's facts say otherwise, in words; empty if nothing.

        Raises:
            InferenceError: `facts` is no fingerprint.

        """
        return "; ".join(self.changes_since(read_fingerprint(facts)))

    def changes_since(self, old: "Fingerprint") -> list[str]:
        """What became different since an engine was built, each in words."""
        changes = (_model(old, self), _builder(old, self), _gpu(old, self), *_others(old, self))
        return [change for change in changes if change]


def fingerprint_of(
    graph_sha256: str,
    api: TensorRt,
    gpu: Gpu | None,
    jetson: Jetson | None,
    precision: str,
    batch: int,
) -> Fingerprint:
    """What an engine built here and now from that graph would depend on."""
    return Fingerprint(
        onnx_sha256=graph_sha256,
        flavour=api.flavour,
        version=api.version,
        gpu=gpu.name if gpu else "",
        compute_capability=gpu.compute_capability if gpu else "",
        driver=gpu.driver if gpu else "",
        cuda=gpu.cuda if gpu else "",
        l4t=jetson.l4t if jetson else "",
        power_mode=jetson.power_mode if jetson else "",
        flags=build_flags(api, precision),
        precision=precision,
        batch=batch,
    )


def unfit(
    old: Fingerprint, api: TensorRt, gpu: Gpu | None, jetson: Jetson | None, graph_sha256: str
) -> str:
    """Why an engine cannot be used here and now, in words; empty if it can.

    Args:
        old: Of the engine.
        api: The TensorRT that would run it.
        gpu: Of this machine.
        jetson: That this machine is.
        graph_sha256: Of the model's graph as it is now; empty if nobody knows, as for models in
            folders of the user.

    """
    sha256 = graph_sha256 or old.onnx_sha256
    try:
        here = fingerprint_of(sha256, api, gpu, jetson, old.precision, old.batch)
    except InferenceError as error:  # this TensorRT does not build that precision
        return str(error)
    return "; ".join(here.changes_since(old))


def read_fingerprint(facts: Any) -> Fingerprint:
    """Take a fingerprint from facts that anybody may have written.

    Raises:
        InferenceError: a fact is missing, superfluous, of another type, or no printable text.

    """
    if not isinstance(facts, Mapping) or facts.keys() != _CHECKS.keys():
        msg = "the fingerprint has other facts than this version writes"
        raise InferenceError(msg)
    for name, is_possible in _CHECKS.items():
        if not is_possible(facts[name]):
            msg = f"the fingerprint's {name} is {str(facts[name])[:40]!r}"
            raise InferenceError(msg)
    return Fingerprint(**{**facts, "flags": tuple(facts["flags"])})


def is_text(value: Any) -> bool:
    """Whether a value is a text that a terminal shows as it is, of bounded length."""
    return isinstance(value, str) and len(value) <= _MAX_LENGTH and value.isprintable()


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_LENGTH and all(map(is_text, value))


def _is_batch(value: Any) -> bool:
    return type(value) is int and 0 < value <= _MAX_BATCH


_CHECKS: dict[str, Callable[[Any], bool]] = {
    **{field.name: is_text for field in fields(Fingerprint)},
    "flags": _are_texts,
    "batch": _is_batch,
}


def _model(old: Fingerprint, new: Fingerprint) -> str:
    return "" if old.onnx_sha256 == new.onnx_sha256 else "the model was exported anew"


def _builder(old: Fingerprint, new: Fingerprint) -> str:
    if (old.flavour, old.version) == (new.flavour, new.version):
        return ""
    installed = new.version if old.flavour == new.flavour else f"{new.flavour} {new.version}"
    return f"{old.flavour} {old.version} built it, {installed} is installed"


def _gpu(old: Fingerprint, new: Fingerprint) -> str:
    if (old.gpu, old.compute_capability) == (new.gpu, new.compute_capability):
        return ""
    built = f"it was built for {_device(old)}" if old.gpu else "it was built without a GPU"
    return f"{built}, this machine has {_device(new) if new.gpu else 'none'}"


def _device(fingerprint: Fingerprint) -> str:
    return f"{fingerprint.gpu} (compute capability {fingerprint.compute_capability})"


_DRIVER = {"driver": "the NVIDIA driver", "cuda": "the driver's CUDA"}
_REST = {
    "l4t": "Jetson Linux",
    "power_mode": "the power mode",
    "flags": "the builder's flags",
    "precision": "the precision",
    "batch": "the batch",
}


def _others(old: Fingerprint, new: Fingerprint) -> list[str]:
    # Without a GPU there is no driver; that the GPU is missing has been said then.
    named = {**_DRIVER, **_REST} if old.gpu and new.gpu else _REST
    return [_change(words, getattr(old, key), getattr(new, key)) for key, words in named.items()]


def _change(what: str, old: Any, new: Any) -> str:
    return "" if old == new else f"{what} changed from {_shown(old)} to {_shown(new)}"


def _shown(value: Any) -> str:
    words = " ".join(value) if isinstance(value, tuple) else str(value)
    return words or "none"
