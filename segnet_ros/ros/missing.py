# SPDX-License-Identifier: Apache-2.0
"""What comes with a ROS distribution but not from PyPI, and what its absence costs."""

from importlib.util import find_spec

_COSTS = {
    "vision_msgs": "no ~/label_info; the same facts are in ~/model_info, as JSON",
    "diagnostic_updater": "its parameters are not there; /diagnostics is the same",
    "cv_bridge": "images in rare encodings, beyond those of common cameras, are refused",
}


def missing_packages() -> list[str]:
    """One line per absent package."""
    return [
        f"{package} is not installed: {cost}"
        for package, cost in _COSTS.items()
        if find_spec(package) is None
    ]
