# SPDX-License-Identifier: Apache-2.0
"""Option types that several verbs share."""

import argparse

from segnet_ros.inference.engine.options import DEFAULT_PRECISION, PRECISIONS, EngineOptions


def size(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT in pixels."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        msg = f"{text!r} is no size; expected WIDTHxHEIGHT, as 480x360"
        raise argparse.ArgumentTypeError(msg)
    return int(width), int(height)


def positive(text: str) -> float:
    """Parse a number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        msg = f"{text!r} is not a number above 0"
        raise argparse.ArgumentTypeError(msg)
    return value


def count(text: str) -> int:
    """Parse a whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        msg = f"{text!r} is not a whole number from 1"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def fraction(text: str) -> float:
    """Parse a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        msg = f"{text!r} is not a number from 0 to 1"
        raise argparse.ArgumentTypeError(msg)
    return value


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """Declare `--runtime` and `--precision`."""
    parser.add_argument("--runtime", default="auto", help="auto, openvino or tensorrt")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=DEFAULT_PRECISION, help="of the TensorRT engine"
    )


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """What `--precision` wishes; `segnet build-engine` builds it."""
    return EngineOptions(precision=options.precision)
