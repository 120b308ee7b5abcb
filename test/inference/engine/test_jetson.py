# SPDX-License-Identifier: Apache-2.0
"""Jetson facts, read from the files that Jetson Linux writes."""

from pathlib import Path

import pytest

from segnet_ros.inference.engine.jetson import Jetson, find_jetson

RELEASE = (
    "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, "
    "DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\n"
)
MODES = """< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_0 /sys/devices/system/cpu/cpu0/online

< POWER_MODEL ID=0 NAME=15W >
GPU MAX_FREQ 612000000
< POWER_MODEL ID=1 NAME=25W >
GPU MAX_FREQ 918000000
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
GPU MAX_FREQ -1
< PM_CONFIG DEFAULT=1 >
# < POWER_MODEL ID=0 NAME=COMMENT >
"""


def _root(
    folder: Path, release: str = RELEASE, modes: str | None = MODES, status: str | None = None
) -> Path:
    (folder / "etc").mkdir()
    (folder / "etc/nv_tegra_release").write_text(release)
    if modes is not None:
        (folder / "etc/nvpmodel.conf").write_text(modes)
    if status is not None:
        (folder / "var/lib/nvpmodel").mkdir(parents=True)
        (folder / "var/lib/nvpmodel/status").write_text(status)
    return folder


def test_other_machines(tmp_path: Path) -> None:
    assert find_jetson(tmp_path) is None


def test_this_machine() -> None:
    assert (find_jetson() is None) == (not Path("/etc/nv_tegra_release").exists())


@pytest.mark.parametrize(
    ("release", "l4t"),
    [
        (RELEASE, "36.4.3"),
        ("# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref", "35.4.1"),
        ("# R38 (release), REVISION: 2.0, GCID: 1, BOARD: generic", "38.2.0"),
        ("# R36 (release), REVISION: 4", "36.4"),
    ],
)
def test_release(tmp_path: Path, release: str, l4t: str) -> None:
    jetson = find_jetson(_root(tmp_path, release=release))
    assert jetson is not None
    assert jetson.l4t == l4t


def test_an_unreadable_release_is_no_jetson(tmp_path: Path) -> None:
    assert find_jetson(_root(tmp_path, release="Ubuntu 22.04")) is None


@pytest.mark.parametrize(
    ("status", "mode"),
    [
        ("pmode:0002", "MAXN_SUPER"),
        ("pmode:0000 fmode:quiet\n", "15W"),
        (None, "25W"),
        ("", "25W"),
        ("pmode:0007", "mode 7"),
    ],
)
def test_power_mode(tmp_path: Path, status: str | None, mode: str) -> None:
    assert find_jetson(_root(tmp_path, status=status)) == Jetson("36.4.3", mode)


@pytest.mark.parametrize(("status", "mode"), [(None, "unknown"), ("pmode:0002", "mode 2")])
def test_power_mode_inside_a_container(tmp_path: Path, status: str | None, mode: str) -> None:
    assert find_jetson(_root(tmp_path, modes=None, status=status)) == Jetson("36.4.3", mode)


def test_binary_rubbish_is_no_mode(tmp_path: Path) -> None:
    root = _root(tmp_path)
    (root / "etc/nvpmodel.conf").write_bytes(bytes(range(256)))
    assert find_jetson(root) == Jetson("36.4.3", "unknown")
