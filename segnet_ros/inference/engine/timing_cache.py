# SPDX-License-Identifier: Apache-2.0
"""TensorRT's timing cache, kept between builds: it saves most of the time of the next one."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from segnet_ros.inference.engine.cached_engine import safe_name
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.lock import locked_if_free
from segnet_ros.inference.engine.private_files import read_private, write_private
from segnet_ros.inference.engine.removal import lock_of
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing

SUFFIX = ".timing_cache"
_MAX_BYTES = 1 << 28
_CHECKSUM_BYTES = 32


def timing_cache_of(folder: Path, fingerprint: Fingerprint) -> Path:
    """The file for every engine that this TensorRT builds on this GPU with this driver."""
    origin = [fingerprint.flavour, fingerprint.version, fingerprint.gpu, fingerprint.driver]
    digest = hashlib.sha256(json.dumps(origin).encode()).hexdigest()[:16]
    builder = safe_name(f"{fingerprint.flavour}-{fingerprint.version}")
    return folder / f"{builder}-{digest}{SUFFIX}"


def read_timing_cache(path: Path) -> bytes:
    """What `write_timing_cache` wrote; empty if there is nothing, or it is damaged."""
    try:
        content = read_private(path, _MAX_BYTES)
    except (InferenceError, OSError):
        return b""
    checksum, timings = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    return timings if hashlib.sha256(timings).digest() == checksum else b""


def write_timing_cache(path: Path, timings: bytes) -> None:
    """Keep timings for later builds, which only take longer where this fails."""
    if not timings:
        return
    with suppress(OSError), locked_if_free(lock_of(path)) as is_held:
        if is_held:
            with replacing(path) as partial:
                write_private(partial, hashlib.sha256(timings).digest() + timings)
