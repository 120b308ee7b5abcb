"""What the ids in a label image mean: as vision_msgs/LabelInfo, and as JSON with more facts."""

import json
from typing import Any

from std_msgs.msg import Header

from segnet_ros.inference.model import UNLABELLED, Model
from segnet_ros.inference.taxonomy import Taxonomy


def label_info_type() -> type | None:
    """`vision_msgs.msg.LabelInfo`; None where that package, which PyPI lacks, is not installed."""
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo  # type: ignore[no-any-return]


def label_info(kind: type, taxonomy: Taxonomy, threshold: float, header: Header) -> Any:
    """Name the published ids.

    255 is not among them: vision_msgs defines it as unlabelled, and Nav2's semantic segmentation
    layer would report it as a class that its parameters lack.

    Args:
        kind: What `label_info_type` gave.
        taxonomy: Whose classes are published.
        threshold: Labels with a lower confidence, 0..1, are published as unlabelled.
        header: Stamp and frame_id of the message.

    Returns:
        A LabelInfo with the classes in the order of their ids.
    """
    from vision_msgs.msg import VisionClass

    classes = [
        VisionClass(class_id=index, class_name=item.name)
        for index, item in enumerate(taxonomy.classes)
    ]
    return kind(header=header, class_map=classes, threshold=threshold)


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
