"""Message definitions that recordings are read and written with."""

from functools import cache

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore


@cache
def typestore() -> Typestore:
    """Return the message definitions recordings are read with.

    Always the ones of Jazzy: the image messages are the same in every ROS 2 distribution, and
    many recordings carry no definitions.
    """
    return get_typestore(Stores.ROS2_JAZZY)
