# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from xml.etree import ElementTree as ET

from segnet_ros.ros.fastdds import VARIABLES, use_large_message_profile


def test_the_shipped_profile_has_room_for_images() -> None:
    environment: dict[str, str] = {}
    use_large_message_profile(environment)
    assert set(environment) == set(VARIABLES)
    profile = ET.parse(Path(environment[VARIABLES[0]]))
    sizes = [int(e.text) for e in profile.iter("{http://www.eprosima.com}segment_size")]
    assert sizes == [64 * 1024 * 1024]


def test_the_users_own_profile_stays() -> None:
    environment = {VARIABLES[1]: "/etc/mine.xml"}
    use_large_message_profile(environment)
    assert environment == {VARIABLES[1]: "/etc/mine.xml"}
