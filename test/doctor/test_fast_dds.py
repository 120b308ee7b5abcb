# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from segnet_ros.doctor.fast_dds import check_profile
from segnet_ros.doctor.finding import Finding
from segnet_ros.inference.shipped import shipped

NEW, OLD = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
SHIPPED = str(shipped("config/fastdds.xml"))
REMEDY = f"before starting the camera driver: `export {NEW}={SHIPPED} {OLD}={SHIPPED}`"


def test_no_profile(machine) -> None:
    found = (
        "no Fast DDS profile: our node takes its own, with room for images; a camera driver "
        "started without one loses most of them"
    )
    assert check_profile(machine()) == [Finding("middleware", "note", found, REMEDY)]


def test_the_shipped_profile_under_both_names(machine) -> None:
    assert check_profile(machine(**{NEW: SHIPPED, OLD: SHIPPED})) == [
        Finding("middleware", "ok", f"{name}: {SHIPPED}, shared memory of 64.0 MiB")
        for name in (NEW, OLD)
    ]


@pytest.mark.parametrize(("given", "missing"), [(NEW, OLD), (OLD, NEW)])
def test_a_profile_under_one_name(machine, given: str, missing: str) -> None:
    found = f"{missing} is not set; ROS distributions differ in which of the two they read"
    expected = Finding("middleware", "note", found, f"`export {missing}=${given}`")
    assert check_profile(machine(**{given: SHIPPED}))[1:] == [expected]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            (
                '<dds xmlns="http://www.eprosima.com"><a><segment_size>1048576</segment_size></a>'
                "<a><segment_size> 2097152 </segment_size></a></dds>"
            ),
            "shared memory of 2.0 MiB, too little for images",
        ),
        ("<dds><segment_size>much</segment_size></dds>", "of 0.0 MiB, too little for images"),
        ("<dds/>", "shared memory of 0.0 MiB, too little for images"),
        ("<dds>", "is no XML (no element found: line 1, column 5)"),
    ],
)
def test_profiles_without_room(machine, tmp_path: Path, content: str, found: str) -> None:
    file = tmp_path / "mine.xml"
    file.write_text(content)
    finding = check_profile(machine(**{OLD: str(file)}))[0]
    assert (finding.level, finding.remedy) == ("warning", REMEDY)
    assert finding.found.startswith(f"{OLD}: {file}")
    assert finding.found.endswith(found)


def test_a_profile_that_is_not_there(machine, tmp_path: Path) -> None:
    file = tmp_path / "none.xml"
    found = f"{OLD}: {file} cannot be read (No such file or directory)"
    assert check_profile(machine(**{OLD: str(file)}))[0] == Finding(
        "middleware", "warning", found, REMEDY
    )


def test_a_profile_with_just_enough_room(machine, tmp_path: Path) -> None:
    file = tmp_path / "mine.xml"
    file.write_text(f"<dds><segment_size>{16 * 2**20}</segment_size></dds>")
    assert check_profile(machine(**{OLD: str(file)}))[0].level == "ok"
