"""A training recipe: every number that shapes the weights, read from YAML."""

import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import yaml

from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.transforms import Augmentation

_KINDS: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number such as 0.001 (to YAML, 1e-3 is a text)",
    tuple[int, int]: "two whole numbers",
    tuple[float, float]: "two numbers",
}


class RecipeError(ValueError):
    """A recipe names something unknown or holds a value out of range."""


@dataclass(frozen=True)
class Recipe:
    """How to train one network.

    Attributes:
        architecture: A key of `ARCHITECTURES`.
        epochs: Passes over the training frames.
        batch_size: Frames per step.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_epochs: Length of the warm-up.
        weight_decay: AdamW's decoupled decay; not applied to biases and batch norm.
        gradient_clip: Largest gradient norm.
        balance_power: Exponent of median-frequency balancing; 1 is the paper's, 0 is none.
        inner_weight: Weight of the losses on inner decoder stages (`DeepSupervision`).
        average_decay: Decay per step of the exponential moving average of the weights that is
            validated and saved.
        validate_every: Epochs between two validations.
        seed: Of the initialisation, the order of the frames and the augmentation.
        augmentation: What a training frame may become.
    """

    architecture: str
    epochs: int
    batch_size: int = 8
    learning_rate: float = 2e-3
    warmup_epochs: float = 2.0
    weight_decay: float = 0.02
    gradient_clip: float = 1.0
    balance_power: float = 0.5
    inner_weight: float = 0.5
    average_decay: float = 0.998
    validate_every: int = 5
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        if self.architecture not in ARCHITECTURES:
            raise RecipeError(
                f"architecture {self.architecture!r} is not one of "
                f"{', '.join(sorted(ARCHITECTURES))}"
            )
        for name in ("epochs", "batch_size", "learning_rate", "gradient_clip", "validate_every"):
            if not 0 < getattr(self, name) < math.inf:
                raise RecipeError(f"{name} is {getattr(self, name)}; expected more than 0")
        for name in ("warmup_epochs", "weight_decay", "balance_power", "inner_weight", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise RecipeError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if not 0 <= self.average_decay < 1:
            raise RecipeError(f"average_decay is {self.average_decay}; expected 0 <= value < 1")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for YAML and for checkpoints."""
        plain = asdict(self)
        plain["augmentation"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in plain["augmentation"].items()
        }
        return plain


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: the file is missing, is no YAML mapping, or holds an unknown key or bad value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        summary = " ".join(str(error).split())
        raise RecipeError(f"recipe {path} cannot be read: {summary}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"recipe {path} holds {type(values).__name__}; expected a mapping")
    try:
        return parse_recipe(values)
    except RecipeError as error:
        raise RecipeError(f"recipe {path}: {error}") from error


def parse_recipe(values: dict[str, Any]) -> Recipe:
    """Build a recipe from plain values.

    Raises:
        RecipeError: a key is unknown or missing, or a value does not fit.
    """
    values = dict(values)
    augmentation = _checked(Augmentation, values.pop("augmentation", {}), "augmentation")
    pairs = {key: tuple(value) for key, value in augmentation.items() if isinstance(value, list)}
    arguments = _checked(Recipe, values, "the recipe")
    try:
        return Recipe(**arguments, augmentation=Augmentation(**(augmentation | pairs)))
    except ValueError as error:
        raise RecipeError(str(error)) from error


def _checked(target: type, values: Any, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise RecipeError(f"{where} holds {type(values).__name__}; expected a mapping")
    known = {item.name: item for item in fields(target)}
    unknown = sorted(str(key) for key in values.keys() - known.keys())
    if unknown:
        raise RecipeError(
            f"unknown key {', '.join(unknown)} in {where}; expected {', '.join(sorted(known))}"
        )
    for name, item in known.items():
        if name in values:
            _check_kind(name, values[name], item.type)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise RecipeError(f"{name} is missing in {where}; expected {_KINDS[item.type]}")
    return dict(values)


def _check_kind(name: str, value: Any, kind: Any) -> None:
    if not _is_kind(value, kind):
        raise RecipeError(f"{name} is {value!r}; expected {_KINDS[kind]}")


def _is_kind(value: Any, kind: Any) -> bool:
    members = get_args(kind)
    if members:
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(members)
            and all(map(_is_kind, value, members))
        )
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
