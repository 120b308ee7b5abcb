# SPDX-License-Identifier: Apache-2.0
"""ament_python package and plain pip package in one."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "segnet_ros"
EXTRAS = {
    "cpu": ["openvino>=2024.4"],
    "bag": ["fsspec>=2023.1", "lz4>=3.1", "mcap>=1.1", "rosbags>=0.11.1", "zstandard>=0.20"],
    "fleet": ["ray>=2.9"],
    "ros": ["ros-jazzy-rclpy", "ros-jazzy-common-interfaces", "ros-rmw-fastrtps-cpp"],
    "kilted": [
        "ros-kilted-rclpy",
        "ros-kilted-common-interfaces",
        "ros-kilted-rmw-fastrtps-cpp",
    ],
    "gpu": ["cuda-python>=12.2"],
    # TensorRT-RTX: a TensorRT from PyPI for GeForce and RTX cards. It builds without a GPU, too.
    "rtx": [
        f"tensorrt-rtx-cu13-{part}==1.7.1.116; platform_machine == 'x86_64'"
        for part in ("libs", "bindings")
    ],
    "train": [
        "torch>=2.4",
        "safetensors>=0.4",
        "onnx>=1.16",
        "onnxruntime>=1.17",
        "openvino>=2024.4",
        "pillow>=9.1",
        "protobuf>=4.22",
        "tensorboard>=2.10",
    ],
    # No wheels for Python 3.10.
    "fuzz": ["atheris>=3.0; python_version >= '3.11'"],
    "report": ["jinja2>=3.0", "matplotlib>=3.6"],
    "dev": [
        "bandit[toml]>=1.7",
        "coverage[toml]>=7.10",
        "pip-audit>=2.7",
        "pytest>=7.4,<8",
        "pytest-timeout>=2.2",
        "hypothesis>=6.100",
        "scikit-learn>=1.3",
        "torchmetrics>=1.0",
        "ruff>=0.6",
        "mutmut>=3.8,<4",
        "mypy>=1.11",
        "types-PyYAML",
        "uv>=0.5",
    ],
}
EXTRAS["dev"] += EXTRAS["fleet"] + EXTRAS["report"] + EXTRAS["gpu"] + EXTRAS["rtx"]


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below a folder, under the same path in share/segnet_ros."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    files = [path for path in found if path.parent.name != "__pycache__"]
    parents = sorted({path.parent for path in files})
    return [
        (f"share/{PACKAGE}/{parent}", [str(path) for path in files if path.parent == parent])
        for parent in parents
    ]


setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={f"{PACKAGE}.evaluation": ["agreement.html", "drive.html", "page.html"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *shared("launch"),
        *shared("config"),
        *shared("engines"),
    ],
    python_requires=">=3.10",
    install_requires=["numpy>=1.21", "opencv-python>=4.5.4,<5", "PyYAML>=5.4", "rich>=11"],
    extras_require=EXTRAS,
    zip_safe=True,
    author="segnet_ros maintainers",
    description="Real-time semantic segmentation with SegNet for ROS 2",
    license="Apache-2.0",
    entry_points={"console_scripts": ["segnet = segnet_ros.cli:main"]},
)
