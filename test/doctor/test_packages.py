# SPDX-License-Identifier: Apache-2.0

import runpy
from pathlib import Path
from typing import Any

import pytest
import setuptools

from segnet_ros.doctor import packages
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import Attempt

SOURCE = Path(__file__).resolve().parents[2]


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch):
    """Sets what `import cv2` says, and the versions of distributions."""

    def have(cv2: Attempt, versions: dict[str, str] | None = None) -> None:
        known = versions or {}
        monkeypatch.setattr(packages, "attempt", lambda code, environment: cv2)
        monkeypatch.setattr(packages, "version_of", lambda name, module: known.get(name, ""))
        monkeypatch.setattr(packages, "_has", lambda name: name in known)

    return have


def test_extras_are_those_of_setup_py(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    monkeypatch.chdir(SOURCE)
    runpy.run_path("setup.py")
    expected = {
        extra: {requirement.partition("=")[0].rstrip(">") for requirement in requirements}
        for extra, requirements in given["extras_require"].items()
        if extra not in ("ros", "kilted", "dev", "fuzz")
    }
    assert {extra: set(needed) for extra, needed in packages.EXTRAS.items()} == expected


def test_opencv_4_is_well(machine, having) -> None:
    having(Attempt(output="4.14.0"))
    assert packages.check(machine())[0] == Finding("packages", "ok", "OpenCV 4.14.0")


def test_opencv_5_breaks_cv_bridge(machine, having) -> None:
    having(Attempt(output="5.0.0"))
    found = "OpenCV 5.0.0: cv_bridge fails with it (KeyError: 16)"
    expected = Finding("packages", "warning", found, "`pip install 'opencv-python<5'`")
    assert packages.check(machine())[0] == expected


def test_opencv_that_does_not_load_stops_everything(machine, having) -> None:
    having(Attempt(failure="ImportError: libGL.so.1: cannot open shared object file"))
    assert packages.check(machine())[0] == Finding(
        "packages",
        "error",
        "OpenCV does not work: ImportError: libGL.so.1: cannot open shared object file",
        "`pip install --force-reinstall 'opencv-python<5'`",
    )


def test_two_opencvs_overwrite_each_other(machine, having) -> None:
    two = {"opencv-python": "4.10", "opencv-contrib-python": "4.8"}
    having(Attempt(output="4.10.0"), two)
    assert packages.check(machine())[0] == Finding(
        "packages",
        "warning",
        "opencv-python and opencv-contrib-python overwrite each other's files",
        "`pip uninstall opencv-python opencv-contrib-python`, then `pip install 'opencv-python<5'`",
    )


def test_whole_and_missing_extras(machine, having) -> None:
    having(Attempt(output="4.8.0"), {"jinja2": "3.1", "matplotlib": "present", "onnx": "1.16"})
    findings = {finding.found.split()[1]: finding for finding in packages.check(machine())[1:]}
    assert list(findings) == ["cpu", "gpu", "rtx", "bag", "fleet", "train", "report"]
    found = "extra report (HTML pages): jinja2 3.1, matplotlib present"
    assert findings["report"] == Finding("packages", "ok", found)
    assert findings["train"] == Finding(
        "packages",
        "note",
        "extra train (training and export): torch, safetensors, onnxruntime, openvino, pillow, "
        "protobuf, tensorboard not installed",
        "`pip install 'segnet_ros[train]'` if you need it",
    )


def test_this_environment(machine) -> None:
    finding = packages.check(machine())[0]
    assert finding.found.startswith("OpenCV 4.")
