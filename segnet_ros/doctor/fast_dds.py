# SPDX-License-Identifier: Apache-2.0
"""Fast DDS: whether its profile leaves room for camera images."""

from pathlib import Path
from xml.etree import ElementTree as ET  # nosec B405  # see where it is used

from segnet_ros.doctor.areas import MIDDLEWARE
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.shipped import shipped

_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
_MIB = 2**20
# Several 1080p images; Fast DDS comes with half a MiB, which holds no VGA image.
_NEEDED_SEGMENT = 16 * _MIB


def check_profile(here: Surroundings) -> list[Finding]:
    """Look at the profile that the environment names."""
    chosen = {name: here.variable(name) for name in _VARIABLES if here.variable(name)}
    if not chosen:
        found = (
            "no Fast DDS profile: our node takes its own, with room for images; a camera driver "
            "started without one loses most of them"
        )
        return [Finding(MIDDLEWARE, "note", found, _remedy())]
    findings = [_profile(name, Path(file)) for name, file in chosen.items()]
    if len(chosen) < len(_VARIABLES):
        (missing,) = set(_VARIABLES) - chosen.keys()
        (given,) = chosen
        found = f"{missing} is not set; ROS distributions differ in which of the two they read"
        findings.append(Finding(MIDDLEWARE, "note", found, f"`export {missing}=${given}`"))
    return findings


def _profile(variable: str, file: Path) -> Finding:
    try:
        segment = _segment_size(file)
    except OSError as error:
        return _unusable(f"{variable}: {file} cannot be read ({error.strerror})")
    except ET.ParseError as error:
        return _unusable(f"{variable}: {file} is no XML ({error})")
    found = f"{variable}: {file}, shared memory of {segment / _MIB:.1f} MiB"
    if segment < _NEEDED_SEGMENT:
        return _unusable(f"{found}, too little for images")
    return Finding(MIDDLEWARE, "ok", found)


def _unusable(found: str) -> Finding:
    return Finding(MIDDLEWARE, "warning", found, _remedy())


def _segment_size(file: Path) -> int:
    """Of the largest transport, bytes; 0 if the profile has none of its own."""
    tree = ET.parse(file)  # noqa: S314  # nosec B314  # the user's own
    sizes = [(item.text or "").strip() for item in tree.iterfind(".//{*}segment_size")]
    return max((int(size) for size in sizes if size.isdigit()), default=0)


def _remedy() -> str:
    exports = " ".join(f"{name}={shipped('config/fastdds.xml')}" for name in _VARIABLES)
    return f"before starting the camera driver: `export {exports}`"
