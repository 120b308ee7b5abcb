# SPDX-License-Identifier: Apache-2.0
"""A camera as a process: sends pictures when told to, and says when it sent them.

It prints `ready` when somebody has subscribed. Every line of standard input, `RATE FRAMES`, is a
run; its answer is one line, a JSON list of the frames' stamps in nanoseconds: the moments at which
they were sent. SIGINT or the end of the input end it.
"""

import argparse
import itertools
import json
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import rclpy
from picture_code import draw
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from system import frames

from segnet_ros.commands.arguments import size
from segnet_ros.messages.image_conversion import fill_image
from segnet_ros.ros.replay import with_stamp

# A serialised picture of a stamp.
Frames = Callable[[int], bytes]


def street_frames(pixels: tuple[int, int]) -> Frames:
    """Rendered streets, the same few again and again."""
    pictures = itertools.cycle([_serialised(picture) for picture in frames(pixels)])
    return lambda stamp: with_stamp(next(pictures), stamp)


def coded_frames(pixels: tuple[int, int], camera: int) -> Frames:
    """Pictures that say camera, number and stamp."""
    width, height = pixels
    content = bytearray(_serialised(np.zeros((height, width, 3), np.uint8)))
    picture = np.frombuffer(content, np.uint8)[-3 * width * height :].reshape(height, width, 3)
    numbers = itertools.count()

    def coded(stamp: int) -> bytes:
        draw(picture, camera, next(numbers), stamp)
        return with_stamp(bytes(content), stamp)

    return coded


def corrupt_frames(pixels: tuple[int, int]) -> Frames:
    """Messages with half of their picture."""
    message = _message(frames(pixels, count=1)[0])
    message.data = array("B", message.data[: len(message.data) // 2])
    content = bytes(serialize_message(message))
    return lambda stamp: with_stamp(content, stamp)


def _serialised(picture: Any) -> bytes:
    return bytes(serialize_message(_message(picture)))


def _message(picture: Any) -> Image:
    message = Image()
    message.header.frame_id = "camera"
    fill_image(message, picture, "rgb8")
    return message


def run(publisher: Any, next_frame: Frames, rate: float, count: int) -> list[int]:
    """Send frames at a constant rate; being late shifts none of them. Their stamps."""
    stamps = []
    started = time.monotonic()
    for index in range(count):
        time.sleep(max(0.0, started + index / rate - time.monotonic()))
        stamp = time.time_ns()
        publisher.publish(next_frame(stamp))
        stamps.append(stamp)
    return stamps


@contextmanager
def publishing(topic: str, best_effort: bool) -> Iterator[Any]:
    """A publisher that somebody has subscribed to."""
    policy = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("camera", start_parameter_services=False)
    try:
        publisher = node.create_publisher(Image, topic, QoSProfile(depth=5, reliability=policy))
        while publisher.get_subscription_count() == 0:
            time.sleep(0.01)
        yield publisher
    finally:
        node.destroy_node()
        rclpy.shutdown()


def main() -> None:
    """Answer to the standard input."""
    options = _options()
    if options.corrupt:
        next_frame = corrupt_frames(options.size)
    elif options.code is not None:
        next_frame = coded_frames(options.size, options.code)
    else:
        next_frame = street_frames(options.size)
    with suppress(KeyboardInterrupt), publishing(options.topic, options.best_effort) as publisher:
        print("ready", flush=True)
        for line in sys.stdin:
            rate, count = line.split()
            print(json.dumps(run(publisher, next_frame, float(rate), int(count))), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--size", type=size, required=True, help="WIDTHxHEIGHT")
    parser.add_argument("--code", type=int, help="number of the camera, drawn into its pictures")
    parser.add_argument("--corrupt", action="store_true", help="cut the pictures short")
    parser.add_argument("--best-effort", action="store_true", help="default: reliable")
    return parser.parse_args()


if __name__ == "__main__":
    main()
