# SPDX-License-Identifier: Apache-2.0
"""ROS's Python packages: those that the node needs, and those that add to it."""

import platform
import re
import sys

from segnet_ros.doctor.areas import RCLPY
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import attempt, is_installed
from segnet_ros.doctor.surroundings import Surroundings

# Starting it loads the middleware, which importing it does not; nothing is sent yet.
_QUESTION = """
import rclpy
import diagnostic_msgs.msg, lifecycle_msgs.msg, rcl_interfaces.msg, sensor_msgs.msg, std_msgs.msg
rclpy.init()
print(rclpy.__file__)
rclpy.shutdown()
"""
_DISTRIBUTIONS = {("ubuntu", "22.04"): "humble", ("ubuntu", "24.04"): "jazzy"}
_OPTIONAL = {"launch_ros": "for `ros2 launch`", "cv_bridge": "for rare image encodings"}
_UNUSED = ("vision_msgs", "diagnostic_updater")


def check(here: Surroundings) -> list[Finding]:
    """Start and stop rclpy, and look for the optional packages."""
    if not is_installed("rclpy"):
        found = "not installed, so there is no node; `segnet run` works without"
        return [Finding(RCLPY, "error", found, _install(here))]
    answer = attempt(_QUESTION, here.environment)
    if answer.failure:
        return [_broken(here, answer.failure)]
    origin = _origin(answer.output.rpartition("\n")[2])
    return [Finding(RCLPY, "ok", f"starts; from {origin}"), *_optional(here)]


def _origin(file: str) -> str:
    if match := re.match(r"/opt/ros/(\w+)/", file):
        return f"apt's ROS 2 {match[1]}"
    if file.startswith(f"{sys.prefix}/"):
        return "wheels from PyPI, in this Python environment"
    return f"a workspace ({file.partition('/lib/')[0]})"


def _broken(here: Surroundings, failure: str) -> Finding:
    found = f"does not start: {failure}"
    if "_rclpy_pybind11" in failure:
        remedy = (
            f"it was built for another Python than {platform.python_version()}; use "
            "/usr/bin/python3, or a virtual environment that it created with "
            "--system-site-packages"
        )
        return Finding(RCLPY, "error", found, remedy)
    return Finding(RCLPY, "error", found, f"mend what is said there, or {_install(here)}")


def _install(here: Surroundings) -> str:
    if installed := here.ros_distributions():
        return f"`source /opt/ros/{installed[-1]}/setup.bash`"
    if name := _distribution(here):
        return (
            f"`sudo apt install ros-{name}-ros-base`, once ROS's apt repository is set up, then "
            f"`source /opt/ros/{name}/setup.bash`"
        )
    if platform.machine() == "x86_64":
        return "`pip install 'segnet_ros[ros]'`"
    return "use Ubuntu 22.04 with ROS 2 Humble or 24.04 with Jazzy: PyPI has no rclpy for Arm"


def _distribution(here: Surroundings) -> str:
    """What apt offers on this Ubuntu; empty elsewhere."""
    release = here.read("etc/os-release")
    facts = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]+)"?$', release, re.MULTILINE))
    return _DISTRIBUTIONS.get((facts.get("ID", ""), facts.get("VERSION_ID", "")), "")


def _optional(here: Surroundings) -> list[Finding]:
    missing = [name for name in _OPTIONAL if not is_installed(name)]
    unused = [name for name in _UNUSED if not is_installed(name)]
    if not (missing or unused):
        listed = ", ".join((*_OPTIONAL, *_UNUSED))
        return [Finding(RCLPY, "ok", f"optional packages: {listed}")]
    uses = [f"{name} ({_OPTIONAL[name]})" for name in missing]
    uses += [f"{name} (not used yet)" for name in unused]
    found = f"optional, not installed: {', '.join(uses)}"
    return [Finding(RCLPY, "note", found, _apt(here, missing))]


def _apt(here: Surroundings, missing: list[str]) -> str:
    distribution = here.variable("ROS_DISTRO")
    packages = " ".join(f"ros-{distribution}-{name.replace('_', '-')}" for name in missing)
    return f"`sudo apt install {packages}`" if distribution and missing else ""
