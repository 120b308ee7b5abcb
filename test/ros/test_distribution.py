# SPDX-License-Identifier: Apache-2.0
"""The genuine rclpy, whole and with what Humble lacks taken out."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from peer import Peer
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from segnet_ros.ros import distribution
from segnet_ros.ros.distribution import PublisherEventCallbacks, SubscriptionEventCallbacks

TOPIC = "/told"


class FormerPublisherEventCallbacks(PublisherEventCallbacks):
    """Takes what Humble's takes."""

    def __init__(
        self,
        *,
        deadline: Callable[[Any], None] | None = None,
        liveliness: Callable[[Any], None] | None = None,
        incompatible_qos: Callable[[Any], None] | None = None,
        use_default_callbacks: bool = True,
    ) -> None:
        super().__init__(
            deadline=deadline,
            liveliness=liveliness,
            incompatible_qos=incompatible_qos,
            use_default_callbacks=use_default_callbacks,
        )


@pytest.fixture
def former(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as Humble's names and events make it."""
    module = ModuleType("rclpy.qos_event")
    module.PublisherEventCallbacks = FormerPublisherEventCallbacks
    module.SubscriptionEventCallbacks = SubscriptionEventCallbacks
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rclpy.event_handler", None)
        patch.setitem(sys.modules, "rclpy.qos_event", module)
        yield importlib.reload(distribution)
    importlib.reload(distribution)


@pytest.fixture
def events() -> list[str]:
    return []


def publish(peer: Peer, events: list[str]) -> Any:
    """A publisher that notes what it is told; the module may have been reloaded."""
    return peer.node.create_publisher(
        String,
        TOPIC,
        QoSProfile(depth=1),
        event_callbacks=distribution.publisher_events(lambda: events.append("matched")),
    )


def subscribe(peer: Peer, qos: QoSProfile) -> Any:
    return peer.node.create_subscription(String, TOPIC, lambda message: None, qos)


def has_matched_events() -> bool:
    """Asked of the middleware's binding, not of the class that the module asks."""
    from rclpy.impl.implementation_singleton import rclpy_implementation

    return hasattr(rclpy_implementation.rcl_publisher_event_type_t, "RCL_PUBLISHER_MATCHED")


def test_matched_events_are_offered_where_the_middleware_has_them() -> None:
    assert has_matched_events() == distribution.MATCHED_EVENTS


@pytest.mark.skipif(not has_matched_events(), reason="needs matched events: Iron or later")
def test_it_is_told_who_comes_and_goes(peer: Peer, events: list[str]) -> None:
    publish(peer, events)
    subscription = subscribe(peer, QoSProfile(depth=1))
    peer.until(lambda: events == ["matched"], "a subscriber to come")
    peer.node.destroy_subscription(subscription)
    peer.until(lambda: events == ["matched", "matched"], "it to go")


def handlers(entity: Any) -> int:
    """What the executor handles for it before each message."""
    return len(entity.event_handlers)


def test_nothing_else_burdens_the_executor(peer: Peer, events: list[str]) -> None:
    assert handlers(publish(peer, events)) == int(has_matched_events())
    told_nothing = peer.node.create_publisher(
        String, "/silent", 1, event_callbacks=distribution.publisher_events()
    )
    assert handlers(told_nothing) == 0
    subscription = peer.node.create_subscription(
        String, TOPIC, events.append, 1, event_callbacks=distribution.subscription_events()
    )
    assert handlers(subscription) == 0


def test_without_matched_events(former: ModuleType, peer: Peer, events: list[str]) -> None:
    assert not former.MATCHED_EVENTS
    publisher = publish(peer, events)
    subscribe(peer, QoSProfile(depth=1))
    peer.until(publisher.get_subscription_count, "a subscriber")
    assert handlers(publisher) == 0
    assert events == []


def test_the_former_names_serve(former: ModuleType) -> None:
    assert former.PublisherEventCallbacks is FormerPublisherEventCallbacks
    assert former.SubscriptionEventCallbacks is SubscriptionEventCallbacks
