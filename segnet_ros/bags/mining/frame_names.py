# SPDX-License-Identifier: Apache-2.0
"""Names of files for frames of recordings: BAG_CAMERA_STAMP."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from segnet_ros.bags.image_topics import camera_names
from segnet_ros.bags.places import is_url, local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segnet_ros.bags.mining.mining import ScoredFrame

BAG_RULE = "^(.+)_[^_]+_[0-9-]+"
"""Regular expression whose group is the recording in a frame's name."""

_SUFFIX = re.compile(r"\.(mcap|db3)(\.zstd)?$")


def frame_names(frames: Sequence[ScoredFrame], cameras: Mapping[str, set[str]]) -> list[str]:
    """Name frames, each otherwise.

    Args:
        frames: No two of them of the same topic and time.
        cameras: Image topics by recording, of all recordings there are.

    """
    bags = bag_names(list(cameras))
    names = [
        f"{bags[frame.bag]}_{_camera(frame.topic, cameras[frame.bag])}_{frame.stamp_ns}"
        for frame in frames
    ]
    # Some drivers give every frame the same stamp.
    often = Counter(names)
    return [
        name if often[name] == 1 else f"{name}-{frame.time_ns}"
        for name, frame in zip(names, frames, strict=True)
    ]


def _camera(topic: str, topics: set[str]) -> str:
    """Without underscores, so that it can be told from the recording."""
    return re.sub(r"[\W_]+", "-", camera_names(topics)[topic]).strip("-") or "camera"


def bag_names(bags: Sequence[str]) -> dict[str, str]:
    """Name recordings by their folders or files, and by the folders above where these are alike.

    Args:
        bags: Paths or URLs, each once.

    """
    paths = [_parts(bag) for bag in bags]
    for depth in range(1, max(map(len, paths), default=0) + 1):
        names = ["-".join(path[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(bags, names, strict=True))
    return {bag: f"bag{number}" for number, bag in enumerate(bags)}


def _parts(bag: str) -> list[str]:
    path = PurePosixPath(bag) if is_url(bag) else Path(local_path(bag)).resolve()
    *folders, last = path.parts
    cleaned = [re.sub(r"[^\w.-]+", "-", part) for part in (*folders, _SUFFIX.sub("", last))]
    return [part.strip("-.") or "bag" for part in cleaned]
