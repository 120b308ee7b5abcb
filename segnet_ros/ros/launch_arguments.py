# SPDX-License-Identifier: Apache-2.0
"""What the launch files' arguments mean: checked, typed and spelled out for every camera.

Needs no launch system, so that it is tested where none is installed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from segnet_ros.inference.excerpts import shown

CAMERA = "{camera}"
"""Stands for a camera's name in topics and paths."""

RENAMED = ("label", "confidence", "label_info")
"""Outputs that have an argument of their own for their topic."""

_SHOWN = ("label", "confidence", "color", "overlay")
_NAME = re.compile("[A-Za-z][A-Za-z0-9_]{0,63}")

Rules = Iterator[tuple[str, str]]


class LaunchArgumentError(RuntimeError):
    """A launch argument is wrong; the message says what was expected."""


class LaunchArguments:
    """The values of the arguments, by their names.

    Args:
        values: Every declared argument; what was not given has its default.

    Attributes:
        cameras: Names of the cameras; one empty name for a node with a single camera.

    Raises:
        LaunchArgumentError: they contradict each other, or the cameras are no names.

    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.cameras = _camera_names(values["cameras"])
        if values["replay"] and values["bag"]:
            msg = "replay and bag are both given; expected one of them"
            raise LaunchArgumentError(msg)
        if values["rate"] and not values["replay"]:
            msg = "rate is given without replay, which alone heeds it"
            raise LaunchArgumentError(msg)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def is_on(self, name: str) -> bool:
        """Whether a switch is "true"."""
        return self[name] == "true"

    def typed(self, name: str, kind: type) -> Any:
        """The value as a str, bool, int or float.

        Raises:
            LaunchArgumentError: it is no such number.

        """
        if kind is bool:
            return self.is_on(name)
        try:
            return kind(self[name])
        except ValueError:
            expected = "a whole number" if kind is int else "a number"
            msg = f"{name} is {shown(self[name])}; expected {expected}"
            raise LaunchArgumentError(msg) from None

    def path(self, name: str, camera: str = "") -> str:
        """A file or folder, that of one camera where {camera} stands in the value.

        Raises:
            LaunchArgumentError: it does not exist.

        """
        given = self[name].replace(CAMERA, camera)
        try:
            given = str(Path(given).expanduser())
            Path(given).stat()
        # RuntimeError: ~ of an unknown user; ValueError: what no file's name can hold.
        except (OSError, RuntimeError, ValueError):
            msg = f"{name} is {shown(given)}, which does not exist"
            raise LaunchArgumentError(msg) from None
        return given

    def topic(self, name: str, camera: str) -> str:
        """One camera's topic.

        Raises:
            LaunchArgumentError: several cameras would share it, or it has {camera} without any.

        """
        pattern = self[name]
        if len(self.cameras) > 1 and CAMERA not in pattern:
            msg = (
                f"{name} is {shown(pattern)} for {len(self.cameras)} cameras; expected a pattern "
                f"such as /{CAMERA}/{name}"
            )
            raise LaunchArgumentError(msg)
        if CAMERA in pattern and not camera:
            msg = (
                f"{name} is {shown(pattern)}, but cameras is empty; expected names such as "
                "cameras:=front,left"
            )
            raise LaunchArgumentError(msg)
        return pattern.replace(CAMERA, camera)

    @property
    def sim_time(self) -> bool | None:
        """Whether /clock is the time; None leaves that to the parameter file."""
        if self["use_sim_time"] == "auto":
            return True if self["bag"] else None
        return self.is_on("use_sim_time")

    @property
    def remappings(self) -> list[tuple[str, str]]:
        """The node's names and those asked for instead."""
        return [rule for camera in self.cameras for rule in self._rules(camera)]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The topics of the RViz configurations, and where they really are."""
        return [rule for camera in self.cameras for rule in self._shown(camera)]

    def _rules(self, camera: str) -> Rules:
        prefix = f"{camera}/" if camera else ""
        image = self.topic("image", camera)
        yield f"{prefix}image", image
        yield f"{prefix}image/compressed", f"{image}/compressed"
        yield f"{prefix}camera_info", self._calibration(camera)
        for output in filter(self.__getitem__, RENAMED):
            yield f"~/{prefix}{output}", self.topic(output, camera)
        if self["label"]:
            yield f"~/{prefix}label/compressed", f"{self.topic('label', camera)}/compressed"

    def _calibration(self, camera: str) -> str:
        if self["camera_info"]:
            return self.topic("camera_info", camera)
        folder, slash, _ = self.topic("image", camera).rpartition("/")
        return f"{folder}{slash}camera_info"

    def _shown(self, camera: str) -> Rules:
        prefix = f"{camera}/" if camera else ""
        yield f"{prefix}image", self.topic("image", camera)
        for output in _SHOWN:
            if output in RENAMED and self[output]:
                topic = self.topic(output, camera)
            else:
                topic = f"{self['node_name']}/{prefix}{output}"
            yield f"segmentation/{prefix}{output}", topic


def misspelt(given: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """Say which arguments look like one that exists; launch takes any name in silence.

    Args:
        given: Command-line arguments, `name:=value`.
        known: Names that exist. Others may belong to an including launch file.

    """
    names = [*known]
    for name in (text.partition(":=")[0] for text in given):
        meant = get_close_matches(name, names, 1, 0.8)
        if meant and meant != [name]:
            yield f"segnet_ros has no argument {name}; did you mean {meant[0]}?"


def _camera_names(text: str) -> tuple[str, ...]:
    if not text:
        return ("",)
    names = tuple(name.strip() for name in text.split(","))
    if not all(map(_NAME.fullmatch, names)) or len(set(names)) < len(names):
        msg = (
            f"cameras is {shown(text)}; expected different names of up to 64 letters, digits and "
            "_, separated by commas, such as front,left"
        )
        raise LaunchArgumentError(msg)
    return names
