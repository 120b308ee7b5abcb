# SPDX-License-Identifier: Apache-2.0
"""Where labels come from: said in every file of labels, alike whoever made them, and when."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from segnet_ros.bags.places import base_name
from segnet_ros.inference.model import file_sha256, load_model
from segnet_ros.inference.runtime import resolve_runtime
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.taxonomy import find_taxonomy
from segnet_ros.messages.model_info import model_info

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.recording import Recording
    from segnet_ros.inference.labelling import Labelling
    from segnet_ros.inference.segmenter import Segmenter

RECORD = "segnet_ros"
"""Name of the mcap metadata record that holds it."""


def provenance(labelling: Labelling, source: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Tell what made labels. No clock, host or folder is in it.

    Args:
        labelling: What made them.
        source: Name of the recording.
        options: Of the run; values are such as JSON can hold.

    Returns:
        version (of this package), model, sha256 (of model.onnx), graph_sha256 (of the graph that
        ran), runtime (library, version, device), precision (that the network really ran in),
        taxonomy (empty for the model's own classes), confidence_threshold (0..1), source, and the
        options; what is no text as JSON.

    """
    segmenter, model = labelling.model.segmenter, labelling.model.segmenter.model
    facts = {
        "version": tool_version(),
        "model": model.name,
        "sha256": model.sha256,
        "graph_sha256": _graph_sha256(segmenter),
        "runtime": segmenter.runtime,
        "precision": _precision(segmenter),
        "taxonomy": labelling.taxonomy.name,
        "confidence_threshold": labelling.threshold,
        "source": source,
        **options,
    }
    return {key: value if isinstance(value, str) else _json(value) for key, value in facts.items()}


def model_info_of(labelling: Labelling, made_by: Mapping[str, str]) -> str:
    """The node's `model_info`, with the provenance in it."""
    facts = model_info(
        labelling.model.segmenter.model,
        labelling.taxonomy,
        threshold=labelling.threshold,
        runtime=labelling.model.segmenter.runtime,
        version=labelling.version,
    )
    return _json(json.loads(facts) | {"provenance": dict(made_by)})


def run_identity(
    choice: ModelChoice, recording: Recording, options: Mapping[str, Any]
) -> dict[str, Any]:
    """All that labels depend on, as far as it can be told before a model is loaded.

    Args:
        choice: The model.
        recording: Open.
        options: Of the run; values are such as JSON can hold.

    Raises:
        InferenceError: there is no such model, runtime or taxonomy.

    """
    model = load_model(find_model(choice.model))
    runtime = resolve_runtime(choice.runtime)
    return {
        "version": tool_version(),
        "model": model.name,
        "sha256": model.sha256,
        "runtime": runtime,
        "precision": choice.precision if runtime == "tensorrt" else "",
        "taxonomy": choice.taxonomy and find_taxonomy(choice.taxonomy).stem,
        "taxonomy_sha256": choice.taxonomy and file_sha256(find_taxonomy(choice.taxonomy)),
        "confidence_threshold": "taxonomy's" if choice.threshold < 0 else choice.threshold,
        "source": recording_name(recording.location),
        "source_span": [recording.start_ns, recording.stop_ns],
        "source_messages": {name: topic.count for name, topic in recording.topics.items()},
        **options,
    }


def recording_name(location: str) -> str:
    """What a recording is called: its folder, or its file without the format."""
    return base_name(location).removesuffix(".zstd").removesuffix(".mcap").removesuffix(".db3")


def tool_version() -> str:
    """Version of this package; "unknown" where it was not installed."""
    try:
        return version("segnet_ros")
    except PackageNotFoundError:
        return "unknown"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _graph_sha256(segmenter: Segmenter) -> str:
    engine = segmenter.engine
    return engine.fingerprint.onnx_sha256 if engine else segmenter.model.sha256


def _precision(segmenter: Segmenter) -> str:
    """Of a TensorRT engine that of its graph; others end their description with it."""
    engine = segmenter.engine
    return engine.fingerprint.precision if engine else segmenter.runtime.split()[-1]
