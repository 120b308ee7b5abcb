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
        learning_rate: 0.25
        warmup_epochs: 1.5
        weight_decay: 0.125
        gradient_clip: 2
        balance_power: 1
        inner_weight: 0
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
        learning_rate=0.25,
        warmup_epochs=1.5,
        weight_decay=0.125,
        gradient_clip=2,
        balance_power=1,
        inner_weight=0,
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
    assert recipe.augmentation.crop == (480, 360)


def test_plain_values_give_the_recipe_back() -> None:
    recipe = Recipe("segnet", 2, seed=4, augmentation=Augmentation(crop=(8, 8)))
    through_yaml = yaml.safe_load(yaml.safe_dump(recipe.as_dict()))
    assert parse_recipe(through_yaml) == recipe
    assert through_yaml == recipe.as_dict()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    assert read_recipe(path).epochs > 0


def test_there_are_shipped_recipes() -> None:
    assert SHIPPED


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown key epoch in the recipe; expected architecture, augmentation"),
        ({1: 2, "a": 3}, "unknown key 1, a in the recipe"),
        ({"augmentation": {"zoom": 1}}, "unknown key zoom in augmentation; expected .*scale"),
        ({"augmentation": [1, 2]}, "augmentation holds list; expected a mapping"),
        ({"augmentation": None}, "augmentation holds NoneType; expected a mapping"),
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
        ("gradient_clip", 0),
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
    with pytest.raises(RecipeError, match="'unet' is not one of segnet, segnet_basic"):
        parse_recipe(MINIMAL | {"architecture": "unet"})


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
