# SPDX-License-Identifier: Apache-2.0
"""A Jetson's diagnostics: power mode, temperatures, throttling."""

from segnet_ros.inference.engine.jetson_health import JetsonHealth


def jetson_message(jetson: JetsonHealth) -> str:
    """How the Jetson fares while nothing holds its clocks down."""
    if not jetson.temperatures:
        return jetson.power_mode
    zone, degrees = max(jetson.temperatures.items(), key=lambda reading: reading[1])
    return f"{jetson.power_mode}, hottest: {zone} {degrees:.0f} deg C"


def jetson_values(jetson: JetsonHealth) -> dict[str, str]:
    """Everything that is known of the Jetson."""
    load = "unknown" if jetson.gpu_load is None else f"{100 * jetson.gpu_load:.0f}"
    return {
        "power mode": jetson.power_mode,
        "throttled": jetson.throttled,
        "GPU load [%]": load,
        **{f"{zone} [deg C]": f"{degrees:.1f}" for zone, degrees in jetson.temperatures.items()},
        **{f"throttled by {alarm}": str(count) for alarm, count in jetson.alarms.items()},
    }
