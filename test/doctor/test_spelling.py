# SPDX-License-Identifier: Apache-2.0

import os
import sys
from pathlib import Path

import pytest

from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.spelling import spelled, speller

TEXT = "`segnet run` or `pip install x`, not segnet run"


def executable(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter with nothing beside it."""
    path = tmp_path / "env/bin/python3"
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(os, "__file__", str(tmp_path / "lib/os.py"))
    return path


def test_commands_on_the_path_stay(machine, python: Path) -> None:
    for name in ("segnet", "pip"):
        executable(python.with_name(name))
    assert speller(machine(PATH=str(python.parent)))(TEXT) == TEXT


def test_commands_off_the_path_go_through_python(machine, python: Path) -> None:
    assert speller(machine())(TEXT) == (
        f"`{python} -m segnet_ros run` or `{python} -m pip install x`, not segnet run"
    )


def test_pip_of_another_python_is_not_taken(machine, python: Path, tmp_path: Path) -> None:
    executable(tmp_path / "other/pip")
    spell = speller(machine(PATH=str(tmp_path / "other")))
    assert spell("`pip install x`") == f"`{python} -m pip install x`"


@pytest.mark.usefixtures("python")
def test_commands_of_a_workspace_go_through_ros(machine, tmp_path: Path) -> None:
    executable(tmp_path / "ws/lib/segnet_ros/segnet")
    here = machine(AMENT_PREFIX_PATH=str(tmp_path / "ws"))
    assert speller(here)("`segnet run x`") == "`ros2 run segnet_ros segnet run x`"


def test_ubuntus_own_python_wants_a_word(
    machine, python: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/EXTERNALLY-MANAGED").touch()
    expected = f"`{python} -m pip install x`"
    assert speller(machine())("`pip install x`") == expected
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert speller(machine())("`pip install x`") == (
        f"`{python} -m pip install --break-system-packages x`"
    )


def test_both_texts_of_a_finding_are_spelled() -> None:
    finding = Finding("a", "note", "found", "remedy")
    assert spelled(finding, str.upper) == Finding("a", "note", "FOUND", "REMEDY")
