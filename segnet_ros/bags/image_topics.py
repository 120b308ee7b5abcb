# SPDX-License-Identifier: Apache-2.0
"""Which image topics of a recording are worked on, and what their cameras are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import IMAGE_TYPE, Topic
from segnet_ros.inference.excerpts import listed, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_TRANSPORT = "/compressed"


def choose_image_topics(
    topics: Mapping[str, Topic], wanted: Sequence[str], all_images: bool, bag: str
) -> list[str]:
    """The image topics to work on, sorted by name.

    Args:
        topics: Of the recording.
        wanted: Names; none for the only image topic that there is.
        all_images: Whether every image topic is wanted. Where a camera was recorded both raw and
            compressed, the raw topic stands for it.
        bag: The recording, for errors.

    Raises:
        BagError: a wanted topic is missing or holds no images, there is no image topic at all, or
            several without a word on which.

    """
    images = {
        name: topic for name, topic in topics.items() if topic.holds_images and topic.count != 0
    }
    if wrong := sorted(set(wanted) - images.keys()):
        msg = (
            f"{bag} has no images on {listed(wrong)}; expected one or more of "
            f"{_listed(images) or 'none, for it has no images'}"
        )
        raise BagError(msg)
    if not images:
        msg = (
            f"{bag} has no images; expected sensor_msgs/msg/Image or CompressedImage. Topics "
            f"recorded: {_listed(topics) or 'none'}"
        )
        raise BagError(msg)
    if wanted:
        return sorted(set(wanted))
    found = _without_compressed_copies(images)
    if len(found) > 1 and not all_images:
        msg = (
            f"{bag} has {len(found)} image topics; name those to work on with --topic, or take all "
            f"with --all-images: {_listed(images)}"
        )
        raise BagError(msg)
    return sorted(found)


def camera_names(topics: Collection[str]) -> dict[str, str]:
    """A camera's name for each image topic: empty for a single one, as the node has it.

    "/front/image_raw/compressed" is of the camera "front", "/robot/left/image" of "robot/left".
    Topics that would share a name keep their own in full.
    """
    if len(topics) == 1:
        return dict.fromkeys(topics, "")
    short = {topic: _camera(topic) for topic in topics}
    names = list(short.values())
    return {
        topic: name if name and names.count(name) == 1 else topic.strip("/")
        for topic, name in short.items()
    }


def _camera(topic: str) -> str:
    namespace, _, last = topic.removesuffix(_TRANSPORT).rpartition("/")
    return (namespace if last.startswith("image") else f"{namespace}/{last}").strip("/")


def _without_compressed_copies(topics: Mapping[str, Topic]) -> list[str]:
    raw = {name for name, topic in topics.items() if topic.type == IMAGE_TYPE}
    return [name for name in topics if name in raw or name.removesuffix(_TRANSPORT) not in raw]


def _listed(topics: Mapping[str, Topic]) -> str:
    return listed(f"{plain(name)} ({plain(topic.type)})" for name, topic in sorted(topics.items()))
