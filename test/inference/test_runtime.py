"""Choosing a runtime."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segnet_ros
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.runtime import RUNTIMES, load_runtime

_ROOT = Path(segnet_ros.__path__[0]).parent
_LOAD = """
import sys
from pathlib import Path
sys.modules["openvino"] = None
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.runtime import load_runtime
for _ in range(2):
    try:
        load_runtime(load_model(Path(sys.argv[1])), sys.argv[2])
    except InferenceError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["auto", "openvino"])
def test_known_names_load(channel_model: Path, name: str) -> None:
    pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
    runtime = load_runtime(load_model(channel_model), name)
    image = np.full((12, 16, 3), (3, 4, 2), np.uint8)
    prediction = runtime.infer(image)
    runtime.close()
    assert runtime.description.startswith("OpenVINO ")
    assert (prediction.labels == 1).all()
    assert (prediction.confidence == 4).all()


@pytest.mark.parametrize("name", ["tensorflow", "", "OpenVINO"])
def test_unknown_name(channel_model: Path, name: str) -> None:
    with pytest.raises(InferenceError) as caught:
        load_runtime(load_model(channel_model), name)
    assert str(caught.value) == (
        f"runtime {name!r} is unknown; expected auto or one of {', '.join(RUNTIMES)}"
    )
    assert "openvino" in RUNTIMES


@pytest.mark.parametrize("name", ["auto", "openvino"])
def test_missing_library(channel_model: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(channel_model), name],
        cwd=_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    advice = (
        "the openvino runtime needs the Python package openvino, which is not installed; "
        "run `pip install openvino`"
    )
    assert done.stdout.splitlines() == [advice, advice]
