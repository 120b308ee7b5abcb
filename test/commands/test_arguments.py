# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share, and that they arrive."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from segnet_ros.cli import main
from segnet_ros.commands import evaluate, run
from segnet_ros.commands.arguments import add_runtime, engine_options
from segnet_ros.inference.engine.options import DEFAULT_ENGINE, EngineOptions
from segnet_ros.inference.errors import InferenceError


def _parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_runtime(parser)
    return parser.parse_args(arguments)


def test_by_default_nothing_special_is_wished() -> None:
    options = _parse()
    assert options.runtime == "auto"
    assert engine_options(options) == DEFAULT_ENGINE


def test_a_precision_is_wished() -> None:
    options = _parse("--runtime", "tensorrt", "--precision", "int8")
    assert options.runtime == "tensorrt"
    assert engine_options(options) == EngineOptions(precision="int8", build=False)


def test_an_unknown_precision(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse("--precision", "int4")
    assert "choose from" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [run, evaluate])
def test_wishes_arrive(verb: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def segmenter(*arguments: Any) -> None:
        given.extend(arguments[1:])
        msg = "enough"
        raise InferenceError(msg)

    monkeypatch.setattr(verb, "Segmenter", segmenter)
    monkeypatch.setattr(evaluate, "find_frames", lambda data, split: [])
    picture = tmp_path / "picture.png"
    picture.touch()
    data = ["--data", str(tmp_path)] if verb is evaluate else [str(picture)]
    name = verb.__name__.rpartition(".")[2]
    assert main([name, *data, "--runtime", "tensorrt", "--precision", "fp8"]) == 1
    assert given == ["tensorrt", EngineOptions(precision="fp8")]
