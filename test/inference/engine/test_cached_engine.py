# SPDX-License-Identifier: Apache-2.0
"""An engine and its JSON: what is believed, and with which words the rest is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.cached_engine import (
    CachedEngine,
    description_of,
    file_name,
    inspect,
    safe_name,
)
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.errors import InferenceError

FINGERPRINT = Fingerprint(
    "ab" * 32, "TensorRT", "10.3.0", "Orin", "8.7", "540.4.0", "12.6", "36.4.3", "MAXN",
    ("STRONGLY_TYPED",), "fp16", 1,
)  # fmt: skip
PLAN = b"a serialised engine"


@pytest.fixture
def engine(tmp_path: Path) -> CachedEngine:
    cache = EngineCache(tmp_path / "cache")
    return cache.store(FINGERPRINT, "light", PLAN, "26 convolutions in fp16", 12.345)


def _describe(engine: CachedEngine, text: str) -> None:
    description_of(engine.plan).write_text(text)


def _defect(engine: CachedEngine) -> str:
    return inspect(engine.plan).defect


def test_a_whole_engine(engine: CachedEngine) -> None:
    assert inspect(engine.plan) == engine
    assert engine.defect == ""
    assert engine.read() == PLAN
    assert engine.fingerprint == FINGERPRINT
    assert engine.facts["model"] == "light"
    assert engine.facts["size"] == len(PLAN)
    assert engine.facts["layers"] == "26 convolutions in fp16"
    assert engine.facts["seconds"] == 12.35


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("segnet_light-1.5", "segnet_light-1.5"),
        ("../../etc/x", "_.._etc_x"),
        (".hidden", "hidden"),
        ("a b/ü\n", "a_b___"),
        ("", "model"),
        ("..", "model"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_lead_nowhere(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_precision_leads_nowhere() -> None:
    strange = replace(FINGERPRINT, precision="/../../fp16")
    assert file_name("m", strange) == f"m-_.._.._fp16-{strange.digest}.engine"


def test_no_json(engine: CachedEngine) -> None:
    description_of(engine.plan).unlink()
    assert inspect(engine.plan) == CachedEngine(engine.plan, {}, "its JSON is missing")


def test_no_engine(engine: CachedEngine) -> None:
    engine.plan.unlink()
    assert _defect(engine) == "the engine is missing, only its JSON is there"


@pytest.mark.parametrize("index", [0, 7, len(PLAN) - 1])
def test_an_altered_byte(engine: CachedEngine, index: int) -> None:
    altered = bytearray(PLAN)
    altered[index] ^= 1
    engine.plan.write_bytes(altered)
    assert _defect(engine) == "the engine was altered since it was built (sha256 differs)"


@pytest.mark.parametrize("size", [0, 1, len(PLAN) - 1])
def test_a_truncated_engine(engine: CachedEngine, size: int) -> None:
    engine.plan.write_bytes(PLAN[:size])
    assert _defect(engine) == f"the engine is truncated to {size} of {len(PLAN)} bytes"


def test_a_longer_engine_is_not_even_read(engine: CachedEngine) -> None:
    engine.plan.write_bytes(PLAN + b"x")
    assert _defect(engine) == f"{engine.plan.name} is over {len(PLAN)} bytes"


def test_a_link_in_place_of_the_engine(engine: CachedEngine, tmp_path: Path) -> None:
    engine.plan.rename(tmp_path / "elsewhere")
    engine.plan.symlink_to(tmp_path / "elsewhere")
    assert _defect(engine) == f"{engine.plan.name} is a symbolic link"


def test_a_link_in_place_of_the_json(engine: CachedEngine, tmp_path: Path) -> None:
    description = description_of(engine.plan)
    description.rename(tmp_path / "elsewhere")
    description.symlink_to(tmp_path / "elsewhere")
    assert _defect(engine) == f"{description.name} is a symbolic link"


def test_an_engine_that_others_can_write(engine: CachedEngine) -> None:
    engine.plan.chmod(0o666)
    assert "can be written by, another user" in _defect(engine)


def test_a_folder_in_place_of_the_engine(engine: CachedEngine) -> None:
    engine.plan.unlink()
    engine.plan.mkdir()
    assert _defect(engine)


def test_the_json_of_another_engine(engine: CachedEngine) -> None:
    other = EngineCache(engine.plan.parent).store(
        replace(FINGERPRINT, batch=4), "light", PLAN, "", 1
    )
    description_of(engine.plan).write_bytes(description_of(other.plan).read_bytes())
    assert _defect(engine) == "its JSON describes another engine"


def test_the_json_of_another_model(engine: CachedEngine) -> None:
    _describe(engine, json.dumps({**engine.facts, "model": "other"}))
    assert _defect(engine) == "its JSON describes another engine"


@pytest.mark.parametrize("text", ["", "{", "\0", "[" * 60_000, "9" * 60_000, '{"size": 1e999'])
def test_json_that_is_none(engine: CachedEngine, text: str) -> None:
    _describe(engine, text)
    assert "JSON" in _defect(engine)


def test_json_is_no_text(engine: CachedEngine) -> None:
    description_of(engine.plan).write_bytes(b"\xff\xfe\xfd")
    assert _defect(engine) == "its JSON is damaged"


def test_enormous_json_is_not_parsed(engine: CachedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("it was parsed"))
    _describe(engine, json.dumps(dict(engine.facts)) + " " * 70_000)
    assert _defect(engine) == f"{description_of(engine.plan).name} is over 65536 bytes"


@pytest.mark.parametrize("text", ["[]", "null", "{}", '"text"'])
def test_json_of_something_else(engine: CachedEngine, text: str) -> None:
    _describe(engine, text)
    assert _defect(engine) == "its JSON has other facts than this version writes"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", None),
        ("model", "\x1b[31m"),
        ("sha256", "AB" * 32),
        ("sha256", "ab" * 31),
        ("sha256", 5),
        ("size", 0),
        ("size", -1),
        ("size", 1.5),
        ("size", True),
        ("built", "yesterday"),
        ("built", 5),
        ("built", "2025-01-01T00:00:00"),
        ("layers", ["x"]),
        ("seconds", "1"),
        ("seconds", float("nan")),
    ],
)
def test_impossible_facts(engine: CachedEngine, name: str, value: Any) -> None:
    _describe(engine, json.dumps({**engine.facts, name: value}))
    assert _defect(engine).startswith(f"its JSON is damaged: {name} is ")
    assert inspect(engine.plan).facts == {}


def test_an_impossible_fingerprint(engine: CachedEngine) -> None:
    _describe(engine, json.dumps({**engine.facts, "fingerprint": {"gpu": "Orin"}}))
    assert _defect(engine) == "the fingerprint has other facts than this version writes"


def test_reading_verifies_again(engine: CachedEngine) -> None:
    found = inspect(engine.plan)
    engine.plan.write_bytes(PLAN[::-1])
    with pytest.raises(InferenceError, match="sha256 differs"):
        found.read()
