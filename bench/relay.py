# SPDX-License-Identifier: Apache-2.0
"""A process that answers every picture with ready messages: what rclpy and Fast DDS cost alone."""

import argparse
from contextlib import suppress
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from system import CAMERA

from segnet_ros.commands.arguments import size
from segnet_ros.messages.image_conversion import fill_image

_CHANNELS = {"label": (), "confidence": (), "color": (3,), "overlay": (3,)}


class Relay:
    """Takes pictures as the node does, and sends answers of the same size.

    Args:
        outputs: Names of the node's topics.
        pixels: (width, height) of the camera.

    """

    def __init__(self, node: Any, outputs: list[str], pixels: tuple[int, int]) -> None:
        self._answers = [
            (node.create_publisher(Image, f"/segmentation/{name}", 5), _answer(name, pixels))
            for name in outputs
        ]
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        node.create_subscription(Image, CAMERA, self._answer, qos)

    def _answer(self, image: Image) -> None:
        for publisher, message in self._answers:
            message.header = image.header
            publisher.publish(message)


def _answer(name: str, pixels: tuple[int, int]) -> Image:
    message, channels = Image(), _CHANNELS[name]
    picture = np.zeros((pixels[1], pixels[0], *channels), np.uint8)
    fill_image(message, picture, "rgb8" if channels else "mono8")
    return message


def main() -> None:
    """Relay until SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outputs", nargs="+", choices=_CHANNELS)
    parser.add_argument("--size", type=size, required=True, help="WIDTHxHEIGHT of the camera")
    options = parser.parse_args()
    rclpy.init(args=[])
    node = rclpy.create_node("segmentation")
    relay = Relay(node, options.outputs, options.size)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    del relay


if __name__ == "__main__":
    main()
