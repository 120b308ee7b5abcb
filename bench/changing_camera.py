# SPDX-License-Identifier: Apache-2.0
"""A camera as a process that sends what it is told to, and says of every frame that it has sent it.

Every line of standard input is a JSON object such as
{"encoding": "nv12", "size": [640, 480], "count": 30, "rate": 15}. Every line of standard output is
one, too: {"publisher": t} once it can be discovered, {"ready": t} once somebody has subscribed,
{"stamp": t, "label": 2, "size": [640, 480]} of every frame sent, {"done": t} after each order.
Times are nanoseconds of the system's clock. SIGINT or the end of the input end it.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import rclpy
from encodings_of_cameras import coloured, label
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from segnet_ros.ros.replay import with_stamp

_DEPTH = 20
_CHANNELS = 3


def tell(**facts: Any) -> None:
    """One line of standard output."""
    print(json.dumps(facts), flush=True)


def follow(order: Mapping[str, Any], publisher: Any, numbers: Iterator[int]) -> None:
    """Send frames at a constant rate, each of another colour than the one before."""
    size = tuple(order["size"])
    pictures = [_serialised(order["encoding"], size, channel) for channel in range(_CHANNELS)]
    started = time.monotonic()
    for index in range(order["count"]):
        time.sleep(max(0.0, started + index / order["rate"] - time.monotonic()))
        channel = next(numbers) % _CHANNELS
        stamp = time.time_ns()
        publisher.publish(with_stamp(pictures[channel], stamp))
        tell(stamp=stamp, label=label(order["encoding"], channel), size=size)
    tell(done=time.time_ns())


def _serialised(encoding: str, size: Any, channel: int) -> bytes:
    message = coloured(encoding, size, channel)
    message.header.frame_id = "camera"
    return bytes(serialize_message(message))


@contextmanager
def publishing(topic: str, best_effort: bool) -> Iterator[Any]:
    """A publisher, whether somebody subscribes or not."""
    policy = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("camera", start_parameter_services=False, enable_rosout=False)
    try:
        yield node.create_publisher(Image, topic, QoSProfile(depth=_DEPTH, reliability=policy))
    finally:
        node.destroy_node()
        rclpy.shutdown()


def _work(publisher: Any) -> None:
    numbers = count()
    tell(publisher=time.time_ns())
    while publisher.get_subscription_count() == 0:
        time.sleep(0.01)
    tell(ready=time.time_ns())
    for line in sys.stdin:
        follow(json.loads(line), publisher, numbers)


def main() -> None:
    """Follow the standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--best-effort", action="store_true", help="default: reliable")
    options = parser.parse_args()
    with (
        suppress(KeyboardInterrupt),
        publishing(options.topic, options.best_effort) as publisher,
    ):
        _work(publisher)


if __name__ == "__main__":
    main()
