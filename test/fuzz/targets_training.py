# SPDX-License-Identifier: Apache-2.0
"""What the workshop reads: recipes, descriptions of data, facts, weights, checkpoints."""

from __future__ import annotations

import io
import json
import pickle
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from protobuf_mutation import mutated_message
from safetensors.torch import save
from target import Target
from value_mutation import mutated_json, mutated_yaml
from workplace import workplace
from zip_mutation import mutated_zip

from segnet_ros.commands.export import _read_details
from segnet_ros.commands.import_caffe import _read_classes
from segnet_ros.datasets.folder import find_frames
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.inference.shipped import shipped
from segnet_ros.training.caffe.conversion import import_caffe
from segnet_ros.training.caffe.proto import CaffeImportError
from segnet_ros.training.checkpoint import CheckpointError, load_checkpoint
from segnet_ros.training.errors import ExportError
from segnet_ros.training.recipe import Recipe, RecipeError, parse_recipe, read_recipe
from segnet_ros.training.torchvision_vgg16 import read_vgg16
from segnet_ros.training.trained import load_trained

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

NEEDS = ("torch", "safetensors", "google.protobuf")

torch.set_num_threads(1)


def _file(name: str, case: bytes) -> Path:
    path = workplace(name.replace(".", "_")) / name
    path.write_bytes(case)
    return path


def _read_recipe(case: bytes) -> None:
    recipe = read_recipe(_file("recipe.yaml", case))
    assert parse_recipe(recipe.as_dict()) == recipe
    assert max(recipe.seed, recipe.epochs, recipe.batch_size) < 2**31


def _recipes() -> Sequence[bytes]:
    return [path.read_bytes() for path in shipped("config/training").glob("*.yaml")]


@cache
def _data_folder() -> Path:
    folder = workplace("dataset")
    (folder / "lists").mkdir()
    (folder / "lists" / "train.txt").write_text("a/x_1\na/x_2\n")
    (folder / "images" / "train" / "a").mkdir(parents=True)
    for number in range(3):
        stem = folder / "images" / "train" / "a" / f"x_{number}"
        cv2.imwrite(f"{stem}.png", np.full((4, 6, 3), number, np.uint8))
        cv2.imwrite(f"{stem}_mask.png", np.full((4, 6), number, np.uint8))
    long = folder / "images" / "train" / ("a" * 150 + "b_1")
    for end in (".png", "_mask.png"):
        cv2.imwrite(f"{long}{end}", np.zeros((4, 6), np.uint8))
    return folder


def _find_frames(case: bytes) -> None:
    path = _data_folder() / "dataset.yaml"
    path.write_bytes(case)
    frames = find_frames(path, "train")
    assert frames
    for frame in frames:
        assert frame.image_path.is_file()
        assert frame.label_path.is_file()
        assert 0 < len(frame.taxonomy.classes) <= 255


def _data_descriptions() -> Sequence[bytes]:
    own = b"""name: own
images: images/{split}/{name}.png
labels: images/{split}/{name}_mask.png
classes: {floor: 0, wall: [1, 2], door: 3}
void: 255
"""
    listed = b"""name: own
images: images/train/{name}.png
labels: images/train/{name}_mask.png
list: lists/{split}.txt
sequence: "^([^_]*)_"
classes:
- floor
- {name: wall, value: [1, 2], color: [9, 8, 7]}
"""
    return [own, listed, shipped("config/datasets/drivable_area.yaml").read_bytes()]


def _details(case: bytes) -> None:
    assert isinstance(_read_details(_file("details.yaml", case)), dict)


def _classes(case: bytes) -> None:
    assert 0 < len(_read_classes(_file("classes.yaml", case))) <= 255


def _class_descriptions() -> Sequence[bytes]:
    model = shipped("engines/segnet_light_camvid/model.yaml").read_bytes()
    return [b"classes: [floor, wall]\n", b"classes: {floor: 3, wall: [4, 5]}\n", model]


def _load_trained(case: bytes) -> None:
    trained = load_trained(_file("weights.safetensors", case))
    assert 0 < len(trained.classes) <= 255
    assert not trained.network.training


def _weights() -> Sequence[bytes]:
    tensors = {
        name: torch.zeros(shape) for name, shape in (("a.weight", (3, 2, 1, 1)), ("a.bias", (3,)))
    }
    tensors |= {"b": torch.zeros(4, dtype=torch.float16), "c": torch.zeros((), dtype=torch.int64)}
    recipe = Recipe("segnet_light", epochs=1).as_dict()
    metadata = {
        "recipe": json.dumps(recipe),
        "classes": json.dumps(
            [{"name": "road", "color": [1, 2, 3]}, {"name": "car", "color": [4, 5, 6]}]
        ),
        "normalization": json.dumps({"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "bgr": True}),
        "epoch": "1",
    }
    return [save(tensors, metadata), save(tensors), save({}, metadata)]


def _mutated_weights(case: bytes, rng: random.Random) -> bytes:
    """Change the header's tree, or the JSON in its texts."""
    length = int.from_bytes(case[:8], "little")
    header, data = case[8 : 8 + length], case[8 + length :]
    try:
        content = json.loads(header)
        facts = content["__metadata__"]
        name = rng.choice(sorted(facts))
        if rng.random() < 0.8:
            facts[name] = mutated_json(facts[name].encode(), rng).decode(errors="replace")
            header = json.dumps(content).encode()
            return len(header).to_bytes(8, "little") + header + data
    except Exception:  # noqa: BLE001 - a case that is no safetensors any more
        pass
    header = mutated_json(header, rng)
    claimed = rng.choice((len(header),) * 8 + (0, len(header) + 8, 2**31, 2**62, 2**63, 2**64 - 1))
    if rng.random() < 0.1:
        header = header.replace(b'"b":', b'"a.bias":')
    return claimed.to_bytes(8, "little") + header + data


def _load_checkpoint(case: bytes) -> None:
    assert "recipe" in load_checkpoint(_file("checkpoint.pt", case))


def _saved(value: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    torch.save(value, target, **options)
    return target.getvalue()


def _checkpoints() -> Sequence[bytes]:
    state = {
        "recipe": Recipe("segnet_light", epochs=1).as_dict(),
        "epoch": 3,
        "model": {"w": torch.ones(5, 3)},
    }
    return [_saved(state), _saved(state, _use_new_zipfile_serialization=False), pickle.dumps(state)]


def _mutated_checkpoint(case: bytes, rng: random.Random) -> bytes:
    if case.startswith(b"PK"):
        return mutated_zip(case, rng, _mutated_part)
    return _mutated_part("data.pkl", case, rng)


def _mutated_part(_: str, content: bytes, rng: random.Random) -> bytes:
    """Change numbers of a pickle, or put in what builds objects."""
    at = rng.randrange(len(content) + 1)
    number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**40, 2**62, 2**63))
    pieces = (
        b"cposix\nsystem\n",
        b"ctorch\nload\n",
        b"cbuiltins\neval\n(S'1'\ntR",
        b"\x8a\x08" + struct.pack("<Q", number),
        b"J" + struct.pack("<i", number % 2**31),
        b"K\xff",
        b"(" * 1000,
        b"l" * 100,
        b"0",
        b"2" * 1000,
        b"t",
        b"R",
        b"b",
        b"h\x05",
        b"r\xff\xff\xff\x7f",
        b"T\xff\xff\xff\x7f",
        b"\x8e" + struct.pack("<Q", 2**62),
        b"",
    )
    return content[:at] + rng.choice(pieces) + content[at + rng.choice((0, 1, 2, 5)) :]


def _read_vgg16(case: bytes) -> None:
    name = "vgg16.pth" if case.startswith((b"PK", b"\x80")) else "vgg16.safetensors"
    vgg16 = read_vgg16(_file(name, case))
    assert vgg16.convolutions


def _vgg16s() -> Sequence[bytes]:
    state = {"features.0.weight": torch.ones(4, 3, 3, 3), "features.0.bias": torch.ones(4)}
    norm = {
        f"features.1.{name}": torch.ones(4)
        for name in ("weight", "bias", "running_mean", "running_var")
    }
    linear = {"classifier.0.weight": torch.ones(2, 5), "classifier.0.bias": torch.ones(2)}
    return [
        _saved(state | linear),
        _saved(state | norm, _use_new_zipfile_serialization=False),
        save(state | norm),
    ]


def _mutated_vgg16(case: bytes, rng: random.Random) -> bytes:
    if case.startswith((b"PK", b"\x80")):
        return _mutated_checkpoint(case, rng)
    names = (
        b"features.00.",
        "features.²".encode(),
        "features.٣".encode(),
        b"features." + b"9" * 5000,
        b"classifier.0.",
    )
    if rng.random() < 0.3:
        length = int.from_bytes(case[:8], "little")
        header = case[8 : 8 + length].replace(
            b"features.0.", rng.choice(names), rng.randrange(1, 3)
        )
        return len(header).to_bytes(8, "little") + header + case[8 + length :]
    return _mutated_weights(case, rng)


def _import(case: bytes) -> None:
    path = _file("net.caffemodel", case)
    imported = import_caffe(path, path.with_suffix(".safetensors"))
    assert 0 < len(imported.classes) <= 255


def _caffemodels() -> Sequence[bytes]:
    """Nets whose layers have the right names and hardly any values."""
    names = [f"conv{k}" for k in range(1, 5)] + [f"conv_decode{k}" for k in range(1, 5)]
    vector = struct.pack("<4f", 1, 2, 3, 4)
    blob = _piece(7, _piece(1, b"\x04")) + _piece(5, vector)
    legacy = b"\x08\x01\x10\x01\x18\x01\x20\x04" + _piece(5, vector)
    new = [_layer(name, "Convolution", blob) + _layer(f"{name}_bn", "BN", blob) for name in names]
    old = [_v1_layer(name, 4, legacy) + _v1_layer(f"{name}_bn", 77, legacy) for name in names]
    others = _layer("drop", "Dropout", b"") + _layer("norm", "LRN", b"")
    return [
        b"".join([*new, _layer("conv_classifier", "Convolution", blob)]),
        b"".join([*new, others, _layer("conv_classifier", "Convolution", blob)]),
        b"".join([*old, _v1_layer("conv_classifier", 4, legacy)]),
        _layer("conv1_1_D", "Convolution", blob),
    ]


def _layer(name: str, kind: str, blob: bytes) -> bytes:
    blobs = (_piece(7, blob) + _piece(7, blob)) if blob else b""
    return _piece(
        100, _piece(1, name.encode()) + _piece(2, kind.encode()) + _piece(3, b"in") + blobs
    )


def _v1_layer(name: str, kind: int, blob: bytes) -> bytes:
    return _piece(2, _piece(4, name.encode()) + bytes([5 << 3, kind]) + 2 * _piece(6, blob))


def _piece(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


_YAML = {"mutate": mutated_yaml}
_ZIPS = {"mutate": _mutated_checkpoint}

TARGETS = [
    Target("recipe_yaml", _read_recipe, (RecipeError,), _recipes, **_YAML),
    Target("dataset_yaml", _find_frames, (DatasetError,), _data_descriptions, **_YAML),
    Target("details_yaml", _details, (ExportError,), _class_descriptions, **_YAML),
    Target("classes_yaml", _classes, (CaffeImportError,), _class_descriptions, **_YAML),
    Target(
        "weights_safetensors", _load_trained, (CheckpointError,), _weights, mutate=_mutated_weights
    ),
    Target("checkpoint_pt", _load_checkpoint, (CheckpointError,), _checkpoints, **_ZIPS),
    Target("vgg16_weights", _read_vgg16, (CheckpointError,), _vgg16s, mutate=_mutated_vgg16),
    Target("caffemodel", _import, (CaffeImportError,), _caffemodels, mutate=mutated_message),
]
