"""Where the ROS distributions' rclpy differ: asked for by feature, not by name."""

import inspect
from collections.abc import Callable
from typing import Any

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # its name until Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

__all__ = [
    "MATCHED_EVENTS",
    "PublisherEventCallbacks",
    "SubscriptionEventCallbacks",
    "publisher_events",
]

# Without them, subscribers must be counted again and again.
MATCHED_EVENTS: bool = "matched" in inspect.signature(PublisherEventCallbacks).parameters


def publisher_events(
    incompatible_qos: Callable[[Any], None], matched: Callable[[], None]
) -> PublisherEventCallbacks:
    """What a publisher is to tell about its subscribers, in the executor's thread.

    Args:
        incompatible_qos: Called with rclpy's event when one comes whose QoS does not fit.
        matched: Called when one comes or goes; never without `MATCHED_EVENTS`.
    """
    more = {"matched": lambda event: matched()} if MATCHED_EVENTS else {}
    return PublisherEventCallbacks(incompatible_qos=incompatible_qos, **more)
