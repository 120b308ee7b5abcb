# SPDX-License-Identifier: Apache-2.0
"""Model folders: complete, unaltered, and what can be built from them."""

from segnet_ros.doctor.areas import MODELS
from segnet_ros.doctor.finding import Finding, from_error
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, load_model, read_verified
from segnet_ros.inference.shipped import find_model, shipped_models


def check(here: Surroundings) -> list[Finding]:
    """Verify every file of the model asked for, or of every shipped one."""
    names = [here.model] if here.model else shipped_models()
    if not names:
        remedy = "install the package anew, or export a model with `segnet export`"
        return [Finding(MODELS, "error", "no model is installed", remedy)]
    return [_examine(name, name == here.wanted_model) for name in names]


def _examine(name: str, is_wanted: bool) -> Finding:
    try:
        model = load_model(find_model(name))
        for file in (*model.engine_graphs.values(), *([model.golden] if model.golden else [])):
            read_verified(model.folder / file.file, file.sha256)
    except InferenceError as error:
        return from_error(MODELS, "error" if is_wanted else "warning", error)
    return _whole(model)


def _whole(model: Model) -> Finding:
    width, height = model.size
    found = f"{model.name}: {width}x{height}, {len(model.classes)} classes, files verified"
    if not model.engine_graphs:
        remedy = "for TensorRT, export it again with `segnet export`"
        return Finding(MODELS, "note", f"{found}; no graph for TensorRT engines", remedy)
    return Finding(MODELS, "ok", f"{found}; TensorRT graphs: {', '.join(model.engine_graphs)}")
