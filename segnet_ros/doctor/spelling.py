# SPDX-License-Identifier: Apache-2.0
"""Commands as the user's terminal finds them."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

# Where colcon puts our command: only `ros2 run` finds it there.
_IN_WORKSPACE = "lib/segnet_ros/segnet"


def speller(here: Surroundings) -> Callable[[str], str]:
    """What turns `segnet` and `pip install` into commands for this terminal and this Python."""
    ours, pip = _segnet(here), _pip(here)

    def spell(text: str) -> str:
        return text.replace("`segnet ", f"`{ours} ").replace("`pip install ", f"`{pip} ")

    return spell


def spelled(finding: Finding, spell: Callable[[str], str]) -> Finding:
    """A finding with its commands spelled."""
    return replace(finding, found=spell(finding.found), remedy=spell(finding.remedy))


def _segnet(here: Surroundings) -> str:
    if shutil.which("segnet", path=here.variable("PATH")):
        return "segnet"
    if any((prefix / _IN_WORKSPACE).is_file() for prefix in here.prefixes()):
        return "ros2 run segnet_ros segnet"
    return f"{sys.executable} -m segnet_ros"


def _pip(here: Surroundings) -> str:
    found = shutil.which("pip", path=here.variable("PATH"))
    is_ours = found is not None and Path(found).parent == Path(sys.executable).parent
    pip = "pip" if is_ours else f"{sys.executable} -m pip"
    return f"{pip} install --break-system-packages" if _is_managed() else f"{pip} install"


def _is_managed() -> bool:
    """Whether the distribution keeps its Python to itself, as Ubuntu does from 23.04 (PEP 668)."""
    marker = Path(os.__file__).with_name("EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and marker.is_file()
