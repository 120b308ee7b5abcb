# SPDX-License-Identifier: Apache-2.0
"""Start the segmentation node, on request with footage and RViz.

ros2 launch segnet_ros segmentation.launch.py image:=/camera/image_raw rviz:=true
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.logging import get_logger
from launch_ros.actions import LifecycleNode, Node
from launch_ros.substitutions import ExecutableInPackage
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from segnet_ros.ros.fastdds import VARIABLES, use_large_message_profile
from segnet_ros.ros.launch_arguments import CAMERA, LaunchArguments, misspelt

PACKAGE = "segnet_ros"
SHARE = Path(__file__).parents[1]
RESPAWN_SECONDS = 2.0
SWITCH = ("true", "false")
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")

# Parameters of the node, with type and choices. An empty argument leaves them to params_file.
PARAMETERS: Mapping[str, tuple[type, tuple[str, ...], str]] = {
    "model": (str, (), "Folder of model.yaml and model.onnx, or the name of a shipped model."),
    "taxonomy": (
        str,
        (),
        "YAML file, or name of a shipped one, that maps the model's classes to the robot's.",
    ),
    "runtime": (
        str,
        ("auto", "openvino", "tensorrt"),
        "Library that runs the network; auto is tensorrt where that and a GPU are found.",
    ),
    "precision": (
        str,
        ("fp16", "int8", "fp8"),
        "Of the TensorRT engine; the model must have been exported with it.",
    ),
    "engine_cache": (str, (), "Folder of built TensorRT engines."),
    "build_engine": (
        bool,
        SWITCH,
        "Whether configuring builds a missing TensorRT engine, which takes minutes.",
    ),
    "image_transport": (
        str,
        ("raw", "compressed"),
        "raw subscribes to the image topic, compressed to <image>/compressed (JPEG, PNG).",
    ),
    "label_size": (
        str,
        ("camera", "network"),
        "Size of the published labels and confidences: the camera's or the network's.",
    ),
    "overlay_legend": (bool, SWITCH, "Whether class names are drawn into the overlay."),
    "batch_size": (int, (), "Frames of several cameras in one inference, at most."),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; what is started depends on them."""
    return LaunchDescription([*_arguments(), OpaqueFunction(function=_start)])


def _arguments() -> Iterator[DeclareLaunchArgument]:
    yield from _topic_arguments()
    for name, (_, choices, text) in PARAMETERS.items():
        yield _argument(name, "", f"{text} Empty: as in params_file.", *choices)
    yield _argument("params_file", str(SHARE / "config" / "segmentation.yaml"), "ROS parameters.")
    yield from _process_arguments()
    yield from _footage_arguments()
    yield _argument("rviz", "false", "Start RViz, too.", *SWITCH)
    config = SHARE / "config" / "segmentation.rviz"
    yield _argument("rviz_config", str(config), "What RViz shows.")


def _topic_arguments() -> Iterator[DeclareLaunchArgument]:
    yield _argument("image", "image", "Camera topic, without /compressed.")
    yield _argument("camera_info", "", "Calibration's topic. Empty: camera_info beside the image.")
    yield _argument("label", "", "Topic for ~/label, followed by ~/label/compressed.")
    yield _argument("confidence", "", "Topic for ~/confidence.")
    yield _argument("label_info", "", "Topic for ~/label_info.")
    yield _argument(
        "cameras",
        "",
        "Names of several cameras, separated by commas, for one node; all topics above are then "
        f"patterns with {CAMERA}. Empty: one camera. See cameras.launch.py.",
    )


def _process_arguments() -> Iterator[DeclareLaunchArgument]:
    yield _argument("namespace", "", "Namespace of the node.")
    yield _argument("node_name", "segmentation", "Name of the node and, with it, of its topics.")
    yield _argument(
        "autostart",
        "true",
        "Configure and activate at start, also after a respawn; false leaves that to a lifecycle "
        "manager.",
        *SWITCH,
    )
    yield _argument("respawn", "false", "Start the node again when it dies.", *SWITCH)
    yield _argument("log_level", "info", "How much the node logs.", *LOG_LEVELS)
    yield _argument(
        "use_sim_time",
        "auto",
        "Take the time from /clock. auto: if bag is given, else as in params_file.",
        *("auto", *SWITCH),
    )


def _footage_arguments() -> Iterator[DeclareLaunchArgument]:
    yield _argument(
        "replay",
        "",
        f"Video, bag or folder to publish as the camera by `segnet replay`; with {CAMERA} in it, "
        "another one for each camera.",
    )
    yield _argument("rate", "", "Images per second of replay. Empty: as recorded, or 30.")
    yield _argument("bag", "", "Bag to play by `ros2 bag play --clock`.")
    yield _argument("loop", "false", "Start replay or bag again at its end.", *SWITCH)


def _argument(name: str, default: str, text: str, *choices: str) -> DeclareLaunchArgument:
    allowed = [default, *(choice for choice in choices if choice != default)] if choices else None
    return DeclareLaunchArgument(name, default_value=default, description=text, choices=allowed)


def _start(context: LaunchContext) -> list[ExecuteProcess]:
    """Everything asked for, now that the arguments are known."""
    for remark in misspelt(context.argv, [argument.name for argument in _arguments()]):
        get_logger(PACKAGE).warning(remark)
    arguments = LaunchArguments(context.launch_configurations)
    profile = _fastdds_profile(context.environment)
    pushed = context.launch_configurations.get("ros_namespace")
    return [
        # First: where it is not installed, launch gives up and would leave the others running.
        *_rviz(arguments, profile),
        _node(arguments, profile),
        *_replays(arguments, profile, prefix_namespace(pushed, arguments["namespace"])),
        *_bag(arguments, profile),
    ]


def _fastdds_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that select the large-message profile, or the user's own."""
    selected = dict(environment)
    use_large_message_profile(selected)
    return {name: selected[name] for name in VARIABLES if name in selected}


def _node(arguments: LaunchArguments, profile: Mapping[str, str]) -> LifecycleNode:
    return LifecycleNode(
        package=PACKAGE,
        executable="segnet",
        arguments=["node"],
        name=arguments["node_name"],
        exec_name=arguments["node_name"],  # in front of its log lines
        namespace=arguments["namespace"],
        parameters=[arguments.path("params_file"), _parameters(arguments)],
        remappings=arguments.remappings,
        ros_arguments=["--log-level", arguments["log_level"]],
        respawn=arguments.is_on("respawn"),
        respawn_delay=RESPAWN_SECONDS,
        additional_env=profile,
        output="screen",
        emulate_tty=True,
    )


def _parameters(arguments: LaunchArguments) -> dict[str, Any]:
    """What overrides params_file."""
    given: dict[str, Any] = {
        name: arguments.typed(name, kind)
        for name, (kind, _, _) in PARAMETERS.items()
        if arguments[name]
    }
    if arguments["cameras"]:
        given["cameras"] = arguments.cameras
    if arguments.sim_time is not None:
        given["use_sim_time"] = arguments.sim_time
    return {**given, "autostart": arguments.is_on("autostart")}


def _replays(
    arguments: LaunchArguments, profile: Mapping[str, str], namespace: str
) -> Iterator[ExecuteProcess]:
    for camera in arguments.cameras if arguments["replay"] else ():
        # The replay knows neither namespaces nor remapping.
        topic = prefix_namespace(namespace, arguments.topic("image", camera))
        rate = ["--rate", str(arguments.typed("rate", float))] if arguments["rate"] else []
        jpeg = ["--compressed"] if arguments["image_transport"] == "compressed" else []
        loop = ["--loop"] if arguments.is_on("loop") else []
        yield ExecuteProcess(
            cmd=[
                ExecutableInPackage(package=PACKAGE, executable="segnet"),
                *("replay", arguments.path("replay", camera)),
                *("--image-topic", make_namespace_absolute(topic)),
                *(*rate, *jpeg, *loop),
            ],
            name=f"replay_{camera}" if camera else "replay",
            additional_env=profile,
            output="screen",
        )


def _bag(arguments: LaunchArguments, profile: Mapping[str, str]) -> Iterator[ExecuteProcess]:
    if arguments["bag"]:
        loop = ["--loop"] if arguments.is_on("loop") else []
        yield ExecuteProcess(
            # --clock last: it would take what follows for its frequency.
            cmd=["ros2", "bag", "play", arguments.path("bag"), *loop, "--clock"],
            name="bag",
            additional_env=profile,
            output="screen",
        )


def _rviz(arguments: LaunchArguments, profile: Mapping[str, str]) -> Iterator[Node]:
    if arguments.is_on("rviz"):
        yield Node(
            package="rviz2",
            executable="rviz2",
            namespace=arguments["namespace"],
            arguments=["-d", arguments.path("rviz_config")],
            parameters=[{"use_sim_time": bool(arguments.sim_time)}],
            remappings=arguments.shown,
            additional_env=profile,
        )
