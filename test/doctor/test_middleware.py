# SPDX-License-Identifier: Apache-2.0

import sys
from pathlib import Path

import pytest

from segnet_ros.doctor import middleware
from segnet_ros.doctor.finding import Finding

INDEX = "share/ament_index/resource_index/rmw_typesupport"


@pytest.fixture(autouse=True)
def no_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "no_wheels"))


def install(prefix: Path, *names: str) -> str:
    for name in names:
        path = prefix / INDEX / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(prefix)


def test_no_middleware_says_nothing(machine) -> None:
    assert middleware.check(machine()) == []


def test_wheels_are_found_in_the_python_environment(machine, tmp_path: Path) -> None:
    install(tmp_path / "no_wheels", "rmw_implementation", "rmw_fastrtps_cpp")
    found = "rmw_fastrtps_cpp; present: rmw_fastrtps_cpp"
    assert middleware.check(machine())[0] == Finding("middleware", "ok", found)


def test_the_chosen_one_counts(machine, tmp_path: Path) -> None:
    prefix = install(tmp_path / "ros", "rmw_cyclonedds_cpp", "rmw_fastrtps_cpp")
    here = machine(AMENT_PREFIX_PATH=prefix, RMW_IMPLEMENTATION="rmw_cyclonedds_cpp")
    found = "rmw_cyclonedds_cpp; present: rmw_cyclonedds_cpp, rmw_fastrtps_cpp"
    assert middleware.check(here)[0] == Finding("middleware", "ok", found)


@pytest.mark.parametrize(
    ("distribution", "remedy"),
    [
        (
            "jazzy",
            (
                "`sudo apt install ros-jazzy-rmw-zenoh-cpp`, or "
                "`export RMW_IMPLEMENTATION=rmw_fastrtps_cpp`"
            ),
        ),
        ("", "`export RMW_IMPLEMENTATION=rmw_fastrtps_cpp`"),
    ],
)
def test_a_chosen_one_that_is_missing(
    machine, tmp_path: Path, distribution: str, remedy: str
) -> None:
    prefix = install(tmp_path / "ros", "rmw_fastrtps_cpp")
    variables = {"AMENT_PREFIX_PATH": prefix, "RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}
    found = "rmw_zenoh_cpp is not installed; present: rmw_fastrtps_cpp"
    here = machine(ROS_DISTRO=distribution, **variables)
    assert middleware.check(here) == [Finding("middleware", "error", found, remedy)]


def cyclone(machine, tmp_path: Path, limit: str, **variables: str) -> list[Finding]:
    prefix = install(tmp_path / "ros", "rmw_cyclonedds_cpp")
    files = {"proc/sys/net/core/rmem_max": f"{limit}\n"} if limit else {}
    variables |= {"AMENT_PREFIX_PATH": prefix, "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}
    return middleware.check(machine(files, **variables))[1:]


@pytest.mark.parametrize(
    ("limit", "told"), [("212992", "212992"), ("10485759", "10485759"), ("", "unknown")]
)
def test_cyclone_with_small_buffers(machine, tmp_path: Path, limit: str, told: str) -> None:
    assert cyclone(machine, tmp_path, limit) == [
        Finding(
            "middleware",
            "warning",
            f"Cyclone DDS: net.core.rmem_max is {told}; images need 10485760 or more",
            "`sudo sysctl -w net.core.rmem_max=2147483647`, and the same in "
            "/etc/sysctl.d/10-cyclone-max.conf",
        ),
        Finding(
            "middleware",
            "note",
            "CYCLONEDDS_URI is not set: small receive buffers",
            'a file with `<SocketReceiveBufferSize min="10MB"/>` below Domain, Internal',
        ),
    ]


def test_cyclone_with_large_buffers(machine, tmp_path: Path) -> None:
    # The value may be XML with anything in it, so it is not shown.
    findings = cyclone(machine, tmp_path, "10485760", CYCLONEDDS_URI="<secret/>")
    assert findings == [
        Finding("middleware", "ok", "Cyclone DDS: net.core.rmem_max is 10485760"),
        Finding("middleware", "ok", "CYCLONEDDS_URI is set"),
    ]


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        (
            "rmw_zenoh_cpp",
            "nodes find each other through Zenoh's router",
            "`ros2 run rmw_zenoh_cpp rmw_zenohd` must be running",
        ),
        ("rmw_connextdds", "large messages over rmw_connextdds were never tried", ""),
    ],
)
def test_other_middlewares(machine, tmp_path: Path, name: str, found: str, remedy: str) -> None:
    prefix = install(tmp_path / "ros", name)
    here = machine(AMENT_PREFIX_PATH=prefix, RMW_IMPLEMENTATION=name)
    assert middleware.check(here)[1:] == [Finding("middleware", "note", found, remedy)]


def test_fast_dds_is_asked_for_its_profile(machine, tmp_path: Path) -> None:
    here = machine(AMENT_PREFIX_PATH=install(tmp_path / "ros", "rmw_fastrtps_cpp"))
    (finding,) = middleware.check(here)[1:]
    assert finding.found.startswith("no Fast DDS profile: ")
