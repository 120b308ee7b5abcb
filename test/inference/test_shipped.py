# SPDX-License-Identifier: Apache-2.0
"""Finding what comes with the package, wherever it was installed."""

import os
from pathlib import Path

import pytest

from segnet_ros.inference import shipped as module
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model, shipped, shipped_models


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Empty places, in the order of the search: source tree, two workspaces, environment."""
    source, first, second, environment = (tmp_path / name for name in ["source", "a", "b", "venv"])
    monkeypatch.setattr(module, "__file__", str(source / "segnet_ros/inference/shipped.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join([str(first), str(second), ""]))
    monkeypatch.setattr("sys.prefix", str(environment))
    monkeypatch.chdir(tmp_path)
    return [source, *(prefix / "share/segnet_ros" for prefix in (first, second, environment))]


def _add_model(root: Path, name: str) -> Path:
    folder = root / "engines" / name
    folder.mkdir(parents=True)
    (folder / "model.yaml").touch()
    return folder


def test_first_root_wins(roots: list[Path]) -> None:
    files = [root / "config/node.yaml" for root in roots]
    for path in files:
        path.parent.mkdir(parents=True)
        path.touch()
    for path in files:
        assert shipped("config/node.yaml") == path
        path.unlink()
    with pytest.raises(InferenceError) as caught:
        shipped("config/node.yaml")
    places = ", ".join(str(root) for root in roots)
    assert str(caught.value) == f"config/node.yaml is not installed; looked in {places}"


def test_without_a_ros_workspace(roots: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    with pytest.raises(InferenceError) as caught:
        shipped("launch")
    assert str(caught.value) == f"launch is not installed; looked in {roots[0]}, {roots[3]}"


def test_models_of_every_root_are_known(roots: list[Path]) -> None:
    assert shipped_models() == []
    _add_model(roots[3], "cityscapes")
    source = _add_model(roots[0], "segnet")
    workspace = _add_model(roots[2], "basic")
    _add_model(roots[2], "segnet")
    (roots[0] / "engines/no_model").mkdir()
    assert shipped_models() == ["basic", "cityscapes", "segnet"]
    assert find_model("segnet") == source
    assert find_model("basic") == workspace


def test_a_folder_is_taken_as_it_is(
    roots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_model(str(folder)) == folder
    assert find_model("mine") == Path("mine")
    assert find_model("~/mine") == folder


@pytest.mark.parametrize("installed", [["b", "a"], []])
def test_unknown_model(roots: list[Path], installed: list[str]) -> None:
    for name in installed:
        _add_model(roots[1], name)
    with pytest.raises(InferenceError) as caught:
        find_model("segnett")
    assert str(caught.value) == (
        "no model 'segnett'; expected a folder with model.yaml, or one of the shipped models: "
        f"{'a, b' if installed else 'none is installed'}"
    )


def test_the_real_files_are_found() -> None:
    root = Path(module.__file__).resolve().parents[2]
    assert shipped("config/fastdds.xml") == root / "config/fastdds.xml"
    assert "segnet_light_camvid" in shipped_models()


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_are_whole(name: str) -> None:
    assert load_model(find_model(name)).name == name


@pytest.mark.parametrize("name", ["~nobody_of_that_name/model", "m" * 5000])
def test_impossible_names_are_refused_like_others(name: str) -> None:
    with pytest.raises(InferenceError, match=r"no model .*expected a folder with model"):
        find_model(name)
