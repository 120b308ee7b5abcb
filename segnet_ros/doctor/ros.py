# SPDX-License-Identifier: Apache-2.0
"""The ROS distribution, and how far its nodes hear each other."""

from segnet_ros.doctor.areas import ROS
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

_SUPPORTED = ("humble", "jazzy", "kilted")
_LAST_DOMAIN = 232
# Others take UDP ports that Linux also hands out to any program.
_SAFE_DOMAINS = (range(102), range(215, _LAST_DOMAIN + 1))
_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def check(here: Surroundings) -> list[Finding]:
    """Look at the variables that a ROS set-up file sets, and at those of discovery."""
    return [_distribution(here), _domain(here), *_reach(here)]


def _distribution(here: Surroundings) -> Finding:
    name = here.variable("ROS_DISTRO")
    if name in _SUPPORTED:
        count = len(list(here.prefixes()))
        return Finding(ROS, "ok", f"{name}, AMENT_PREFIX_PATH has {count} prefixes")
    if name:
        supported = ", ".join(_SUPPORTED)
        return Finding(ROS, "note", f"{name}; this package is written for {supported}")
    installed = here.ros_distributions()
    if installed:
        found = f"{' and '.join(installed)} installed, but not set up in this terminal"
        return Finding(ROS, "warning", found, f"`source /opt/ros/{installed[-1]}/setup.bash`")
    return Finding(ROS, "note", "no distribution below /opt/ros, ROS_DISTRO is not set")


def _domain(here: Surroundings) -> Finding:
    value = here.variable("ROS_DOMAIN_ID")
    if not value:
        return Finding(ROS, "note", "ROS_DOMAIN_ID is not set: 0, as on most other machines")
    found = f"ROS_DOMAIN_ID={value[:20]}"
    if not value.isdigit() or int(value) > _LAST_DOMAIN:
        return Finding(ROS, "error", f"{found} is no domain", "`export ROS_DOMAIN_ID=0` to 101")
    if not any(int(value) in safe for safe in _SAFE_DOMAINS):
        found = f"{found}: its ports may be taken by other programs"
        return Finding(ROS, "warning", found, "choose 0 to 101")
    return Finding(ROS, "ok", f"{found}: only nodes with the same one are heard")


def _reach(here: Surroundings) -> list[Finding]:
    only_here = here.variable("ROS_LOCALHOST_ONLY") == "1"
    discovery = here.variable(_RANGE).upper()
    if discovery == "OFF":
        found = f"{_RANGE}=OFF: nodes do not find each other"
        return [Finding(ROS, "warning", found, f"`unset {_RANGE}`")]
    if only_here or discovery == "LOCALHOST":
        variable = "ROS_LOCALHOST_ONLY" if only_here else f"{_RANGE}=LOCALHOST"
        return [Finding(ROS, "note", f"{variable}: nodes of other machines are not heard")]
    return []
