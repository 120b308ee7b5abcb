# SPDX-License-Identifier: Apache-2.0
"""vision_msgs without its package: what the ids in a label image mean, as LabelInfo."""

from functools import cache

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

LABEL_INFO_TYPE = "vision_msgs/msg/LabelInfo"
VISION_CLASS_TYPE = "vision_msgs/msg/VisionClass"

_DEFINITIONS = {
    LABEL_INFO_TYPE: "std_msgs/Header header\nvision_msgs/VisionClass[] class_map\n"
    "float32 threshold\n",
    VISION_CLASS_TYPE: "uint16 class_id\nstring class_name\n",
}
"""Of vision_msgs 4.1.1, which PyPI lacks; the same since the messages came to be in 4.0.0."""


@cache
def label_type_store() -> Typestore:
    """The types that labelled recordings are written with: those of ROS 2 Jazzy and LabelInfo."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in _DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    return store
