# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import pytest
import yaml

from segnet_ros.training.recipe import Recipe, RecipeError, parse_recipe, read_recipe
from segnet_ros.training.transforms import Augmentation

MINIMAL = {"architecture": "segnet_light", "epochs": 3}
SHIPPED = sorted((Path(__file__).parents[2] / "config" / "training").glob("*.yaml"))


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_value_is_taken_from_the_file(tmp_path: Path) -> None:
    text = """
        architecture: segnet_basic
        epochs: 7
        batch_size: 3
        encoder_weights: vgg16_bn
        optimizer: sgd
        momentum: 0.5
        learning_rate: 0.25
        warmup_epochs: 1.5
        schedule: poly
        weight_decay: 0.125
        gradient_clip: 2
        loss_normalization: weights
        balance_power: 1
        inner_weight: 0.25
        average_decay: 0
        validate_every: 4
        seed: 9
        augmentation:
          crop: [32, 24]
          scale: [0.5, 2]
          brightness: 0
          gamma: 1
          color: 0.5
          saturation: 0.25
          blur: 2
          flip: false
    """
    assert read_recipe(write(tmp_path, text)) == Recipe(
        architecture="segnet_basic",
        epochs=7,
        batch_size=3,
        encoder_weights="vgg16_bn",
        optimizer="sgd",
        momentum=0.5,
        learning_rate=0.25,
        warmup_epochs=1.5,
        schedule="poly",
        weight_decay=0.125,
        gradient_clip=2,
        loss_normalization="weights",
        balance_power=1,
        inner_weight=0.25,
        average_decay=0,
        validate_every=4,
        seed=9,
        augmentation=Augmentation((32, 24), (0.5, 2), 0, 1, 0.5, 0.25, 2, flip=False),
    )


def test_what_is_not_given_keeps_its_default(tmp_path: Path) -> None:
    text = "{architecture: segnet, epochs: 2, augmentation: {flip: false}}"
    recipe = read_recipe(write(tmp_path, text))
    assert recipe == Recipe("segnet", 2, augmentation=Augmentation(flip=False))
    assert (recipe.batch_size, recipe.learning_rate, recipe.balance_power) == (8, 2e-3, 0.5)
    assert recipe.augmentation is not None
    assert recipe.augmentation.crop == (480, 360)
    assert (recipe.optimizer, recipe.schedule, recipe.inner_weight) == ("adamw", "cosine", 0)


def test_frames_can_be_left_as_they_are(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, "{architecture: segnet, epochs: 2, augmentation: none}"))
    assert recipe == Recipe("segnet", 2, augmentation=None)


@pytest.mark.parametrize("augmentation", [Augmentation(crop=(8, 8)), None])
def test_plain_values_give_the_recipe_back(augmentation: Augmentation | None) -> None:
    recipe = Recipe("segnet", 2, seed=4, schedule="constant", augmentation=augmentation)
    through_yaml = yaml.safe_load(yaml.safe_dump(recipe.as_dict()))
    assert parse_recipe(through_yaml) == recipe
    assert through_yaml == recipe.as_dict()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    assert read_recipe(path).epochs > 0


def test_shipped_recipes_of_the_paper_are_its_solver() -> None:
    shipped = {path.stem: read_recipe(path) for path in SHIPPED}
    for name, rate, batch in (("segnet_paper", 0.001, 5), ("segnet_basic_paper", 0.1, 12)):
        recipe = shipped[name]
        assert (recipe.optimizer, recipe.momentum, recipe.schedule) == ("sgd", 0.9, "constant")
        assert (recipe.learning_rate, recipe.batch_size) == (rate, batch)
        assert (recipe.balance_power, recipe.loss_normalization) == (1, "valid_pixels")
        assert recipe.augmentation is None
        # What the paper does not know.
        assert recipe.warmup_epochs == recipe.gradient_clip == recipe.average_decay == 0
        assert recipe.inner_weight == 0
    assert shipped["segnet_paper"].encoder_weights == "vgg16"
    assert shipped["segnet_basic_paper"].encoder_weights == "none"


def test_shipped_recipe_of_the_shipped_model_supervises_its_decoder() -> None:
    shipped = {path.stem: read_recipe(path) for path in SHIPPED}
    assert shipped["segnet_light_camvid"].inner_weight == 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown key epoch in the recipe; expected architecture, augmentation"),
        ({1: 2, "a": 3}, "unknown key 1, a in the recipe"),
        ({"augmentation": {"zoom": 1}}, "unknown key zoom in augmentation; expected .*scale"),
        ({"augmentation": [1, 2]}, "augmentation holds list; expected a mapping"),
        ({"augmentation": None}, "augmentation holds NoneType; expected a mapping"),
        ({"augmentation": "nothing"}, "augmentation holds str; expected a mapping"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; expected adamw or sgd"),
        ({"schedule": ["poly"]}, r"schedule is \['poly'\]; expected cosine or poly or constant"),
        ({"loss_normalization": 1}, "normalization is 1; expected valid_pixels or weights"),
        ({"encoder_weights": None}, "encoder_weights is None; expected a text"),
        ({"epochs": "many"}, "epochs is 'many'; expected a whole number"),
        ({"epochs": 2.5}, "epochs is 2.5; expected a whole number"),
        ({"epochs": True}, "epochs is True; expected a whole number"),
        ({"epochs": None}, "epochs is None; expected a whole number"),
        ({"batch_size": [4]}, r"batch_size is \[4\]; expected a whole number"),
        ({"learning_rate": "1e-3"}, "learning_rate is '1e-3'; expected a number such as 0.001"),
        ({"architecture": ["segnet"]}, r"architecture is \['segnet'\]; expected a text"),
        ({"augmentation": {"crop": 480}}, "crop is 480; expected two whole numbers"),
        ({"augmentation": {"crop": [1, 2, 3]}}, "crop is .*; expected two whole numbers"),
        ({"augmentation": {"crop": [48.5, 32]}}, "crop is .*; expected two whole numbers"),
        ({"augmentation": {"scale": [1.0]}}, "scale is .*; expected two numbers"),
        ({"augmentation": {"scale": "ab"}}, "scale is 'ab'; expected two numbers"),
        ({"augmentation": {"flip": 1}}, "flip is 1; expected true or false"),
        ({"augmentation": {"gamma": False}}, "gamma is False; expected a number"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(values: dict[Any, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(MINIMAL | values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("gradient_clip", -1),
        ("momentum", 1.0),
        ("momentum", -0.5),
        ("validate_every", 0),
        ("warmup_epochs", -1.0),
        ("weight_decay", -0.1),
        ("balance_power", float("nan")),
        ("inner_weight", -1),
        ("seed", -1),
        ("average_decay", 1.0),
        ("average_decay", -0.1),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(RecipeError, match=f"{name} is {value}; expected "):
        parse_recipe(MINIMAL | {name: value})


def test_augmentation_out_of_range_is_a_recipe_error() -> None:
    with pytest.raises(RecipeError, match=r"scale is \(0, 1\); expected 0 < smallest <= largest"):
        parse_recipe(MINIMAL | {"augmentation": {"scale": [0, 1]}})


@pytest.mark.parametrize("name", ["architecture", "epochs"])
def test_missing_keys_are_named(name: str) -> None:
    values = {key: value for key, value in MINIMAL.items() if key != name}
    with pytest.raises(RecipeError, match=f"{name} is missing in the recipe; expected a "):
        parse_recipe(values)


def test_unknown_architecture_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"'pspnet' is not one of .*segnet, segnet_basic"):
        parse_recipe(MINIMAL | {"architecture": "pspnet"})


def test_given_values_are_left_alone() -> None:
    values = MINIMAL | {"augmentation": {"crop": [8, 8]}}
    parse_recipe(values)
    assert values == MINIMAL | {"augmentation": {"crop": [8, 8]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n- b\n", "holds list; expected a mapping"),
        (b"", "holds NoneType; expected a mapping"),
        (b"a: [1", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"epochs: 3\n", "architecture is missing"),
    ],
)
def test_errors_name_the_file_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe .*none.yaml cannot be read: .*No such file"):
        read_recipe(tmp_path / "none.yaml")
