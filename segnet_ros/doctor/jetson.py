# SPDX-License-Identifier: Apache-2.0
"""NVIDIA Jetson: JetPack and power mode."""

import re

from segnet_ros.doctor.areas import JETSON
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.jetson import Jetson, find_jetson

_JETPACKS = {
    "36.3.0": "6.0", "36.4.0": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1", "36.4.7": "6.2.1",
    "36.5.0": "6.2.2", "36.5.2": "6.2.3", "38.2.0": "7.0", "38.2.1": "7.0", "38.4.0": "7.1",
    "39.2.0": "7.2", "39.2.1": "7.2.1",
}  # fmt: skip
_MAJORS = {"35": "5", "36": "6", "38": "7", "39": "7"}
_OLDEST_MAJOR = 36
_MODE = re.compile(r"^\s*<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=([^\s>]+)", re.MULTILINE)


def check(here: Surroundings) -> list[Finding]:
    """Look at the Jetson; nothing on other machines."""
    jetson = find_jetson(here.root)
    if jetson is None:
        return []
    return [_release(jetson), _power(jetson, here.read("etc/nvpmodel.conf"))]


def _release(jetson: Jetson) -> Finding:
    major = jetson.l4t.partition(".")[0]
    padded = ".".join([*jetson.l4t.split("."), "0"][:3])
    jetpack = _JETPACKS.get(padded) or f"{_MAJORS.get(major, '?')}, release not known here"
    found = f"Jetson Linux {jetson.l4t} (JetPack {jetpack})"
    if int(major) < _OLDEST_MAJOR:
        return Finding(
            JETSON, "warning", f"{found} is older than JetPack 6", "flash JetPack 6 or 7"
        )
    return Finding(JETSON, "ok", found)


def _power(jetson: Jetson, configuration: str) -> Finding:
    modes = {name: number for number, name in _MODE.findall(configuration)}
    if jetson.power_mode not in modes:
        return Finding(
            JETSON,
            "note",
            f"power mode {jetson.power_mode}",
            "`sudo nvpmodel -q` tells the mode, /etc/nvpmodel.conf names the others",
        )
    fastest = max(modes, key=_speed)
    if jetson.power_mode == fastest:
        return Finding(JETSON, "ok", f"power mode {fastest}, the fastest of {len(modes)}")
    return Finding(
        JETSON,
        "warning",
        f"power mode {jetson.power_mode}; {fastest} is faster",
        f"`sudo nvpmodel -m {modes[fastest]}`, then `sudo jetson_clocks`, before building "
        "engines: those of another power mode are built anew",
    )


def _speed(mode: str) -> tuple[bool, bool, int]:
    """Modes without a limit first, MAXN_SUPER above MAXN, then by watts."""
    watts = re.search(r"\d+", mode)
    return "MAXN" in mode, "SUPER" in mode, int(watts[0]) if watts else 0
