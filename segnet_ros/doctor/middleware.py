# SPDX-License-Identifier: Apache-2.0
"""The ROS middleware, and whether camera images get through it."""

import sys
from collections.abc import Callable
from pathlib import Path

from segnet_ros.doctor.areas import MIDDLEWARE
from segnet_ros.doctor.fast_dds import check_profile
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

_DEFAULT = "rmw_fastrtps_cpp"
_INDEX = "share/ament_index/resource_index/rmw_typesupport"
# Found beside the middlewares, but only a switch between them.
_SWITCH = "rmw_implementation"
# What ROS's guide has Cyclone DDS ask for, to receive messages of 9 MB.
_NEEDED_RECEIVE_BUFFER = 10 * 2**20


def check(here: Surroundings) -> list[Finding]:
    """Look at the middleware that a node would take."""
    present = _present(here)
    if not present:
        return []
    chosen = here.variable("RMW_IMPLEMENTATION") or _DEFAULT
    if chosen not in present:
        return [_absent(here, chosen, present)]
    return [
        Finding(MIDDLEWARE, "ok", f"{chosen}; present: {', '.join(present)}"),
        *_large(here, chosen),
    ]


def _present(here: Surroundings) -> list[str]:
    prefixes = [*here.prefixes(), Path(sys.prefix)]
    found = {path.name for prefix in prefixes for path in (prefix / _INDEX).glob("rmw_*")}
    return sorted(found - {_SWITCH})


def _absent(here: Surroundings, chosen: str, present: list[str]) -> Finding:
    remedy = f"`export RMW_IMPLEMENTATION={present[0]}`"
    distribution = here.variable("ROS_DISTRO")
    if distribution:
        package = f"ros-{distribution}-{chosen.replace('_', '-')}"
        remedy = f"`sudo apt install {package}`, or {remedy}"
    return Finding(
        MIDDLEWARE, "error", f"{chosen} is not installed; present: {', '.join(present)}", remedy
    )


def _large(here: Surroundings, chosen: str) -> list[Finding]:
    for prefix, advise in _ADVICE.items():
        if chosen.startswith(prefix):
            return advise(here)
    return [Finding(MIDDLEWARE, "note", f"large messages over {chosen} were never tried")]


def _cyclone(here: Surroundings) -> list[Finding]:
    limit = here.read("proc/sys/net/core/rmem_max").strip()
    found = f"Cyclone DDS: net.core.rmem_max is {limit or 'unknown'}"
    if limit.isdigit() and int(limit) >= _NEEDED_RECEIVE_BUFFER:
        return [Finding(MIDDLEWARE, "ok", found), *_cyclone_settings(here)]
    found = f"{found}; images need {_NEEDED_RECEIVE_BUFFER} or more"
    remedy = (
        "`sudo sysctl -w net.core.rmem_max=2147483647`, and the same in "
        "/etc/sysctl.d/10-cyclone-max.conf"
    )
    return [Finding(MIDDLEWARE, "warning", found, remedy), *_cyclone_settings(here)]


def _cyclone_settings(here: Surroundings) -> list[Finding]:
    if here.variable("CYCLONEDDS_URI"):
        return [Finding(MIDDLEWARE, "ok", "CYCLONEDDS_URI is set")]
    remedy = 'a file with `<SocketReceiveBufferSize min="10MB"/>` below Domain, Internal'
    return [Finding(MIDDLEWARE, "note", "CYCLONEDDS_URI is not set: small receive buffers", remedy)]


def _zenoh(_here: Surroundings) -> list[Finding]:
    remedy = "`ros2 run rmw_zenoh_cpp rmw_zenohd` must be running"
    return [Finding(MIDDLEWARE, "note", "nodes find each other through Zenoh's router", remedy)]


_ADVICE: dict[str, Callable[[Surroundings], list[Finding]]] = {
    "rmw_fastrtps": check_profile,
    "rmw_cyclonedds": _cyclone,
    "rmw_zenoh": _zenoh,
}
