# SPDX-License-Identifier: Apache-2.0
"""Genuine subscriptions, read past the executor."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from peer import Peer
from rclpy.qos import QoSProfile
from std_msgs.msg import Int32

from segnet_ros.ros.image_reader import ImageReader, Unattended

KEPT = QoSProfile(depth=200)


@pytest.fixture
def lost() -> list[Exception]:
    return []


@pytest.fixture
def reader(peer: Peer, lost: list[Exception]) -> Iterator[ImageReader]:
    reader = ImageReader(peer.context, lost.append)
    yield reader
    reader.close()


def read(peer: Peer, reader: ImageReader, topic: str, callback: Any) -> Any:
    subscription = peer.node.create_subscription(
        Int32, topic, callback, KEPT, callback_group=reader.group
    )
    reader.add(subscription)
    return subscription


def publisher(peer: Peer, topic: str) -> Any:
    publisher = peer.node.create_publisher(Int32, topic, KEPT)
    peer.until(publisher.get_subscription_count, "the subscription")
    return publisher


def test_every_message_comes_once_in_order_and_in_the_readers_thread(
    peer: Peer, reader: ImageReader
) -> None:
    got: list[tuple[int, str]] = []
    read(peer, reader, "/a", lambda m: got.append((m.data, threading.current_thread().name)))
    a = publisher(peer, "/a")
    for number in range(100):
        a.publish(Int32(data=number))
        peer.executor.spin_once(timeout_sec=0)  # an executor that spins takes none of them
    peer.until(lambda: len(got) >= 100, "the messages")
    assert got == [(number, "images") for number in range(100)]


def test_subscriptions_come_and_go(peer: Peer, reader: ImageReader) -> None:
    got: dict[str, list[int]] = {"/a": [], "/b": []}
    a = read(peer, reader, "/a", lambda m: got["/a"].append(m.data))
    read(peer, reader, "/b", lambda m: got["/b"].append(m.data))
    to_a, to_b = publisher(peer, "/a"), publisher(peer, "/b")
    to_a.publish(Int32(data=1))
    to_b.publish(Int32(data=2))
    peer.until(lambda: got == {"/a": [1], "/b": [2]}, "a message on each")
    reader.remove(a)
    peer.node.destroy_subscription(a)
    peer.until(lambda: not to_a.get_subscription_count(), "the withdrawal")
    to_a.publish(Int32(data=3))
    to_b.publish(Int32(data=4))
    peer.until(lambda: got["/b"] == [2, 4], "the other to go on")
    assert got["/a"] == [1]


def test_a_callback_that_fails_is_reported_and_ends_nothing(
    peer: Peer, reader: ImageReader, lost: list[Exception]
) -> None:
    got: list[int] = []
    read(peer, reader, "/a", lambda m: got.append(10 // m.data))
    a = publisher(peer, "/a")
    for number in (0, 5):
        a.publish(Int32(data=number))
    peer.until(lambda: got, "the good one")
    assert got == [2]
    assert [type(error) for error in lost] == [ZeroDivisionError]


@pytest.mark.parametrize("asked", ["can_execute", "beginning_execution"])
def test_no_executor_gets_a_turn(asked: str) -> None:
    assert getattr(Unattended(), asked)(object()) is False


def test_coming_and_going_under_load(
    peer: Peer, reader: ImageReader, lost: list[Exception]
) -> None:
    ended = threading.Event()
    publishers = [peer.node.create_publisher(Int32, topic, KEPT) for topic in ("/a", "/b")]

    def publish() -> None:
        while not ended.wait(0.0005):
            for publisher in publishers:
                publisher.publish(Int32(data=1))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for _ in range(30):
            got: list[int] = []
            pair = [
                read(peer, reader, topic, lambda m, got=got: got.append(m.data))
                for topic in ("/a", "/b")
            ]
            peer.until(lambda got=got: len(got) > 3, "messages")
            for subscription in pair:
                reader.remove(subscription)
                peer.node.destroy_subscription(subscription)
    finally:
        ended.set()
        thread.join()
    assert lost == []


def test_it_ends_while_nothing_comes(peer: Peer) -> None:
    before = threading.active_count()
    reader = ImageReader(peer.context, lambda error: None)
    read(peer, reader, "/a", lambda message: None)
    assert threading.active_count() == before + 1
    reader.close()
    assert threading.active_count() == before


class Hesitant:
    """A subscription that takes its time when it is first asked for its handle."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription
        self.asked, self.removed = threading.Event(), threading.Event()
        self.removed_meanwhile: bool | None = None

    @property
    def handle(self) -> Any:
        self.asked.set()
        if self.removed_meanwhile is None:
            self.removed_meanwhile = self.removed.wait(0.2)
        return self._subscription.handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subscription, name)


def test_nothing_is_removed_before_the_reader_holds_it(peer: Peer, reader: ImageReader) -> None:
    """Who has removed a subscription may destroy it."""
    subscription = peer.node.create_subscription(
        Int32, "/a", lambda message: None, KEPT, callback_group=reader.group
    )
    hesitant = Hesitant(subscription)
    reader.add(hesitant)
    assert hesitant.asked.wait(10)
    reader.remove(hesitant)
    hesitant.removed.set()
    assert hesitant.removed_meanwhile is False


def test_bytes_that_are_no_message_are_told(
    peer: Peer, reader: ImageReader, lost: list[Exception]
) -> None:
    got: list[int] = []
    read(peer, reader, "/a", lambda message: got.append(message.data))
    a = publisher(peer, "/a")
    a.publish(b"\0\1\0\0\7\0")  # two of the number's four bytes
    peer.until(lambda: lost, "the report")
    a.publish(Int32(data=3))
    peer.until(lambda: got, "the next message")
    assert got == [3]
    (error,) = lost
    assert str(error).startswith("what came on /a is no Int32, or not a whole one; check what ")
