# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

from segnet_ros.inference.engine.jetson_health import JetsonHealth
from segnet_ros.ros.jetson_diagnostics import jetson_message, jetson_values

JETSON = JetsonHealth(
    {"gpu-thermal": 62.31, "cpu-thermal": 51.5}, "MAXN", "throttled: too hot", 0.987, {"oc1": 3}
)


def test_everything_that_is_known() -> None:
    assert jetson_values(JETSON) == {
        "power mode": "MAXN",
        "throttled": "throttled: too hot",
        "GPU load [%]": "99",
        "gpu-thermal [deg C]": "62.3",
        "cpu-thermal [deg C]": "51.5",
        "throttled by oc1": "3",
    }
    assert jetson_values(replace(JETSON, gpu_load=None))["GPU load [%]"] == "unknown"


def test_the_hottest_part_is_named() -> None:
    assert jetson_message(JETSON) == "MAXN, hottest: gpu-thermal 62 deg C"
    assert jetson_message(replace(JETSON, temperatures={})) == "MAXN"
