# SPDX-License-Identifier: Apache-2.0
"""Start one segmentation node for several cameras: segmentation.launch.py with other defaults.

ros2 launch segnet_ros cameras.launch.py cameras:=front,left,right image:=/{camera}/image_raw
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

SHARE = Path(__file__).parents[1]


def generate_launch_description() -> LaunchDescription:
    """Declare first what differs: an argument that has a value keeps it in the included file."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "cameras", description="Names of the cameras, separated by commas: front,left."
            ),
            DeclareLaunchArgument(
                "image",
                default_value="/{camera}/image_raw",
                description="Pattern of the camera topics, without /compressed.",
            ),
            DeclareLaunchArgument(
                "rviz_config",
                default_value=str(SHARE / "config" / "cameras.rviz"),
                description="What RViz shows; the shipped file shows front, left and right.",
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(SHARE / "launch" / "segmentation.launch.py"))
            ),
        ]
    )
