# SPDX-License-Identifier: Apache-2.0
"""Python packages: OpenCV, without which nothing runs, and those of the extras."""

from importlib.metadata import PackageNotFoundError, version

from segnet_ros.doctor.areas import PACKAGES
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import attempt, version_of
from segnet_ros.doctor.surroundings import Surroundings

EXTRAS = {
    "cpu": {"openvino": "openvino"},
    "gpu": {"cuda-python": "cuda"},
    "rtx": {
        "tensorrt-rtx-cu13-libs": "tensorrt_rtx_libs",
        "tensorrt-rtx-cu13-bindings": "tensorrt_rtx_bindings",
    },
    "bag": {
        "fsspec": "fsspec",
        "lz4": "lz4",
        "mcap": "mcap",
        "rosbags": "rosbags",
        "zstandard": "zstandard",
    },
    "fleet": {"ray": "ray"},
    "train": {
        "torch": "torch",
        "safetensors": "safetensors",
        "onnx": "onnx",
        "onnxruntime": "onnxruntime",
        "openvino": "openvino",
        "pillow": "PIL",
        "protobuf": "google.protobuf",
        "tensorboard": "tensorboard",
    },
    "report": {"jinja2": "jinja2", "matplotlib": "matplotlib"},
}
"""Of setup.py, each distribution with the module it brings, except for development and ROS."""

_PURPOSES = {
    "cpu": "models on the CPU",
    "gpu": "TensorRT engines",
    "rtx": "TensorRT-RTX",
    "bag": "bags and the demo",
    "fleet": "jobs on Ray workers",
    "train": "training and export",
    "report": "HTML pages",
}
_OPENCVS = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python",
    "opencv-contrib-python-headless",
)  # fmt: skip
# From 5 its type constants have other numbers, which cv_bridge 3 and 4 do not know.
_FIRST_TRAP = 5


def check(here: Surroundings) -> list[Finding]:
    """Look at OpenCV and at every extra."""
    return [*_opencv(here), *(_extra(name, needed) for name, needed in EXTRAS.items())]


def _opencv(here: Surroundings) -> list[Finding]:
    answer = attempt("import cv2; print(cv2.__version__)", here.environment)
    if answer.failure:
        remedy = "`pip install --force-reinstall 'opencv-python<5'`"
        return [Finding(PACKAGES, "error", f"OpenCV does not work: {answer.failure}", remedy)]
    number = answer.output.rpartition("\n")[2]
    several = [name for name in _OPENCVS if _has(name)]
    if len(several) > 1:
        found = f"{' and '.join(several)} overwrite each other's files"
        remedy = f"`pip uninstall {' '.join(several)}`, then `pip install 'opencv-python<5'`"
        return [Finding(PACKAGES, "warning", found, remedy)]
    return [_opencv_version(number)]


def _opencv_version(number: str) -> Finding:
    major = number.partition(".")[0]
    if major.isdigit() and int(major) >= _FIRST_TRAP:
        found = f"OpenCV {number}: cv_bridge fails with it (KeyError: 16)"
        return Finding(PACKAGES, "warning", found, "`pip install 'opencv-python<5'`")
    return Finding(PACKAGES, "ok", f"OpenCV {number}")


def _has(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


def _extra(extra: str, needed: dict[str, str]) -> Finding:
    purpose = f"extra {extra} ({_PURPOSES[extra]})"
    versions = {name: version_of(name, module) for name, module in needed.items()}
    missing = [name for name, number in versions.items() if not number]
    if missing:
        found = f"{purpose}: {', '.join(missing)} not installed"
        return Finding(
            PACKAGES, "note", found, f"`pip install 'segnet_ros[{extra}]'` if you need it"
        )
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return Finding(PACKAGES, "ok", f"{purpose}: {listed}")
