# SPDX-License-Identifier: Apache-2.0
"""What is said about packages that PyPI does not have."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from segnet_ros.ros import missing
from segnet_ros.ros.missing import missing_packages

PACKAGES = ("vision_msgs", "diagnostic_updater", "cv_bridge")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of those that are found; the others are not."""
    names: set[str] = set()
    monkeypatch.setattr(
        missing, "find_spec", lambda name: ModuleSpec(name, None) if name in names else None
    )
    return names


def test_each_with_its_cost(installed: set[str]) -> None:
    lines = missing_packages()
    assert [line.partition(" is not installed: ")[0] for line in lines] == list(PACKAGES)
    label_info, updater, bridge = lines
    assert "no ~/label_info" in label_info
    assert "~/model_info" in label_info  # where else to find it
    assert "/diagnostics is the same" in updater
    assert "rare encodings" in bridge


@pytest.mark.parametrize("present", PACKAGES)
def test_only_what_is_absent(installed: set[str], present: str) -> None:
    installed.add(present)
    lines = missing_packages()
    assert [line.split()[0] for line in lines] == [name for name in PACKAGES if name != present]


def test_nothing_with_a_whole_distribution(installed: set[str]) -> None:
    installed.update(PACKAGES)
    assert missing_packages() == []


def test_looks_without_importing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cv_bridge.py").write_text("raise SystemError('was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
    assert not any(line.startswith("cv_bridge") for line in missing_packages())
