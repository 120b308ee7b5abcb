# SPDX-License-Identifier: Apache-2.0
"""Fingerprints: what changes them, what they say about that, and what they refuse to read."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest

from segnet_ros.inference.engine.fingerprint import (
    Fingerprint,
    fingerprint_of,
    read_fingerprint,
    unfit,
)
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.jetson import Jetson
from segnet_ros.inference.engine.tensorrt_api import TensorRt, build_flags
from segnet_ros.inference.errors import InferenceError

ORIN = Gpu("Orin", "8.7", "540.4.0", "12.6", 64_000_000_000, True)
JETSON = Jetson("36.4.3", "MAXN")
FLAGS = SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1)
TENSORRT = TensorRt(
    SimpleNamespace(NetworkDefinitionCreationFlag=FLAGS, BuilderFlag=None), "TensorRT", "10.3.0"
)
NOW = Fingerprint(
    "ab" * 32, "TensorRT", "10.3.0", "Orin", "8.7", "540.4.0", "12.6", "36.4.3", "MAXN",
    ("EXPLICIT_BATCH", "STRONGLY_TYPED"), "fp16", 1,
)  # fmt: skip

OLD: dict[str, tuple[Any, str]] = {
    "onnx_sha256": ("cd" * 32, "the model was exported anew"),
    "flavour": ("TensorRT-RTX", "TensorRT-RTX 10.3.0 built it, TensorRT 10.3.0 is installed"),
    "version": ("8.6.2", "TensorRT 8.6.2 built it, 10.3.0 is installed"),
    "gpu": (
        "NVIDIA H200",
        (
            "it was built for NVIDIA H200 (compute capability 8.7), this machine has Orin (compute "
            "capability 8.7)"
        ),
    ),
    "compute_capability": (
        "7.2",
        (
            "it was built for Orin (compute capability 7.2), this machine has Orin (compute "
            "capability 8.7)"
        ),
    ),
    "driver": ("540.3.0", "the NVIDIA driver changed from 540.3.0 to 540.4.0"),
    "cuda": ("12.2", "the driver's CUDA changed from 12.2 to 12.6"),
    "l4t": ("36.3.0", "Jetson Linux changed from 36.3.0 to 36.4.3"),
    "power_mode": ("15W", "the power mode changed from 15W to MAXN"),
    "flags": ((), "the builder's flags changed from none to EXPLICIT_BATCH STRONGLY_TYPED"),
    "precision": ("int8", "the precision changed from int8 to fp16"),
    "batch": (4, "the batch changed from 4 to 1"),
}


def test_every_fact_is_taken_from_where_it_belongs() -> None:
    assert fingerprint_of("ab" * 32, TENSORRT, ORIN, JETSON, "fp16", 1) == NOW
    assert build_flags(TENSORRT, "fp16") == NOW.flags


def test_no_gpu_and_no_jetson() -> None:
    bare = fingerprint_of("ab" * 32, TENSORRT, None, None, "fp16", 1)
    empty = dict.fromkeys(("gpu", "compute_capability", "driver", "cuda", "l4t", "power_mode"), "")
    assert bare == replace(NOW, **empty)


def test_the_digest_is_the_same_everywhere() -> None:
    assert NOW.digest == "7dd43dd06b8ab41c"


def test_every_fact_has_a_case() -> None:
    assert OLD.keys() == {field.name for field in fields(Fingerprint)}


@pytest.mark.parametrize("name", OLD)
def test_every_fact_changes_the_digest_and_is_named(name: str) -> None:
    value, words = OLD[name]
    old = replace(NOW, **{name: value})
    assert old.digest != NOW.digest
    assert NOW.differences(old.facts()) == words


def test_nothing_changed() -> None:
    assert NOW.differences(NOW.facts()) == ""
    assert unfit(NOW, TENSORRT, ORIN, JETSON, NOW.onnx_sha256) == ""


def test_several_changes() -> None:
    old = replace(NOW, version="8.6.2", power_mode="", onnx_sha256="cd" * 32)
    assert NOW.differences(old.facts()) == (
        "the model was exported anew; TensorRT 8.6.2 built it, 10.3.0 is installed; "
        "the power mode changed from none to MAXN"
    )


def test_a_gpu_came_or_went() -> None:
    bare = fingerprint_of("ab" * 32, TENSORRT, None, JETSON, "fp16", 1)
    assert NOW.differences(bare.facts()) == (
        "it was built without a GPU, this machine has Orin (compute capability 8.7)"
    )
    assert bare.differences(NOW.facts()) == (
        "it was built for Orin (compute capability 8.7), this machine has none"
    )


def test_unfit_compares_with_this_machine() -> None:
    old = replace(NOW, precision="int8", batch=8)
    assert unfit(old, TENSORRT, ORIN, JETSON, "") == ""
    assert unfit(old, TENSORRT, ORIN, None, "").startswith("Jetson Linux changed from 36.4.3 to")
    assert unfit(old, TENSORRT, ORIN, JETSON, "cd" * 32) == "the model was exported anew"
    assert unfit(replace(old, version="8.6.2", batch=4), TENSORRT, ORIN, JETSON, "cd" * 32) == (
        "the model was exported anew; TensorRT 8.6.2 built it, 10.3.0 is installed"
    )


def test_unfit_for_a_tensorrt_without_that_precision() -> None:
    flags = SimpleNamespace(EXPLICIT_BATCH=0)
    old_api = TensorRt(
        SimpleNamespace(NetworkDefinitionCreationFlag=flags, BuilderFlag=None), "TensorRT", "8.6.2"
    )
    assert "TensorRT 8.6.2 cannot build fp8" in unfit(
        replace(NOW, precision="fp8"), old_api, ORIN, JETSON, ""
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("gpu", "x" * 400), ("flags", ["x"] * 400), ("flags", []), ("batch", 1), ("batch", 65536)],
)
def test_largest_and_smallest_facts(name: str, value: Any) -> None:
    assert read_fingerprint(NOW.facts() | {name: value}).facts()[name] == value


def test_facts_survive_json() -> None:
    assert read_fingerprint(json.loads(json.dumps(NOW.facts()))) == NOW


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gpu", None),
        ("gpu", 5),
        ("gpu", "x" * 401),
        ("driver", "\x1b[2J"),
        ("version", "10\n"),
        ("flags", "STRONGLY_TYPED"),
        ("flags", [1]),
        ("flags", ["x"] * 401),
        ("batch", 0),
        ("batch", True),
        ("batch", "1"),
        ("batch", 65537),
    ],
)
def test_impossible_facts(name: str, value: Any) -> None:
    with pytest.raises(InferenceError) as caught:
        read_fingerprint(NOW.facts() | {name: value})
    assert str(caught.value) == f"the fingerprint's {name} is {str(value)[:40]!r}"


@pytest.mark.parametrize("facts", [None, [], "x", {}, NOW.facts() | {"more": ""}])
def test_other_facts(facts: Any) -> None:
    with pytest.raises(InferenceError, match=r"^the fingerprint has other facts than this version"):
        read_fingerprint(facts)
