# SPDX-License-Identifier: Apache-2.0
"""A training recipe: every number that shapes the weights, read from YAML."""

import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from segnet_ros.inference.excerpts import listed, one_line, shown
from segnet_ros.inference.yaml_document import YamlError, read_yaml
from segnet_ros.training.losses import LossNormalization
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.transforms import Augmentation

NONE = "none"
"""What a recipe says where it wants nothing."""

_LARGEST = 2**31 - 1

_KINDS: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: f"a whole number of up to {_LARGEST}",
    float: "a number such as 0.001 (to YAML, 1e-3 is a text)",
    tuple[int, int]: f"two whole numbers of up to {_LARGEST}",
    tuple[float, float]: "two numbers",
}

_NOT_NEGATIVE = (
    "warmup_epochs", "weight_decay", "gradient_clip", "balance_power", "inner_weight", "seed",
)  # fmt: skip


class RecipeError(ValueError):
    """A recipe names something unknown or holds a value out of range."""


@dataclass(frozen=True)
class Recipe:
    """How to train one network.

    Attributes:
        architecture: A key of `ARCHITECTURES`.
        epochs: Passes over the training frames.
        batch_size: Frames per step, of all processes together.
        encoder_weights: `vgg16` or `vgg16_bn` for torchvision's, trained on ImageNet, or a file of
            theirs; `none` for random ones.
        optimizer: `adamw`, or `sgd` with `momentum`.
        momentum: SGD's; AdamW has its own.
        learning_rate: Peak of the schedule.
        warmup_epochs: Length of the linear rise to the peak.
        schedule: From the peak on: half a `cosine` to zero, `poly` (power 0.9) to zero, `constant`.
        weight_decay: AdamW's is decoupled, SGD's is an L2 penalty, as in Caffe. Biases and batch
            normalisation do not decay.
        gradient_clip: Largest gradient norm; 0 for no limit.
        loss_normalization: What the summed loss is divided by: `valid_pixels` (Caffe), or the
            `weights` of their classes (PyTorch's weighted mean).
        balance_power: Exponent of median-frequency balancing; 1 is the paper's, 0 is none.
        inner_weight: Weight of the losses on inner decoder stages (`DeepSupervision`), for networks
            with a list of decoder stages; 0 is none.
        average_decay: Decay per step of the exponential moving average of the weights that is
            validated and saved; 0 takes the weights as they are.
        validate_every: Epochs between two validations; the weights file is written then.
        seed: Of the initialisation, the order of the frames, the augmentation and dropout.
        augmentation: What a training frame may become; None, `none` in YAML, leaves it as it is.

    """

    architecture: str
    epochs: int
    batch_size: int = 8
    encoder_weights: str = NONE
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    learning_rate: float = 2e-3
    warmup_epochs: float = 2.0
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    weight_decay: float = 0.02
    gradient_clip: float = 1.0
    loss_normalization: LossNormalization = "valid_pixels"
    balance_power: float = 0.5
    inner_weight: float = 0.0
    average_decay: float = 0.998
    validate_every: int = 5
    seed: int = 0
    augmentation: Augmentation | None = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse values that cannot train."""
        if self.architecture not in ARCHITECTURES:
            msg = (
                f"architecture {shown(self.architecture)} is not one of "
                f"{', '.join(sorted(ARCHITECTURES))}"
            )
            raise RecipeError(msg)
        for name in ("epochs", "batch_size", "learning_rate", "validate_every"):
            self._expect(name, "more than 0", 0 < getattr(self, name) < math.inf)
        for name in _NOT_NEGATIVE:
            self._expect(name, "0 or more", 0 <= getattr(self, name) < math.inf)
        for name in ("momentum", "average_decay"):
            self._expect(name, "0 <= value < 1", 0 <= getattr(self, name) < 1)

    def _expect(self, name: str, what: str, holds: bool) -> None:
        if not holds:
            msg = f"{name} is {getattr(self, name)}; expected {what}"
            raise RecipeError(msg)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for YAML and for checkpoints."""
        plain = asdict(self)
        augmentation = plain["augmentation"]
        plain["augmentation"] = NONE if augmentation is None else _with_lists(augmentation)
        return plain


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: the file is missing, is no YAML mapping, or holds an unknown key or bad value.

    """
    try:
        values = read_yaml(path)
    except (OSError, YamlError) as error:
        msg = f"recipe {path} cannot be read: {one_line(error)}"
        raise RecipeError(msg) from error
    if not isinstance(values, dict):
        msg = f"recipe {path} holds {type(values).__name__}; expected a mapping"
        raise RecipeError(msg)
    try:
        return parse_recipe(values)
    except RecipeError as error:
        msg = f"recipe {path}: {error}"
        raise RecipeError(msg) from error


def parse_recipe(values: Any) -> Recipe:
    """Build a recipe from plain values.

    Raises:
        RecipeError: a key is unknown or missing, or a value does not fit.

    """
    if not isinstance(values, dict):
        msg = f"the recipe is {shown(values)}; expected a mapping"
        raise RecipeError(msg)
    values = dict(values)
    augmentation = _parse_augmentation(values.pop("augmentation", {}))
    return Recipe(**_checked(Recipe, values, "the recipe"), augmentation=augmentation)


def _parse_augmentation(values: Any) -> Augmentation | None:
    if values == NONE:
        return None
    arguments = _checked(Augmentation, values, "augmentation")
    pairs = {key: tuple(value) for key, value in arguments.items() if isinstance(value, list)}
    try:
        return Augmentation(**(arguments | pairs))
    except ValueError as error:
        raise RecipeError(str(error)) from error


def _with_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _checked(target: type, values: Any, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        msg = f"{where} holds {type(values).__name__}; expected a mapping"
        raise RecipeError(msg)
    known = {item.name: item for item in fields(target)}
    unknown = sorted(map(str, values.keys() - known.keys()))
    if unknown:
        msg = f"unknown key {listed(unknown)} in {where}; expected {', '.join(sorted(known))}"
        raise RecipeError(msg)
    for name, item in known.items():
        if name in values:
            _check_kind(name, values[name], item.type)
        elif item.default is MISSING and item.default_factory is MISSING:
            msg = f"{name} is missing in {where}; expected {_expected(item.type)}"
            raise RecipeError(msg)
    return dict(values)


def _check_kind(name: str, value: Any, kind: Any) -> None:
    if not _is_kind(value, kind):
        msg = f"{name} is {shown(value)}; expected {_expected(kind)}"
        raise RecipeError(msg)


def _expected(kind: Any) -> str:
    return " or ".join(get_args(kind)) if get_origin(kind) is Literal else _KINDS[kind]


def _is_kind(value: Any, kind: Any) -> bool:
    members = get_args(kind)
    if get_origin(kind) is Literal:
        return value in members
    if members:
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(members)
            and all(map(_is_kind, value, members))
        )
    if isinstance(value, bool):
        return kind is bool
    if kind is int:
        return isinstance(value, int) and abs(value) <= _LARGEST
    return isinstance(value, (int, float) if kind is float else kind)
