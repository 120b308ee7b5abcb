# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet taxonomy`."""

import argparse
import re
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.shipped import find_model
from segnet_ros.inference.taxonomy import LETHAL, Taxonomy, find_taxonomy, load_taxonomy

_LAYER = "semantic_segmentation_layer"
# A relative name would be looked for below the costmap's own namespace.
_ABSOLUTE_NAME = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")
_HEADER = """\
# Parameters of Nav2's semantic segmentation layer.
# Taxonomy {taxonomy!r}, model {model!r}.
# Written by `segnet taxonomy`: run it again when the taxonomy or the model changes.
# Give this to Nav2 as one more parameter file, or paste the layer into yours, also for the global
# costmap. Then add {layer} to the costmap's `plugins`, before inflation_layer.
# The point cloud must be organised, of the label's width and height, and show the same view.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("taxonomy", help="YAML file, or name of a shipped taxonomy")
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    parser.add_argument(
        "--namespace", type=_topic, default="/segmentation", help="of the node's label topics"
    )
    parser.add_argument(
        "--pointcloud",
        type=_topic,
        metavar="TOPIC",
        default="/camera/depth_registered/points",
        help="organised point cloud, aligned with the camera image",
    )
    parser.add_argument("-o", "--output", type=Path, help="file to write; default: print")
    parser.set_defaults(command=_run)


def _topic(text: str) -> str:
    if not _ABSOLUTE_NAME.fullmatch(text):
        msg = f"{text!r} is no absolute ROS name; expected one such as /segmentation/front"
        raise argparse.ArgumentTypeError(msg)
    return text


def _run(options: argparse.Namespace) -> int:
    path = find_taxonomy(options.taxonomy)
    model = load_model(find_model(options.model))
    taxonomy = load_taxonomy(path, model)
    layer = _layer(taxonomy, options.namespace, options.pointcloud)
    document = _document(layer, taxonomy, model)
    if options.output is None:
        print(document, end="")
        return 0
    _refuse_overwriting(path, options.output)
    with replacing(options.output) as partial:
        partial.write_text(document, encoding="utf-8")
    print(
        f"{path} fits {model.name}; the layer's parameters are in {options.output}; "
        f"add {_LAYER} to the costmap's plugins"
    )
    return 0


def _refuse_overwriting(taxonomy: Path, output: Path) -> None:
    if output.resolve() == taxonomy.resolve():
        msg = f"{output} is the taxonomy itself; expected another file; choose another name for -o"
        raise InferenceError(msg)


def _document(layer: dict[str, Any], taxonomy: Taxonomy, model: Model) -> str:
    parameters = {"local_costmap": {"local_costmap": {"ros__parameters": {_LAYER: layer}}}}
    content = yaml.safe_dump(
        parameters, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    return _HEADER.format(taxonomy=taxonomy.name, model=model.name, layer=_LAYER) + content


def _layer(taxonomy: Taxonomy, namespace: str, pointcloud: str) -> dict[str, Any]:
    """The layer's parameters; what is left out keeps the layer's default."""
    source = namespace.rpartition("/")[2]
    return {
        "plugin": "semantic_segmentation_layer::SemanticSegmentationLayer",
        "enabled": True,
        "observation_sources": source,
        source: {
            "segmentation_topic": f"{namespace}/label",
            "confidence_topic": f"{namespace}/confidence",
            "labels_topic": f"{namespace}/label_info",
            "pointcloud_topic": pointcloud,
            # Of the pixels that fall into one cell the dearest counts, not the most certain.
            "use_cost_selection": True,
            **_class_types(taxonomy),
        },
    }


def _class_types(taxonomy: Taxonomy) -> dict[str, Any]:
    """The classes, grouped by cost, cheapest first."""
    costs = sorted(set(taxonomy.costs))
    return {
        "class_types": [_class_type(cost) for cost in costs],
        **{_class_type(cost): _heuristic(taxonomy, cost) for cost in costs},
    }


def _class_type(cost: int) -> str:
    return f"cost_{cost}"


def _heuristic(taxonomy: Taxonomy, cost: int) -> dict[str, Any]:
    named = zip(taxonomy.classes, taxonomy.costs, strict=True)
    return {
        "classes": [each.name for each, own in named if own == cost],
        # The same from the first observation on: uncertain pixels are unlabelled already.
        "base_cost": cost,
        "max_cost": cost,
        # One look at an obstacle outweighs earlier ones at free ground.
        "dominant_priority": cost == LETHAL,
    }
