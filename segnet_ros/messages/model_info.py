# SPDX-License-Identifier: Apache-2.0
"""All facts about the labels that are published, as JSON."""

import json
from typing import Any

from segnet_ros.inference.model import UNLABELLED, Model
from segnet_ros.inference.taxonomy import Taxonomy


def model_info(
    model: Model, taxonomy: Taxonomy, *, threshold: float, runtime: str, version: int
) -> str:
    """Tell everything that a reader of the labels may want to know, as a JSON object.

    Args:
        model: The one in use.
        taxonomy: Whose classes are published.
        threshold: Labels with a lower confidence, 0..1, are published as unlabelled.
        runtime: `Segmenter.runtime`.
        version: Counts the models and taxonomies that the node has used, from 1.

    Returns:
        version, model, architecture, sha256 (of model.onnx), runtime, taxonomy (empty for the
        model's own classes), confidence_threshold (0..1), unlabelled (the id 255), size (the
        network's [width, height], pixels) and classes: id, name, color ([red, green, blue], 0..255)
        and, if the taxonomy has costs, cost (0..254).

    """
    width, height = model.size
    facts = {
        "version": version,
        "model": model.name,
        "architecture": model.architecture,
        "sha256": model.sha256,
        "runtime": runtime,
        "taxonomy": taxonomy.name,
        "confidence_threshold": threshold,
        "unlabelled": UNLABELLED,
        "size": [width, height],
        "classes": _classes(taxonomy),
    }
    return json.dumps(facts, ensure_ascii=False)


def _classes(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    classes: list[dict[str, Any]] = [
        {"id": index, "name": item.name, "color": list(item.color)}
        for index, item in enumerate(taxonomy.classes)
    ]
    if taxonomy.costs:
        for entry, cost in zip(classes, taxonomy.costs, strict=True):
            entry["cost"] = cost
    return classes
