# SPDX-License-Identifier: Apache-2.0
"""How an NVIDIA Jetson bears its load: temperatures, power mode, throttling, GPU load."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segnet_ros.inference.engine.jetson import find_jetson

# Degrees Celsius: what the sensor of a part without power reads, where reading it does not fail.
_OFFLINE = -256.0
# The fan is no throttling, and hot-surface-alert (from 70 degrees) only warns whoever touches it.
_THROTTLING = re.compile(r"throttle-alert$|cpufreq|devfreq")
_GPU = re.compile(r"gpu|gv11b|ga10b")
_ALARMS = {
    "oc1": "under-voltage",
    "oc2": "average over-current",
    "oc3": "instantaneous over-current",
}


@dataclass(frozen=True)
class JetsonHealth:
    """A reading.

    Attributes:
        temperatures: Degrees Celsius by thermal zone; without zones whose part has no power.
        power_mode: See `Jetson`.
        throttled: Why clocks are held down, and what to do; empty if they are not.
        gpu_load: 0..1; None where the kernel does not tell, as on Thor.
        alarms: How often the power supply's alarms have throttled since the start, by name.

    """

    temperatures: Mapping[str, float]
    power_mode: str
    throttled: str
    gpu_load: float | None
    alarms: Mapping[str, int] = field(default_factory=dict)


def read_jetson_health(
    root: Path = Path("/"), previous: JetsonHealth | None = None
) -> JetsonHealth | None:
    """Read some 50 small files under /sys; None on other machines. What is absent is left out.

    Args:
        root: Of the file system.
        previous: The reading before. The alarms only count: whether they throttle now is known
            from two readings, so without one they are not taken for throttling.

    """
    jetson = find_jetson(root)
    if jetson is None:
        return None
    alarms = _alarms(root / "sys/class/hwmon")
    before = alarms if previous is None else previous.alarms
    reasons = [_too_hot(root / "sys/class/thermal"), _too_much_power(alarms, before)]
    return JetsonHealth(
        temperatures=_temperatures(root / "sys/class/thermal"),
        power_mode=jetson.power_mode,
        throttled="; ".join(filter(None, reasons)),
        gpu_load=_gpu_load(root / "sys/class/devfreq"),
        alarms=alarms,
    )


def _temperatures(thermal: Path) -> dict[str, float]:
    temperatures: dict[str, float] = {}
    for zone in _folders(thermal, "thermal_zone"):
        name, millidegrees = _text(zone / "type") or zone.name, _number(zone / "temp")
        if millidegrees is not None and millidegrees / 1000 > _OFFLINE:
            unique = f"{name} ({zone.name})" if name in temperatures else name
            temperatures[unique] = millidegrees / 1000
    return temperatures


def _too_hot(thermal: Path) -> str:
    named = ((device, _text(device / "type")) for device in _folders(thermal, "cooling_device"))
    active = [
        name
        for device, name in named
        if _THROTTLING.search(name) and (_number(device / "cur_state") or 0) > 0
    ]
    return f"throttled: too hot ({', '.join(active)}); check fan and air flow" if active else ""


def _alarms(hwmon: Path) -> dict[str, int]:
    # The number of the hwmon folder changes between starts; its name does not.
    devices = [each for each in _folders(hwmon, "hwmon") if _text(each / "name") == "soctherm_oc"]
    counts = {
        meaning: _number(device / f"{alarm}_event_cnt")
        for device in devices
        for alarm, meaning in _ALARMS.items()
    }
    return {meaning: count for meaning, count in counts.items() if count is not None}


def _too_much_power(alarms: Mapping[str, int], before: Mapping[str, int]) -> str:
    new = {name: count - before.get(name, count) for name, count in alarms.items()}
    told = ", ".join(f"{count} x {name}" for name, count in new.items() if count > 0)
    return f"throttled: {told}; check the power supply or choose a lower power mode" if told else ""


def _gpu_load(devfreq: Path) -> float | None:
    for device in _folders(devfreq, ""):
        load = _number(device / "device/load") if _GPU.search(device.name) else None
        if load is not None:
            return load / 1000
    return None


def _folders(parent: Path, prefix: str) -> list[Path]:
    try:
        found = [path for path in parent.iterdir() if path.name.startswith(prefix)]
    except OSError:
        return []
    # Shorter names first, as zone 10 comes after zone 9.
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # also a sensor without power: EAGAIN
        return ""
