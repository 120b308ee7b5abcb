# SPDX-License-Identifier: Apache-2.0
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
    "subscription_events",
]

# Without them, subscribers must be counted again and again.
MATCHED_EVENTS: bool = "matched" in inspect.signature(PublisherEventCallbacks).parameters


def publisher_events(matched: Callable[[], None] | None = None) -> PublisherEventCallbacks:
    """What a publisher is to tell about its subscribers, in the executor's thread.

    rclpy's executor goes through every kind of event of every publisher each time it wakes, so the
    usual ones, which log what does not fit, are left out: diagnostics find that, too, and name both
    sides.

    Args:
        matched: Called when one comes or goes; never without `MATCHED_EVENTS`.

    """
    wanted: dict[str, Any] = {}
    if matched is not None and MATCHED_EVENTS:
        wanted["matched"] = lambda _event: matched()
    return PublisherEventCallbacks(use_default_callbacks=False, **wanted)


def subscription_events() -> SubscriptionEventCallbacks:
    """None at all, for the same reason."""
    return SubscriptionEventCallbacks(use_default_callbacks=False)
