# SPDX-License-Identifier: Apache-2.0

import os
import platform
import sys
from importlib.util import find_spec

import pytest

from segnet_ros.doctor import rclpy
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import Attempt

UBUNTU = 'NAME="Ubuntu"\nVERSION_ID="{}"\nID={}\nID_LIKE=debian\n'


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch):
    """Sets which modules are installed, and how starting rclpy goes."""

    def have(*modules: str, answer: Attempt | None = None) -> None:
        monkeypatch.setattr(rclpy, "is_installed", lambda name: name in modules)
        monkeypatch.setattr(rclpy, "attempt", lambda code, environment: answer or Attempt())

    return have


@pytest.mark.parametrize(
    ("files", "processor", "remedy"),
    [
        (
            {
                "opt/ros/foxy/setup.bash": "",
                "opt/ros/humble/setup.bash": "",
                "etc/os-release": UBUNTU.format("22.04", "ubuntu"),
            },
            "aarch64",
            "`source /opt/ros/humble/setup.bash`",
        ),
        (
            {"etc/os-release": UBUNTU.format("24.04", "ubuntu")},
            "aarch64",
            (
                "`sudo apt install ros-jazzy-ros-base`, once ROS's apt repository is set up, then "
                "`source /opt/ros/jazzy/setup.bash`"
            ),
        ),
        (
            {"etc/os-release": UBUNTU.format("22.04", "mint")},
            "x86_64",
            "`pip install 'segnet_ros[ros]'`",
        ),
        (
            {},
            "aarch64",
            "use Ubuntu 22.04 with ROS 2 Humble or 24.04 with Jazzy: PyPI has no rclpy for Arm",
        ),
    ],
)
def test_missing(
    machine, having, monkeypatch: pytest.MonkeyPatch, files, processor, remedy
) -> None:
    having()
    monkeypatch.setattr(platform, "machine", lambda: processor)
    found = "not installed, so there is no node; `segnet run` works without"
    assert rclpy.check(machine(files)) == [Finding("rclpy", "error", found, remedy)]


@pytest.mark.parametrize(
    ("file", "origin"),
    [
        ("/opt/ros/humble/local/lib/python3.10/rclpy/__init__.py", "apt's ROS 2 humble"),
        (f"{sys.prefix}/lib/x/rclpy.py", "wheels from PyPI, in this Python environment"),
        ("/ros_ws/install/rclpy/lib/python3/rclpy.py", "a workspace (/ros_ws/install/rclpy)"),
    ],
)
def test_origin(machine, having, file: str, origin: str) -> None:
    having("rclpy", answer=Attempt(output=f"[INFO] a greeting\n{file}"))
    assert rclpy.check(machine())[0] == Finding("rclpy", "ok", f"starts; from {origin}")


def test_another_python(machine, having) -> None:
    failure = "ModuleNotFoundError: No module named 'rclpy._rclpy_pybind11'"
    having("rclpy", answer=Attempt(failure=failure))
    (finding,) = rclpy.check(machine())
    assert (finding.level, finding.found) == ("error", f"does not start: {failure}")
    assert finding.remedy == (
        f"it was built for another Python than {platform.python_version()}; use /usr/bin/python3, "
        "or a virtual environment that it created with --system-site-packages"
    )


def test_other_failures(machine, having) -> None:
    having("rclpy", answer=Attempt(failure="No module named 'sensor_msgs'"))
    (finding,) = rclpy.check(machine({"opt/ros/jazzy/setup.bash": ""}))
    assert finding.found == "does not start: No module named 'sensor_msgs'"
    assert finding.remedy == ("mend what is said there, or `source /opt/ros/jazzy/setup.bash`")


@pytest.mark.parametrize(
    ("distribution", "remedy"), [("jazzy", "`sudo apt install ros-jazzy-cv-bridge`"), ("", "")]
)
def test_optional_packages(machine, having, distribution: str, remedy: str) -> None:
    having("rclpy", "launch_ros", "vision_msgs", answer=Attempt(output="/opt/ros/jazzy/x"))
    found = (
        "optional, not installed: cv_bridge (for rare image encodings), diagnostic_updater "
        "(not used yet)"
    )
    expected = Finding("rclpy", "note", found, remedy)
    assert rclpy.check(machine(ROS_DISTRO=distribution))[1:] == [expected]


def test_every_optional_package(machine, having) -> None:
    names = ("launch_ros", "cv_bridge", "vision_msgs", "diagnostic_updater")
    having("rclpy", *names, answer=Attempt(output="/opt/ros/jazzy/x"))
    found = "optional packages: launch_ros, cv_bridge, vision_msgs, diagnostic_updater"
    assert rclpy.check(machine())[1:] == [Finding("rclpy", "ok", found)]


@pytest.mark.skipif(find_spec("rclpy") is None, reason="rclpy is not installed")
def test_rclpy_of_this_machine_starts(machine) -> None:
    assert rclpy.check(machine(**os.environ))[0].level == "ok"


@pytest.mark.skipif(find_spec("rclpy") is None, reason="rclpy is not installed")
def test_a_middleware_that_is_missing_is_noticed(machine) -> None:
    environment = {**os.environ, "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}
    finding = rclpy.check(machine(**environment))[0]
    if finding.level == "ok":
        pytest.skip("Cyclone DDS is installed")
    assert finding.level == "error"
    assert "rmw_cyclonedds_cpp" in finding.found
