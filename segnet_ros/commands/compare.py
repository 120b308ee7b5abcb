# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet compare`."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.commands.assess import assess
from segnet_ros.commands.evaluate import loaded
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.evaluation.assessed import Assessed
from segnet_ros.evaluation.differences import paired_difference
from segnet_ros.evaluation.evaluate import evaluate
from segnet_ros.evaluation.report import write_page
from segnet_ros.inference.files import replacing
from segnet_ros.training.recipe import read_recipe
from segnet_ros.training.train import train

_RECIPES = (".yaml", ".yml")
_MEASURES = {
    "global_accuracy": "global", "class_accuracy": "class", "miou": "mIoU", "fwiou": "fwIoU",
    "bf": "BF", "ece": "ECE",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", nargs="+",
        help="folder, shipped name, *.safetensors, or a recipe *.yaml to train first; the others "
        "are compared with the first one",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="dataset to score on")
    parser.add_argument("--split", default="val")
    parser.add_argument("--runtime", default="auto", help="of exported models")
    parser.add_argument("--html", type=Path, required=True, help="page to write")
    parser.add_argument("--json", type=Path, help="write the scores, fractions 0..1")
    parser.add_argument(
        "--train-data", type=Path, action="append", default=[],
        help="dataset to train recipes on; repeat to mix several",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path("runs"), help="folder for the runs of recipes"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    frames = find_frames(options.data, options.split)
    names = [_trained(model, options.train_data, options.output) for model in options.model]
    for name in names:
        # A wrong name shall not surface after the first models' hours.
        with loaded(name, options.runtime):
            pass
    models = _with_differences([_assess(name, options.runtime, frames) for name in names])
    _print(models)
    if options.json:
        _write_json(options.json, models)
    title = f"{len(models)} models on {frames[0].taxonomy.name} {options.split}"
    write_page(options.html, title, models)
    print(f"the page is {options.html}")
    return 0


def _trained(model: str, data: list[Path], output: Path) -> str:
    """The weights of a recipe, trained now unless a finished run is there; others as they are."""
    recipe = Path(model)
    if recipe.suffix not in _RECIPES:
        return model
    if not data:
        msg = f"no data to train {recipe} on; name a dataset with --train-data"
        raise DatasetError(msg)
    frames = [frame for root in data for frame in find_frames(root, "train")]
    print(f"training {recipe} on {len(frames)} frames")
    return str(train(read_recipe(recipe), frames, [], output / recipe.stem))


def _assess(model: str, runtime: str, frames: list[LabelledFrame]) -> Assessed:
    print(f"evaluating {model} on {len(frames)} frames")
    with loaded(model, runtime) as predictor:
        return assess(model, predictor, evaluate(predictor, frames), frames)


def _with_differences(models: list[Assessed]) -> list[Assessed]:
    first, *others = models
    return [first] + [
        replace(model, difference=paired_difference(first.evaluation, model.evaluation))
        for model in others
    ]


def _print(models: list[Assessed]) -> None:
    scores = Table("model, %", *_MEASURES.values())
    costs = Table("model", "ms", "M parameters", "G MACs", "MB")
    for model in models:
        evaluation = model.evaluation
        percents = (f"{100 * getattr(evaluation, key):.1f}" for key in _MEASURES)
        scores.add_row(evaluation.model, *percents)
        costs.add_row(evaluation.model, f"{evaluation.ms_per_frame:.1f}", *_costs(model))
    Console().print(scores, costs)


def _costs(model: Assessed) -> list[str]:
    if model.cost is None:
        return ["-"] * 3
    figures = (model.cost.parameters / 1e6, model.cost.macs / 1e9, model.cost.inference_bytes / 1e6)
    return [f"{figure:.1f}" for figure in figures]


def _write_json(path: Path, models: list[Assessed]) -> None:
    with replacing(path) as partial:
        text = json.dumps([model.as_dict() for model in models], indent=2, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
