# SPDX-License-Identifier: Apache-2.0
"""What a Jetson's kernel tells under /sys, laid out as on Orin and on Thor."""

from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.inference.engine.jetson_health import JetsonHealth, read_jetson_health


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


def _named(folder: str, kind: str, content: str, values: dict[str, str]) -> dict[str, str]:
    """thermal_zone0/type, thermal_zone0/temp, ... from {type: temp}."""
    files = {}
    for number, (name, value) in enumerate(values.items()):
        files[f"sys/class/thermal/{folder}{number}/{kind}"] = name
        files[f"sys/class/thermal/{folder}{number}/{content}"] = value
    return files


def _zones(**millidegrees: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in millidegrees.items()}
    return _named("thermal_zone", "type", "temp", named)


def _cooling(values: dict[str, str]) -> dict[str, str]:
    return _named("cooling_device", "type", "cur_state", values)


def _alarms(oc1: int, oc2: int, oc3: int, number: int = 3) -> dict[str, str]:
    folder = f"sys/class/hwmon/hwmon{number}"
    counts = {f"{folder}/oc{n}_event_cnt": str(c) for n, c in enumerate((oc1, oc2, oc3), 1)}
    return {f"{folder}/name": "soctherm_oc", **counts}


BOARD = {
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=2 NAME=MAXN_SUPER >",
    "var/lib/nvpmodel/status": "pmode:0002",
}
AT_REST = {
    "cpufreq-cpu0": "0",
    "cpufreq-cpu4": "0",
    "devfreq-17000000.gpu": "0",
    "pwm-fan": "3",
    "cpu-throttle-alert": "0",
    "gpu-throttle-alert": "0",
    "hot-surface-alert": "1",
}
ORIN = {
    **BOARD,
    **_zones(cpu_thermal="52187", gpu_thermal="48500", cv0_thermal="-256000", tj_thermal="52187"),
    **_cooling(AT_REST),
    **_alarms(0, 0, 41),
    "sys/class/hwmon/hwmon9/name": "pwm_tach",
    "sys/class/hwmon/hwmon9/oc1_event_cnt": "99",
    "sys/class/devfreq/15340000.vic/device/load": "999",
    "sys/class/devfreq/17000000.gpu/device/load": "437",
}


def _health(root: Path) -> JetsonHealth:
    health = read_jetson_health(root)
    assert health is not None
    return health


def test_other_machines(tmp_path: Path) -> None:
    _write(tmp_path, {name: text for name, text in ORIN.items() if name.startswith("sys")})
    assert read_jetson_health(tmp_path) is None


def test_this_machine() -> None:
    assert (read_jetson_health() is None) == (not Path("/etc/nv_tegra_release").exists())


def test_orin(tmp_path: Path) -> None:
    assert _health(_write(tmp_path, ORIN)) == JetsonHealth(
        temperatures={"cpu-thermal": 52.187, "gpu-thermal": 48.5, "tj-thermal": 52.187},
        power_mode="MAXN_SUPER",
        throttled="",
        gpu_load=0.437,
        alarms={
            "under-voltage": 0,
            "average over-current": 0,
            "instantaneous over-current": 41,
        },
    )


def test_thor(tmp_path: Path) -> None:
    thor = {
        **BOARD,
        "etc/nv_tegra_release": "# R38 (release), REVISION: 2.0, GCID: 1, BOARD: generic",
        **_zones(gpu_thermal="109000", soc012_thermal="90500"),
        **_cooling({"gpu-throttle-alert": "1", "devfreq-gpu-gpc-0": "18", "cpufreq-cpu12": "0"}),
        **_alarms(0, 0, 0, number=5),
        "sys/class/devfreq/gpu-gpc-0/cur_freq": "1575000000",
    }
    health = _health(_write(tmp_path, thor))
    assert health.temperatures == {"gpu-thermal": 109.0, "soc012-thermal": 90.5}
    assert health.gpu_load is None
    assert health.throttled == (
        "throttled: too hot (gpu-throttle-alert, devfreq-gpu-gpc-0); check fan and air flow"
    )


@pytest.mark.parametrize("gpu", ["17000000.gpu", "17000000.ga10b", "17000000.gv11b"])
def test_the_gpu_is_known_by_its_name(tmp_path: Path, gpu: str) -> None:
    root = _write(tmp_path, {**BOARD, f"sys/class/devfreq/{gpu}/device/load": "1000"})
    assert _health(root).gpu_load == 1.0


def test_nothing_but_the_release_is_there(tmp_path: Path) -> None:
    root = _write(tmp_path, {"etc/nv_tegra_release": BOARD["etc/nv_tegra_release"]})
    assert _health(root) == JetsonHealth({}, "unknown", "", None, {})


@pytest.mark.parametrize("device", sorted(AT_REST))
def test_what_counts_as_throttling(tmp_path: Path, device: str) -> None:
    _write(tmp_path, {**ORIN, **_cooling(AT_REST | {device: "2"})})
    harmless = device in ("pwm-fan", "hot-surface-alert")
    expected = "" if harmless else f"throttled: too hot ({device}); check fan and air flow"
    assert _health(tmp_path).throttled == expected


def test_alarms_throttle_when_they_count_on(tmp_path: Path) -> None:
    first = _health(_write(tmp_path, ORIN))
    again = read_jetson_health(tmp_path, first)
    assert again == first
    _write(tmp_path, _alarms(2, 0, 53))
    third = read_jetson_health(tmp_path, again)
    assert third is not None
    assert third.throttled == (
        "throttled: 2 x under-voltage, 12 x instantaneous over-current; check the power supply "
        "or choose a lower power mode"
    )
    assert read_jetson_health(tmp_path, third) == replace(third, throttled="")


def test_alarms_that_were_unreadable_before_are_not_new(tmp_path: Path) -> None:
    _write(tmp_path, ORIN)
    blind = replace(_health(tmp_path), alarms={})
    health = read_jetson_health(tmp_path, blind)
    assert health is not None
    assert health.throttled == ""


def test_heat_and_power_are_both_told(tmp_path: Path) -> None:
    first = _health(_write(tmp_path, ORIN))
    _write(tmp_path, {**_cooling(AT_REST | {"cpufreq-cpu0": "7"}), **_alarms(0, 1, 41)})
    health = read_jetson_health(tmp_path, first)
    assert health is not None
    assert health.throttled == (
        "throttled: too hot (cpufreq-cpu0); check fan and air flow; throttled: 1 x average "
        "over-current; check the power supply or choose a lower power mode"
    )


def test_zones_of_one_name_are_told_apart(tmp_path: Path) -> None:
    zones = {f"sys/class/thermal/thermal_zone{n}/type": "tmp451" for n in (2, 10)}
    temps = {f"sys/class/thermal/thermal_zone{n}/temp": f"{n}0000" for n in (2, 10)}
    health = _health(_write(tmp_path, {**BOARD, **zones, **temps}))
    assert health.temperatures == {"tmp451": 20.0, "tmp451 (thermal_zone10)": 100.0}


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    _write(tmp_path, ORIN)
    for name in ("thermal_zone0/temp", "cooling_device0/cur_state"):
        path = tmp_path / "sys/class/thermal" / name
        path.unlink()
        path.symlink_to(path)  # reading it fails with ELOOP, as root's too
    (tmp_path / "sys/class/thermal/thermal_zone1/temp").write_text("rubbish\n")
    (tmp_path / "sys/class/devfreq/17000000.gpu/device/load").write_bytes(b"\xff\xfe")
    (tmp_path / "sys/class/hwmon/hwmon3/oc1_event_cnt").write_text("")
    health = _health(tmp_path)
    assert health.temperatures == {"tj-thermal": 52.187}
    assert (health.throttled, health.gpu_load) == ("", None)
    assert health.alarms == {"average over-current": 0, "instantaneous over-current": 41}
