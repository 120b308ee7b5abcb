# SPDX-License-Identifier: Apache-2.0
"""What OpenCV's decoders may do with a file somebody else made."""

import os
from collections.abc import MutableMapping

from segnet_ros.inference.picture_header import MAX_PIXELS

# Containers that hold their pictures themselves. FFmpeg's others include playlists, which make it
# open whatever further files and addresses they name.
_CONTAINERS = (
    "mov", "avi", "matroska", "webm", "mpegts", "mpeg", "mpegvideo", "ogg", "flv", "asf",
    "h264", "hevc", "mjpeg", "m4v", "gif",
)  # fmt: skip

LIMITS = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS),
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": (
        f"protocol_whitelist;file|format_whitelist;{','.join(_CONTAINERS)}"
    ),
}


def limit_opencv(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what the user has not set. OpenCV reads the first limit once, when it is imported."""
    for name, value in LIMITS.items():
        environment.setdefault(name, value)
