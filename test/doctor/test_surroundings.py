# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from segnet_ros.doctor.surroundings import Surroundings


def test_files_are_read_below_the_root_without_the_nul_of_device_trees(machine) -> None:
    here = machine({"proc/device-tree/model": "Jetson\0"})
    assert here.read("proc/device-tree/model") == "Jetson"


def test_files_that_cannot_be_read_are_empty(machine) -> None:
    here = machine({"etc/a": "text"})
    assert here.read("etc/none") == ""
    assert here.read("etc") == ""


def test_variables_that_are_not_set_are_empty(machine) -> None:
    here = machine(ROS_DISTRO="humble")
    assert (here.variable("ROS_DISTRO"), here.variable("RMW_IMPLEMENTATION")) == ("humble", "")


def test_distributions_are_those_that_can_be_sourced(machine) -> None:
    files = {"opt/ros/jazzy/setup.bash": "", "opt/ros/humble/setup.bash": "", "opt/ros/x/y": ""}
    assert machine(files).ros_distributions() == ["humble", "jazzy"]


def test_prefixes_are_those_of_ament(machine) -> None:
    here = machine(AMENT_PREFIX_PATH="/ws/install/segnet_ros::/opt/ros/jazzy")
    assert list(here.prefixes()) == [Path("/ws/install/segnet_ros"), Path("/opt/ros/jazzy")]
    assert list(machine().prefixes()) == []


def test_the_wanted_model_is_the_default_one_unless_named() -> None:
    assert Surroundings().wanted_model == "segnet_light_camvid"
    assert Surroundings(model="mine").wanted_model == "mine"
