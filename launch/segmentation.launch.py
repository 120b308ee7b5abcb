"""Start the segmentation node, and RViz if asked.

ros2 launch segnet_ros segmentation.launch.py image:=/camera/image_raw rviz:=true
"""

from ament_index_python.packages import get_package_share_path
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from launch import LaunchDescription

SHARE = get_package_share_path("segnet_ros")

# Arguments that override the parameter file, where they are given.
OVERRIDES = {
    "model": "Folder of model.yaml and model.onnx, or name of a shipped model.",
    "runtime": "auto, openvino or tensorrt; auto is tensorrt where that and a GPU are found.",
    "precision": "Of the TensorRT engine: fp16, int8 or fp8, as the model was exported with.",
    "engine_cache": "Folder of built TensorRT engines instead of the user's cache folder.",
    "image_transport": "raw or compressed.",
}
SWITCHES = ("autostart", "build_engine", "use_sim_time")


def generate_launch_description():
    """Declare the arguments; the nodes depend on them."""
    arguments = [
        DeclareLaunchArgument("image", default_value="image", description="Camera topic."),
        *(
            DeclareLaunchArgument(name, default_value="", description=text)
            for name, text in OVERRIDES.items()
        ),
        DeclareLaunchArgument(
            "build_engine",
            default_value="",
            choices=["", "true", "false"],
            description="true builds a missing TensorRT engine on configure, which takes minutes.",
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "segmentation.yaml"),
            description="ROS parameters.",
        ),
        DeclareLaunchArgument("namespace", default_value="", description="Of the node."),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            choices=["true", "false"],
            description="Configure and activate at start; false leaves it to a lifecycle manager.",
        ),
        DeclareLaunchArgument(
            "use_sim_time", default_value="false", choices=["true", "false"],
            description="Take the time from /clock, as with `ros2 bag play --clock`.",
        ),
        DeclareLaunchArgument(
            "rviz", default_value="false", choices=["true", "false"], description="Start RViz too."
        ),
    ]  # fmt: skip
    return LaunchDescription([*arguments, OpaqueFunction(function=_segmentation), _rviz()])


def _segmentation(context):
    given = {
        name: value
        for name in (*OVERRIDES, *SWITCHES)
        if (value := context.launch_configurations[name])
    }
    overrides = {
        name: value == "true" if name in SWITCHES else value for name, value in given.items()
    }
    image = LaunchConfiguration("image")
    return [
        LifecycleNode(
            package="segnet_ros",
            executable="segnet",
            arguments=["node"],
            name="segmentation",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), overrides],
            remappings=[("image", image), ("image/compressed", [image, "/compressed"])],
            output="screen",
            emulate_tty=True,
        )
    ]


def _rviz():
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", str(SHARE / "config" / "segmentation.rviz")],
        remappings=[("image", LaunchConfiguration("image"))],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
