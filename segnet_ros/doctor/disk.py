# SPDX-License-Identifier: Apache-2.0
"""Room for engines: a build needs space beside what is there."""

import shutil

from segnet_ros.doctor.areas import DISK
from segnet_ros.doctor.finding import Finding, from_error
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.errors import InferenceError

_GIB = 2**30
_NEEDED = _GIB


def check(here: Surroundings) -> list[Finding]:
    """Look at the free space where engines are kept."""
    try:
        folder = EngineCache(here.cache).folder
    except InferenceError as error:
        return [from_error(DISK, "warning", error)]
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIB:.1f} GiB free in {folder}"
    if free < _NEEDED:
        remedy = "make room, or choose another folder with --cache"
        return [Finding(DISK, "warning", f"{found}; engines may not fit", remedy)]
    return [Finding(DISK, "ok", found)]
