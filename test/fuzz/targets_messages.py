# SPDX-License-Identifier: Apache-2.0
"""Messages without ROS: images, compressed images, recorded CDR, model_info."""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from hostile import HOSTILE_TEXTS
from hypothesis import strategies as st
from image_reference import PIXEL_BYTES, is_valid, rgb_of, rows_of
from pictures import mutated_picture, pictures
from structured import structured_target
from target import NoCaseError, Target

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.pictures import Picture, decode
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, Fault, RecordedMessage
from segnet_ros.inference.model import Model, SegmentationClass
from segnet_ros.inference.taxonomy import Taxonomy, own_taxonomy
from segnet_ros.messages.image_conversion import (
    MAX_PIXELS,
    ImageConversionError,
    decode_compressed,
    to_rgb,
)
from segnet_ros.messages.model_info import model_info
from segnet_ros.ros.launch_arguments import LaunchArgumentError, LaunchArguments, misspelt

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

_HOSTILE = (0, 1, 2, 3, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
_SIZES = st.integers(0, 24) | st.integers(0, 24) | st.integers(0, 24) | st.sampled_from(_HOSTILE)
_NAMES = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "RGB8",
        "rgb8 ",
        "rgb16",
        "16UC1",
        "32FC1",
        "bayer_rggb16",
        "8UC4",
        "\0",
        "rgb8\0",
        "x" * 10**6,
    ]
)
_MOST_BYTES = 1 << 16


@st.composite
def images(draw: DrawFn) -> Any:
    """sensor_msgs/Image, about half of them valid."""
    wild = draw(st.booleans())
    encoding = draw(st.sampled_from(sorted(PIXEL_BYTES)) | (_NAMES if wild else st.nothing()))
    sizes = _SIZES if wild else st.integers(2, 12).map(lambda half: 2 * half)
    message = SimpleNamespace(encoding=encoding, height=draw(sizes), width=draw(sizes))
    message.is_bigendian = draw(st.sampled_from([0, 1, 2, 255] if wild else [0, 1]))
    row = message.width * PIXEL_BYTES.get(encoding, 1)
    steps = [row, row + 1, row + 13, *([max(0, row - 1), *_HOSTILE] if wild else ())]
    message.step = min(draw(st.sampled_from(steps)), 2**32 - 1)
    needed = message.step * (rows_of(message) - 1) + row
    lengths = [needed, needed + 7, message.step * rows_of(message)]
    length = draw(st.sampled_from([*lengths, *([needed - 1, needed // 2, 0] if wild else ())]))
    seed = draw(st.integers(0, 2**16))
    content = np.random.default_rng(seed).bytes(min(max(0, length), _MOST_BYTES))
    as_array, as_ndarray = array("B", content), np.frombuffer(content, np.uint8)
    message.data = as_array if draw(st.booleans()) else as_ndarray
    return message


def check_image(message: Any) -> None:
    """A valid image gives its pixels, any other one is refused."""
    image = to_rgb(message)
    assert message.encoding in PIXEL_BYTES, message.encoding[:100]
    assert is_valid(message), "taken, though its fields contradict each other or the data"
    expected, tolerance = rgb_of(message)
    assert image.dtype == np.uint8
    assert image.shape == (message.height, message.width, 3)
    difference = np.abs(image.astype(int) - expected).max()
    assert difference <= tolerance, f"differs by {difference}, expected at most {tolerance}"


def check_any_image(message: Any) -> None:
    """As `check_image`, and nothing valid is refused."""
    try:
        check_image(message)
    except ImageConversionError:
        assert not (message.encoding in PIXEL_BYTES and is_valid(message)), "valid, but refused"
        raise


def parse_compressed(content: bytes) -> None:
    """A compressed image within the bounds, or a refusal."""
    image = decode_compressed(SimpleNamespace(format="", data=content))
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 < image.size <= 3 * MAX_PIXELS


_LAUNCH = {
    "image": "/{camera}/image", "camera_info": "", "label": "", "confidence": "", "label_info": "",
    "cameras": "front, left", "node_name": "segmentation", "use_sim_time": "auto", "replay": "",
    "rate": "", "bag": "", "max_age": "1.5",
}  # fmt: skip
_ARGUMENTS = st.sampled_from(HOSTILE_TEXTS) | st.text(max_size=30)
_TOPICS = st.sampled_from(["image", "/{camera}/image", "{camera}", "", "auto", "true", "1.5"])


@st.composite
def launch_arguments(draw: DrawFn) -> dict[str, str]:
    """Values of the launch files' arguments."""
    changed = draw(st.lists(st.sampled_from(sorted(_LAUNCH)), max_size=4))
    return _LAUNCH | {name: draw(_TOPICS | _ARGUMENTS) for name in changed}


def check_launch_arguments(values: dict[str, str]) -> None:
    """Every use that the launch file makes of them."""
    arguments = LaunchArguments(values)
    assert len(arguments.remappings) >= 3 * len(arguments.cameras)
    assert len(arguments.shown) == 5 * len(arguments.cameras)
    assert isinstance(arguments.typed("max_age", float), float)
    assert all(misspelt([f"{value}:=1" for value in values.values()], _LAUNCH))
    assert arguments.sim_time in (None, True, False)
    if values["replay"]:
        arguments.path("replay", arguments.cameras[0])


_CLASS_NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
_CLASSES = st.lists(
    st.builds(SegmentationClass, _CLASS_NAMES, st.tuples(*[st.integers(0, 255)] * 3)),
    min_size=1,
    max_size=255,
)


@st.composite
def models(draw: DrawFn) -> tuple[Model, Taxonomy, float]:
    """What `load_model` and `load_taxonomy` let pass: one line of printable characters each."""
    size = (draw(st.integers(1, 8192)), draw(st.integers(1, 8192)))
    name, architecture = draw(_CLASS_NAMES), draw(_CLASS_NAMES)
    model = Model(name, architecture, size, draw(_CLASSES), "0" * 64, Path())
    costs = [draw(st.integers(0, 254)) for _ in model.classes] if draw(st.booleans()) else []
    taxonomy = replace(own_taxonomy(model), name=draw(_CLASS_NAMES), costs=costs)
    return model, taxonomy, draw(st.floats(0, 1))


def check_model_info(case: tuple[Model, Taxonomy, float]) -> None:
    """It is JSON by the book, in UTF-8, and tells what it was given."""
    model, taxonomy, threshold = case
    text = model_info(model, taxonomy, threshold=threshold, runtime="openvino", version=1)
    facts = json.loads(text.encode(), parse_constant=_refuse_constant)
    assert facts["confidence_threshold"] == threshold
    assert facts["size"] == [*model.size]
    assert [entry["name"] for entry in facts["classes"]] == [c.name for c in taxonomy.classes]
    assert [entry["cost"] for entry in facts["classes"] if "cost" in entry] == [*taxonomy.costs]


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no JSON"
    raise AssertionError(msg)


class _FaultyError(Exception):
    """A recorded message became a fault."""


def parse_recorded(case: bytes) -> None:
    """A recorded message becomes a picture or a fault, whatever it holds."""
    if not case:
        raise NoCaseError
    kind = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)[case[0] & 1]
    message = RecordedMessage("/image", 1, case[1:])
    *_, last = decode(message, kind)
    if isinstance(last, Fault):
        raise _FaultyError(last.reason)
    assert isinstance(last, Picture)
    assert last.image.shape[2] == 3


def _recorded_seeds() -> Sequence[bytes]:
    types = typestore().types
    time = types["builtin_interfaces/msg/Time"](sec=1, nanosec=2)
    header = types["std_msgs/msg/Header"](stamp=time, frame_id="camera")
    pixels = np.zeros(72, np.uint8)
    raw = types[IMAGE_TYPE](header, 4, 6, "rgb8", 0, 18, pixels)
    packed = [
        types[COMPRESSED_IMAGE_TYPE](header, "png", np.frombuffer(content, np.uint8))
        for content in (pictures()[0], pictures()[-1])
    ]
    serialise = typestore().serialize_cdr
    seeds = [serialise(raw, IMAGE_TYPE, little_endian=order) for order in (True, False)]
    images = [b"\0" + bytes(seed) for seed in seeds]
    return [*images, *(b"\1" + bytes(serialise(m, COMPRESSED_IMAGE_TYPE)) for m in packed)]


def mutated_cdr(case: bytes, rng: random.Random) -> bytes:
    """Change a number where CDR has one: at a multiple of four behind the encapsulation."""
    if len(case) < 9:
        return case
    at = 5 + 4 * rng.randrange((len(case) - 5) // 4)
    number = rng.choice((*_HOSTILE, rng.getrandbits(32), len(case)))
    return case[:at] + struct.pack(rng.choice("<>") + "I", number & 0xFFFFFFFF) + case[at + 4 :]


TARGETS = (
    structured_target("image", images(), check_any_image, (ImageConversionError,)),
    Target(
        "compressed_image",
        parse_compressed,
        (ImageConversionError,),
        pictures,
        memory=1 << 30,
        mutate=mutated_picture,
    ),
    Target("recorded_image", parse_recorded, (_FaultyError,), _recorded_seeds, mutate=mutated_cdr),
    structured_target("model_info", models(), check_model_info, ()),
    structured_target(
        "launch_arguments", launch_arguments(), check_launch_arguments, (LaunchArgumentError,)
    ),
)
