# SPDX-License-Identifier: Apache-2.0
"""Model folders: what is read, and what is refused with which words."""

import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.facts import read_facts
from segnet_ros.inference.model import (
    EngineGraph,
    ModelFile,
    SegmentationClass,
    file_sha256,
    load_model,
    read_verified,
    save_description,
)

ENGINE_GRAPH = {
    "file": "model_fp16.onnx",
    "sha256": "ab" * 32,
    "agreement": 0.9997,
    "frames": "CamVid val",
    "miou": 0.676,
    "reference_miou": 0.677,
}


@pytest.fixture
def folder(channel_model: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(channel_model, tmp_path / "model"))


def _refusal(folder: Path) -> str:
    with pytest.raises(InferenceError) as caught:
        load_model(folder)
    return str(caught.value)


def _change(folder: Path, **facts: Any) -> None:
    path = folder / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | facts, sort_keys=False))


def _remove(folder: Path, fact: str) -> None:
    path = folder / "model.yaml"
    facts = yaml.safe_load(path.read_text())
    del facts[fact]
    path.write_text(yaml.safe_dump(facts, sort_keys=False))


def test_every_fact_is_read(folder: Path) -> None:
    model = load_model(folder)
    assert model.name == "channel"
    assert model.architecture == "brightest_channel"
    assert model.size == (16, 12)
    assert model.classes == (
        SegmentationClass("red", (200, 10, 20)),
        SegmentationClass("green", (30, 210, 40)),
        SegmentationClass("blue", (50, 60, 220)),
    )
    assert model.sha256 == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert model.details == {"training_data": "none"}
    assert model.folder == folder
    assert model.graph == folder / "model.onnx"


def test_what_is_saved_is_loaded(folder: Path) -> None:
    details = {"scores": {"miou": 0.5, "per_class": [0.25, None]}, "data": "Straße", "frames": 367}
    many = [SegmentationClass(f"class {index}", (index, 255 - index, 7)) for index in range(255)]
    saved = dataclasses.replace(
        load_model(folder), name="yes", architecture="1.5", classes=tuple(many), details=details
    )
    save_description(saved)
    assert load_model(folder) == saved


def test_graphs_for_engines_and_golden_frames_are_read(folder: Path) -> None:
    golden = {"file": "golden.npz", "sha256": "cd" * 32}
    _change(folder, engine_graphs={"fp16": ENGINE_GRAPH}, golden=golden)
    model = load_model(folder)
    assert model.engine_graphs == {
        "fp16": EngineGraph("model_fp16.onnx", "ab" * 32, 0.9997, "CamVid val", 0.676, 0.677)
    }
    assert model.golden == ModelFile("golden.npz", "cd" * 32)
    assert model.details == {"training_data": "none"}
    before = (folder / "model.yaml").read_text()
    save_description(model)
    assert yaml.safe_load((folder / "model.yaml").read_text()) == yaml.safe_load(before)


def test_a_model_may_have_none_of_them(folder: Path) -> None:
    model = load_model(folder)
    assert model.engine_graphs == {}
    assert model.golden is None


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("file", "../model_fp16.onnx"),
        ("file", "/model_fp16.onnx"),
        ("file", ".."),
        ("file", ""),
        ("sha256", None),
        ("agreement", 1.01),
        ("agreement", True),
        ("miou", "67"),
        ("frames", 101),
    ],
)
def test_impossible_engine_graph(folder: Path, fact: str, value: Any) -> None:
    _change(folder, engine_graphs={"fp16": ENGINE_GRAPH | {fact: value}})
    assert f"{folder / 'model.yaml'}: {fact} is {value!r}; expected" in _refusal(folder)


@pytest.mark.parametrize("graphs", [[ENGINE_GRAPH], {"fp16": None}, "fp16"])
def test_engine_graphs_that_are_no_mapping(folder: Path, graphs: Any) -> None:
    _change(folder, engine_graphs=graphs)
    assert "expected a mapping" in _refusal(folder)


@pytest.mark.parametrize("name", ["../golden.npz", "folder/golden.npz", 7])
def test_golden_frames_stay_in_the_folder(folder: Path, name: Any) -> None:
    _change(folder, golden={"file": name, "sha256": "cd" * 32})
    assert f"file is {name!r}; expected" in _refusal(folder)


def test_verified_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"golden")
    digest = hashlib.sha256(b"golden").hexdigest()
    assert read_verified(path, digest) == b"golden"
    path.write_bytes(b"Golden")
    with pytest.raises(InferenceError, match=f"expects {digest[:12]}…: the file is truncated or"):
        read_verified(path, digest)


def test_description_is_written_for_people(channel_model: Path) -> None:
    lines = (channel_model / "model.yaml").read_text().splitlines()
    assert lines[:4] == [
        "format: 1",
        "name: channel",
        "architecture: brightest_channel",
        "input: {width: 16, height: 12}",
    ]
    assert "  color: [200, 10, 20]" in lines


def test_no_folder_and_no_description(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        assert _refusal(folder) == (
            f"no model.yaml in {folder}; expected a model folder such as "
            "engines/segnet_light_camvid, made by `segnet export`"
        )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name: [unclosed", "while parsing a flow sequence"),
        (b"name: \xff\xfe\xfa", "'utf-8' codec can't decode byte 0xff"),
        (b"date: 2024-99-99", "month must be in 1..12"),
        (b"name: " + b"[" * 5000, "it is nested more than 60 deep"),
        (b"name: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
    ids=["syntax", "not UTF-8", "impossible date", "nested too deeply", "code"],
)
def test_unreadable_yaml(folder: Path, content: bytes, reason: str) -> None:
    path = folder / "model.yaml"
    path.write_bytes(content)
    text = _refusal(folder)
    assert text.startswith(f"{path} is not readable YAML: {reason}")
    assert text.endswith("; restore it")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "kind"), [("- a\n- b\n", "list"), ("segnet", "str"), ("", "NoneType")]
)
def test_yaml_that_is_no_mapping(folder: Path, content: str, kind: str) -> None:
    path = folder / "model.yaml"
    path.write_text(content)
    assert _refusal(folder) == f"{path} holds {kind}; expected a mapping; restore it"


def test_oversized_description_is_not_parsed(folder: Path) -> None:
    path = folder / "model.yaml"
    limit = 4 << 20
    description = path.read_bytes()
    path.write_bytes(description.ljust(limit, b"\n"))
    assert load_model(folder).name == "channel"
    path.write_bytes(description.ljust(limit + 1, b"\n"))
    assert _refusal(folder) == f"{path} is not readable YAML: it is over 4194304 bytes; restore it"


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_other_format(folder: Path, version: Any) -> None:
    _change(folder, format=version)
    assert _refusal(folder) == (
        f"{folder / 'model.yaml'} has format {version!r}; this version reads format 1; "
        "export the model again"
    )


@pytest.mark.parametrize("fact", ["name", "architecture", "sha256"])
@pytest.mark.parametrize("value", [7, "", None, ["segnet"]])
def test_text_that_is_none(folder: Path, fact: str, value: Any) -> None:
    _change(folder, **{fact: value})
    start = f"{folder / 'model.yaml'}: {fact} is"
    rest = "; expected a text of one line, up to 1000 characters; restore the file"
    assert _refusal(folder) == f"{start} {value!r}{rest}"
    _remove(folder, fact)
    assert _refusal(folder) == f"{start} None{rest}"


@pytest.mark.parametrize(
    "value",
    [
        None,
        [16, 12],
        {},
        {"width": 16},
        {"width": 0, "height": 12},
        {"width": 16, "height": -12},
        {"width": 8193, "height": 12},
        {"width": 16, "height": 12.0},
        {"width": "16", "height": 12},
        {"width": True, "height": 12},
    ],
)
def test_impossible_size(folder: Path, value: Any) -> None:
    _change(folder, input=value)
    assert _refusal(folder) == (
        f"{folder / 'model.yaml'}: input is {value!r}; expected width and height, "
        "1..8192 pixels each"
    )


def test_extreme_sizes_are_possible(folder: Path) -> None:
    _change(folder, input={"width": 8192, "height": 1})
    assert load_model(folder).size == (8192, 1)


@pytest.mark.parametrize(
    "value", [None, [], {"name": "Sky"}, [{"name": "c", "color": [0, 0, 0]}] * 256]
)
def test_impossible_list_of_classes(folder: Path, value: Any) -> None:
    _change(folder, classes=value)
    path = folder / "model.yaml"
    assert _refusal(folder) == f"{path}: classes must list 1..255 names with colours"


@pytest.mark.parametrize(
    "entry",
    [
        "Sky",
        {"name": "Sky"},
        {"color": [1, 2, 3]},
        {"name": 5, "color": [1, 2, 3]},
        {"name": "Sky", "color": [1, 2]},
        {"name": "Sky", "color": [1, 2, 3, 4]},
        {"name": "Sky", "color": [1, 2, 256]},
        {"name": "Sky", "color": [-1, 2, 3]},
        {"name": "Sky", "color": [1.0, 2, 3]},
        {"name": "Sky", "color": [True, 2, 3]},
        {"name": "Sky", "color": "red"},
    ],
)
def test_impossible_class(folder: Path, entry: Any) -> None:
    _change(folder, classes=[{"name": "Road", "color": [0, 255, 0]}, entry])
    assert _refusal(folder) == (
        f"{folder / 'model.yaml'}: class {entry!r}; expected a name and a color of three "
        "numbers 0..255"
    )


def test_missing_graph(folder: Path) -> None:
    graph = folder / "model.onnx"
    graph.unlink()
    assert _refusal(folder) == (
        f"{graph} cannot be read (No such file or directory); restore the model folder"
    )


@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied"])
def test_damaged_graph(folder: Path, damage: str) -> None:
    graph = folder / "model.onnx"
    content = graph.read_bytes()
    expected = hashlib.sha256(content).hexdigest()
    damaged = {
        "truncated": content[:-1],
        "altered": content[:20] + bytes([content[20] ^ 1]) + content[21:],
        "emptied": b"",
    }[damage]
    graph.write_bytes(damaged)
    assert _refusal(folder) == (
        f"{graph} has sha256 {hashlib.sha256(damaged).hexdigest()[:12]}…, model.yaml expects "
        f"{expected[:12]}…: the file is truncated or was altered; restore the folder from its "
        "source, or export the model again"
    )


def test_digest_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_details_cannot_overrule_the_model(channel_model: Path, tmp_path: Path) -> None:
    model = dataclasses.replace(
        load_model(channel_model), folder=tmp_path, details={"sha256": "0", "size": 1}
    )
    with pytest.raises(InferenceError, match="details of channel hold sha256"):
        save_description(model)
    assert list(tmp_path.iterdir()) == []


def test_a_description_that_vanishes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"gone.yaml is not readable YAML: .*restore it"):
        read_facts(tmp_path / "gone.yaml")
