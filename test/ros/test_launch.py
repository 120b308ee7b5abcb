# SPDX-License-Identifier: Apache-2.0
"""The launch files, read by the genuine launch system, which comes with a ROS distribution."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="needs launch_ros: a ROS distribution")

from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import ExecuteProcess
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import LifecycleNode, Node
from launch_ros.substitutions import ExecutableInPackage
from launch_ros.utilities import evaluate_parameters

from segnet_ros.ros.fastdds import VARIABLES
from segnet_ros.ros.launch_arguments import LaunchArgumentError

ROOT = Path(__file__).parents[2]
ONE, SEVERAL = "segmentation", "cameras"
MINIMAL = {ONE: {}, SEVERAL: {"cameras": "front,left"}}


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExecutableInPackage, "perform", lambda self, context: "segnet")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class Launched:
    """What a launch file would start, in `processes`; nothing is started."""

    def __init__(self, file: str, **given: str) -> None:
        self.context = LaunchContext()
        self.context.launch_configurations.update({**MINIMAL[file], **given})
        self.processes: list[Any] = []
        self._visit(description(file))

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        if isinstance(entity, ExecuteProcess):
            self.processes.append(entity)
            return
        for inner in entity.visit(self.context) or ():
            self._visit(inner)

    @property
    def node(self) -> Any:
        (node,) = (process for process in self.processes if isinstance(process, LifecycleNode))
        return node

    @property
    def parameters(self) -> Sequence[Any]:
        """Of the node: a file, then what overrides it."""
        return evaluate_parameters(self.context, self.node._Node__parameters)

    @property
    def footage(self) -> list[list[str]]:
        """The commands that publish images."""
        played = [process for process in self.processes if not isinstance(process, Node)]
        return [self.command(process) for process in played]

    def command(self, process: ExecuteProcess) -> list[str]:
        return [self._text(part) for part in process.cmd]

    def rules(self, node: Any) -> dict[str, str]:
        return {self._text(a): self._text(b) for a, b in node._Node__remappings}

    def environment(self, process: ExecuteProcess) -> dict[str, str]:
        return {self._text(a): self._text(b) for a, b in process.additional_env}

    def _text(self, parts: Any) -> str:
        return str(perform_substitutions(self.context, parts))


def description(file: str) -> Any:
    path = ROOT / "launch" / f"{file}.launch.py"
    return PythonLaunchDescriptionSource(str(path)).get_launch_description(LaunchContext())


def test_only_what_is_given_overrides_the_file() -> None:
    file, overrides = Launched(ONE).parameters
    assert file == ROOT / "config" / "segmentation.yaml"
    assert overrides == {"autostart": True}


def test_arguments_reach_the_node_with_their_types() -> None:
    given = {"runtime": "tensorrt", "engine_cache": "/kept", "model": "2025", "taxonomy": "no"}
    launched = Launched(
        ONE, **given, build_engine="false", overlay_legend="true", batch_size="4", autostart="false"
    )
    assert launched.parameters[-1] == {
        **given,
        "build_engine": False,
        "overlay_legend": True,
        "batch_size": 4,
        "autostart": False,
    }


def test_the_cameras_of_one_node() -> None:
    launched = Launched(SEVERAL, batch_size="2")
    overrides = launched.parameters[-1]
    assert list(overrides.pop("cameras")) == ["front", "left"]
    assert overrides == {"batch_size": 2, "autostart": True}
    assert launched.processes == [launched.node]
    rules = launched.rules(launched.node)
    assert rules["front/image"] == "/front/image_raw"
    assert rules["left/image/compressed"] == "/left/image_raw/compressed"
    assert rules["left/camera_info"] == "/left/camera_info"


def test_a_replay_for_every_camera_publishes_where_its_camera_is_expected(tmp_path: Path) -> None:
    for camera in ("front", "left"):
        (tmp_path / camera).mkdir()
    launched = Launched(
        SEVERAL,
        image="{camera}/image",
        namespace="robot",
        replay=str(tmp_path / "{camera}"),
        rate="12.5",
        loop="true",
        image_transport="compressed",
    )
    wanted = ["--rate", "12.5", "--compressed", "--loop"]
    assert launched.footage == [
        ["segnet", "replay", f"{tmp_path}/{name}", "--image-topic", f"/robot/{name}/image", *wanted]
        for name in ("front", "left")
    ]


def test_a_replay_follows_a_pushed_namespace(tmp_path: Path) -> None:
    launched = Launched(ONE, ros_namespace="/fleet", namespace="robot", replay=str(tmp_path))
    assert launched.footage[0][3:] == ["--image-topic", "/fleet/robot/image"]
    launched = Launched(ONE, ros_namespace="/fleet", image="/cam", replay=str(tmp_path))
    assert launched.footage[0][3:] == ["--image-topic", "/cam"]


def test_a_bag_comes_with_its_clock(tmp_path: Path) -> None:
    launched = Launched(ONE, bag=str(tmp_path), loop="true")
    assert launched.footage == [["ros2", "bag", "play", str(tmp_path), "--loop", "--clock"]]
    assert launched.parameters[-1]["use_sim_time"] is True
    launched = Launched(ONE, bag=str(tmp_path), use_sim_time="false")
    assert launched.footage == [["ros2", "bag", "play", str(tmp_path), "--clock"]]
    assert launched.parameters[-1]["use_sim_time"] is False


@pytest.mark.parametrize(
    ("file", "config", "topic"),
    [
        (ONE, "segmentation.rviz", "segmentation/overlay"),
        (SEVERAL, "cameras.rviz", "segmentation/left/overlay"),
    ],
)
def test_rviz_shows_the_topics_of_this_node(file: str, config: str, topic: str) -> None:
    launched = Launched(file, rviz="true", node_name="street")
    rviz = launched.processes[0]  # first, see the launch file
    assert launched.command(rviz)[1:3] == ["-d", str(ROOT / "config" / config)]
    assert launched.rules(rviz)[topic] == topic.replace("segmentation", "street")


def test_everything_started_has_the_profile_for_large_messages(tmp_path: Path) -> None:
    profile = dict.fromkeys(VARIABLES, str(ROOT / "config" / "fastdds.xml"))
    for footage in ({"replay": str(tmp_path)}, {"bag": str(tmp_path)}):
        launched = Launched(ONE, **footage, rviz="true")
        assert [*map(launched.environment, launched.processes)] == [profile] * 3


def test_the_users_own_profile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], "/etc/mine.xml")
    launched = Launched(ONE)
    assert launched.environment(launched.node) == {VARIABLES[0]: "/etc/mine.xml"}


@pytest.mark.parametrize("file", [ONE, SEVERAL])
def test_every_argument_is_described_and_its_default_allowed(file: str) -> None:
    declared = description(file).get_launch_arguments()
    assert len(declared) > 20
    for argument in declared:
        assert argument.description.endswith((".", "]")), argument.name
        default = argument.default_value and perform_substitutions(
            LaunchContext(), argument.default_value
        )
        assert not argument.choices or default in argument.choices, argument.name


def test_several_cameras_differ_from_one_in_these_arguments_only() -> None:
    one, several = (
        {argument.name: argument.default_value for argument in declared}
        for declared in (description(file).get_launch_arguments() for file in (ONE, SEVERAL))
    )
    assert one.keys() == several.keys()
    context = LaunchContext()
    differ = {
        name
        for name in one
        if several[name] is None
        or perform_substitutions(context, one[name])
        != perform_substitutions(context, several[name])
    }
    assert differ == {"cameras", "image", "rviz_config"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"params_file": "/no.yaml"}, "params_file is '/no.yaml', which does not exist"),
        ({"replay": "/no.mp4"}, "replay is '/no.mp4', which does not exist"),
        ({"bag": "/no"}, "bag is '/no', which does not exist"),
        ({"batch_size": "two"}, "batch_size is 'two'; expected a whole number"),
        ({"replay": "/", "rate": "fast"}, "rate is 'fast'; expected a number"),
    ],
)
def test_a_wrong_argument(given: dict[str, str], message: str) -> None:
    with pytest.raises(LaunchArgumentError) as error:
        Launched(ONE, **given)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["runtime", "precision", "image_transport", "autostart"])
def test_a_choice_that_is_none(name: str) -> None:
    with pytest.raises(RuntimeError, match=f'Argument "{name}" provided value "x" is not valid'):
        Launched(ONE, **{name: "x"})
