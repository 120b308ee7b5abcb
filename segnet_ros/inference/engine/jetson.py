# SPDX-License-Identifier: Apache-2.0
"""What engines depend on beyond the GPU on NVIDIA Jetson: Jetson Linux (L4T) and power mode."""

import re
from dataclasses import dataclass
from pathlib import Path

_RELEASE = re.compile(r"R(\d+)[^\n]*?REVISION:\s*([\d.]+)")
_ACTIVE_MODE = re.compile(r"pmode:\s*(\d+)")
_DEFAULT_MODE = re.compile(r"^\s*<\s*PM_CONFIG\s+DEFAULT=(\d+)", re.MULTILINE)
_MODE_NAME = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)", re.MULTILINE)
_MAX_CHARACTERS = 1 << 20


@dataclass(frozen=True)
class Jetson:
    """A Jetson module's software and power mode.

    Attributes:
        l4t: Release of Jetson Linux, such as "36.4.3".
        power_mode: As nvpmodel names it, such as "MAXN"; "unknown" where its files are missing,
            as in containers.

    """

    l4t: str
    power_mode: str


def find_jetson(root: Path = Path("/")) -> Jetson | None:
    """The Jetson that this is; None on other machines."""
    release = _RELEASE.search(_read(root / "etc/nv_tegra_release"))
    if release is None:
        return None
    return Jetson(f"{release[1]}.{release[2]}", _power_mode(root))


def _power_mode(root: Path) -> str:
    modes = _read(root / "etc/nvpmodel.conf")
    active = _ACTIVE_MODE.search(_read(root / "var/lib/nvpmodel/status"))
    # nvpmodel writes its state when a mode is set; before that the default holds.
    mode = active or _DEFAULT_MODE.search(modes)
    if mode is None:
        return "unknown"
    names: dict[int, str] = {int(number): name for number, name in _MODE_NAME.findall(modes)}
    return names.get(int(mode[1]), f"mode {int(mode[1])}")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_CHARACTERS)
    except OSError:
        return ""
