# SPDX-License-Identifier: Apache-2.0
"""Fast DDS as it comes drops most camera images on one host; the shipped profile mends that."""

import os
from collections.abc import MutableMapping

from segnet_ros.inference.shipped import shipped

# Both names are read, depending on the ROS distribution.
VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def use_large_message_profile(environment: MutableMapping[str, str] = os.environ) -> None:
    """Select config/fastdds.xml unless the user selected a profile; call before rclpy.init."""
    if not any(name in environment for name in VARIABLES):
        for name in VARIABLES:
            environment[name] = str(shipped("config/fastdds.xml"))
