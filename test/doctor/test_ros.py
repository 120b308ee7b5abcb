# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.doctor import ros
from segnet_ros.doctor.finding import Finding

UNSET = Finding("ROS", "note", "ROS_DOMAIN_ID is not set: 0, as on most other machines")


def test_a_set_up_distribution(machine) -> None:
    here = machine(ROS_DISTRO="humble", AMENT_PREFIX_PATH="/ws/install/a:/opt/ros/humble")
    found = "humble, AMENT_PREFIX_PATH has 2 prefixes"
    assert ros.check(here) == [Finding("ROS", "ok", found), UNSET]


def test_an_unknown_distribution(machine) -> None:
    found = "rolling; this package is written for humble, jazzy, kilted"
    assert ros.check(machine(ROS_DISTRO="rolling"))[0] == Finding("ROS", "note", found)


def test_a_distribution_that_is_not_set_up(machine) -> None:
    files = {"opt/ros/humble/setup.bash": "", "opt/ros/jazzy/setup.bash": ""}
    found = "humble and jazzy installed, but not set up in this terminal"
    expected = Finding("ROS", "warning", found, "`source /opt/ros/jazzy/setup.bash`")
    assert ros.check(machine(files))[0] == expected


def test_no_distribution(machine) -> None:
    found = "no distribution below /opt/ros, ROS_DISTRO is not set"
    assert ros.check(machine())[0] == Finding("ROS", "note", found)


@pytest.mark.parametrize("value", ["0", "42", "101", "215", "232"])
def test_domains_of_free_ports(machine, value: str) -> None:
    found = f"ROS_DOMAIN_ID={value}: only nodes with the same one are heard"
    assert ros.check(machine(ROS_DOMAIN_ID=value))[1] == Finding("ROS", "ok", found)


@pytest.mark.parametrize("value", ["102", "214"])
def test_domains_whose_ports_others_take(machine, value: str) -> None:
    found = f"ROS_DOMAIN_ID={value}: its ports may be taken by other programs"
    expected = Finding("ROS", "warning", found, "choose 0 to 101")
    assert ros.check(machine(ROS_DOMAIN_ID=value))[1] == expected


@pytest.mark.parametrize("value", ["233", "-1", "robot"])
def test_impossible_domains(machine, value: str) -> None:
    found = f"ROS_DOMAIN_ID={value} is no domain"
    expected = Finding("ROS", "error", found, "`export ROS_DOMAIN_ID=0` to 101")
    assert ros.check(machine(ROS_DOMAIN_ID=value))[1] == expected


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"ROS_LOCALHOST_ONLY": "1"}, "ROS_LOCALHOST_ONLY"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"),
    ],
)
def test_nodes_that_hear_this_machine_only(machine, variables: dict[str, str], found: str) -> None:
    expected = Finding("ROS", "note", f"{found}: nodes of other machines are not heard")
    assert ros.check(machine(**variables))[2:] == [expected]


def test_nodes_that_hear_nobody(machine) -> None:
    found = "ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: nodes do not find each other"
    expected = Finding("ROS", "warning", found, "`unset ROS_AUTOMATIC_DISCOVERY_RANGE`")
    assert ros.check(machine(ROS_AUTOMATIC_DISCOVERY_RANGE="OFF"))[2:] == [expected]


@pytest.mark.parametrize(
    "variables", [{"ROS_LOCALHOST_ONLY": "true"}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, {}]
)
def test_nodes_that_hear_the_network(machine, variables: dict[str, str]) -> None:
    assert ros.check(machine(**variables))[2:] == []
