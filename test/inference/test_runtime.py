# SPDX-License-Identifier: Apache-2.0
"""Choosing a runtime."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segnet_ros
from segnet_ros.inference.engine import gpu as gpu_module
from segnet_ros.inference.engine import tensorrt_api
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.runtime import RUNTIMES, load_runtime

_ROOT = Path(segnet_ros.__path__[0]).parent
GPU = Gpu("NVIDIA H200", "9.0", "580.95.05", "13.0", 1 << 37, integrated=False)
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
    _skip_where_auto_is_tensorrt(name)
    runtime = load_runtime(load_model(channel_model), name)
    image = np.full((12, 16, 3), (3, 4, 2), np.uint8)
    predictions = [runtime.infer(image), *runtime.infer_all([image, image])]
    runtime.close()
    assert runtime.description.startswith("OpenVINO ")
    assert len(predictions) == 3
    for prediction in predictions:
        assert (prediction.labels == 1).all()
        assert (prediction.confidence == 4).all()


@pytest.mark.parametrize(
    ("installed", "gpu", "chosen"),
    [
        (True, GPU, "tensorrt"),
        (True, None, "openvino"),
        (False, GPU, "openvino"),
        (False, None, "openvino"),
    ],
)
def test_auto_is_tensorrt_where_it_can_run(
    channel_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
    gpu: Gpu | None,
    chosen: str,
) -> None:
    monkeypatch.setattr(tensorrt_api, "tensorrt_installed", lambda: installed)
    monkeypatch.setattr(gpu_module, "find_gpu", lambda: gpu)
    loaded = []
    for name in RUNTIMES:
        monkeypatch.setitem(
            RUNTIMES, name, lambda *wishes, name=name: loaded.append((name, *wishes))
        )
    model, options = load_model(channel_model), EngineOptions(batch=2)
    load_runtime(model, "auto", options)
    assert loaded == [(chosen, model, options)]


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
    _skip_where_auto_is_tensorrt(name)
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(channel_model), name],
        cwd=_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    advice = (
        "the openvino runtime needs the Python package openvino, which is not installed; "
        "run `pip install openvino`"
    )
    assert done.stdout.splitlines() == [advice, advice]


def _skip_where_auto_is_tensorrt(name: str) -> None:
    if name == "auto" and tensorrt_api.tensorrt_installed() and gpu_module.find_gpu():
        pytest.skip("there is a GPU, for which this model has no engine")
