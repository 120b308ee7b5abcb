# SPDX-License-Identifier: Apache-2.0
"""A camera's pictures, one at a time, each with what comes of it."""

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from peer import LATCHED, RELIABLE, Peer, image, pixels
from std_msgs.msg import String

if TYPE_CHECKING:
    from sensor_msgs.msg import Image

_STAMPS = count(100)


def picture(seed: int, height: int = 12, width: int = 16) -> np.ndarray:
    """uint8 [height, width, 3]; no two channels of a pixel are equal."""
    rng = np.random.default_rng(seed)
    values = np.sort(rng.choice(84, (height, width, 3)), axis=2) * 3 + np.arange(3)
    return rng.permuted(values, axis=2).astype(np.uint8)


class Stream:
    """Publishes pictures and waits for the outputs with the same stamp.

    Attributes:
        outputs: What came, by topic.
        facts: `~/model_info` as it came.
        publisher: The camera's.
    """

    def __init__(self, peer: Peer, *topics: str, camera: str = "") -> None:
        self.peer = peer
        prefix = f"/segmentation/{camera and camera + '/'}"
        self.facts: list[String] = peer.subscribe(f"{prefix}model_info", LATCHED, String)
        self.outputs: dict[str, list[Image]] = {
            topic: peer.subscribe(f"{prefix}{topic}") for topic in topics
        }
        self.publisher = peer.camera(f"{camera and '/' + camera}/image", RELIABLE)
        self._wait_for_all()

    def _wait_for_all(self) -> None:
        """The node sees its listeners one after the other."""
        first = image(picture(0), "rgb8", (1, 0))
        self.peer.publish_until(self.publisher, first, lambda: all(self.outputs.values()))
        self.show(picture(0))
        self.peer.until(lambda: self.facts, "the facts")

    def send(self, shown: np.ndarray, stamp: tuple[int, int] | None = None) -> int:
        """Publish; the answer is the stamp's seconds."""
        stamp = stamp or (next(_STAMPS), 0)
        self.publisher.publish(image(shown, "rgb8", stamp))
        return stamp[0]

    def show(self, shown: np.ndarray, stamp: tuple[int, int] | None = None) -> dict[str, Any]:
        """Publish, and wait for all outputs: their pixels."""
        sent = self.send(shown, stamp)
        self.peer.until(lambda: self.came(sent), f"what comes of the frame {sent}")
        return self.of(sent)

    def came(self, sent: int) -> bool:
        """Whether all outputs of a frame are there."""
        return all(
            any(message.header.stamp.sec == sent for message in messages)
            for messages in self.outputs.values()
        )

    def of(self, sent: int) -> dict[str, Any]:
        """Pixels by topic."""
        return {
            topic: next(pixels(m) for m in messages if m.header.stamp.sec == sent)
            for topic, messages in self.outputs.items()
        }


def leave(peer: Peer) -> None:
    """Let a peer that several tests share listen and publish no more, but to the diagnostics."""
    for subscription in [*peer.node.subscriptions]:
        if subscription.topic_name != "/diagnostics":
            peer.node.destroy_subscription(subscription)
    for publisher in [*peer.node.publishers]:
        if publisher.topic_name.endswith("image"):
            peer.node.destroy_publisher(publisher)
    for client in [*peer.node.clients]:
        peer.node.destroy_client(client)
