# SPDX-License-Identifier: Apache-2.0
"""What reaches the node through rclpy: calibrations, parameters, names, and replayed messages."""

from __future__ import annotations

import struct
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from hostile import HOSTILE_TEXTS
from hypothesis import strategies as st
from pictures import pictures
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.validate_full_topic_name import validate_full_topic_name
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from structured import structured_target
from target import NoCaseError, Target

from segnet_ros.bags.clip import ClipError, RecordedFrame
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.camera_info import picture_size, scaled_camera_info
from segnet_ros.ros.model_loading import taxonomy_for
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.replay import prepare_frame

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

_UINT32 = st.sampled_from([0, 1, 2, 3, 640, 1280, 2**16, 2**31, 2**32 - 1]) | st.integers(0, 4000)
_FLOATS = st.floats() | st.floats(-2000, 2000)

_TEXTS = st.sampled_from(HOSTILE_TEXTS) | st.text(max_size=40)


@st.composite
def resized_calibrations(draw: DrawFn) -> tuple[CameraInfo, tuple[int, int]]:
    """A calibration, sane or not, and the size that its pictures get."""
    info = CameraInfo(width=draw(_UINT32), height=draw(_UINT32))
    info.binning_x, info.binning_y = draw(_UINT32), draw(_UINT32)
    if draw(st.booleans()):
        window = [draw(_UINT32) for _ in range(4)]
        info.roi = RegionOfInterest(
            x_offset=window[0], y_offset=window[1], width=window[2], height=window[3]
        )
    info.k = [draw(_FLOATS) for _ in range(9)] if draw(st.booleans()) else [0.0] * 9
    info.p = [draw(_FLOATS) for _ in range(12)]
    info.d = draw(st.lists(_FLOATS, max_size=20))
    sides = st.integers(1, 8192)
    return info, (draw(sides), draw(sides))


def check_scaled(case: tuple[CameraInfo, tuple[int, int]]) -> None:
    """The answer can be published, is for pictures of the new size, and knows its zeros."""
    info, size = case
    before = serialize_message(info)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = scaled_camera_info(info, size)
        known = picture_size(info)
    assert serialize_message(info) == before, "the original was changed"
    sent = deserialize_message(serialize_message(scaled), CameraInfo)
    for field in ("width", "height", "binning_x", "binning_y"):
        assert getattr(sent, field) == getattr(scaled, field), field
    for field in ("x_offset", "y_offset", "width", "height"):
        assert getattr(sent.roi, field) == getattr(scaled.roi, field), f"roi.{field}"
    if scaled.k.any() or scaled.p.any():
        assert picture_size(sent) == size
        assert known is not None
    if not info.k.any():
        assert not scaled.k.any()


@cache
def _settings() -> NodeParameters:
    context = rclpy.Context()
    context.init(args=[])
    node = Node("fuzzed", context=context, start_parameter_services=False)
    settings = NodeParameters(node)
    settings.node = node  # kept: nothing else holds it
    settings.defaults = [node.get_parameter(name) for name in settings._declared]
    return settings


_CAMERAS = st.sampled_from(["front", "left", "a" * 64, "a" * 65, "a" * 255, "a__b", "1a", "", "é"])
_NUMBERS = st.floats() | st.floats(-1, 1) | st.sampled_from([0.0, -0.0, 3600.0, 1000.0])
_WHOLE = st.integers(-2, 20) | st.integers(-(2**63), 2**63 - 1)
_BY_TYPE: dict[type, Any] = {
    bool: st.booleans(),
    int: _WHOLE,
    float: _NUMBERS,
    str: _TEXTS,
    list: st.lists(_CAMERAS | _TEXTS, max_size=20),
}
_VALUES = st.one_of(
    st.none(),
    *_BY_TYPE.values(),
    *(st.lists(_BY_TYPE[kind], max_size=3) for kind in (bool, int, float)),
    st.lists(st.binary(min_size=1, max_size=1), max_size=3),
)


@st.composite
def parameter_changes(draw: DrawFn) -> tuple[bool, list[Parameter]]:
    """Whether the node is in use, and what is set at once."""
    return draw(st.booleans()), draw(st.lists(_changes(), min_size=1, max_size=3))


@st.composite
def _changes(draw: DrawFn) -> Parameter:
    """A change, in most cases of a parameter that exists and has the right type."""
    known = draw(st.sampled_from(_settings().defaults))
    if draw(st.integers(0, 3)):
        return Parameter(known.name, value=draw(_BY_TYPE[type(known.value)]))
    others = st.sampled_from([known.name, "front.priority", "use_sim_time", ""]) | _TEXTS
    return Parameter(draw(others), value=draw(_VALUES))


def check_changes(case: tuple[bool, list[Parameter]]) -> None:
    """A refusal has a reason and changes nothing; what is taken can be used."""
    in_use, changes = case
    settings = _settings()
    node = settings.node
    settings.in_use = False
    assert node.set_parameters_atomically(settings.defaults).successful
    settings.in_use = in_use
    before = {name: parameter.value for name, parameter in node._parameters.items()}
    try:
        result = node.set_parameters_atomically(changes)
    except ParameterNotDeclaredException as error:  # rclpy's service turns it into an answer
        raise _RefusedError(str(error)[:100]) from error
    if not result.successful:
        after = {name: parameter.value for name, parameter in node._parameters.items()}
        assert repr(after) == repr(before), "refused, but changed"
        raise _RefusedError(result.reason)
    _use(settings)


class _RefusedError(Exception):
    """A change was refused."""


def _use(settings: NodeParameters) -> None:
    """Whatever the node does with its parameters."""
    assert settings.engine.batch >= 1
    assert str(settings.frames_folder)
    settings.declare_cameras()
    for camera in settings.cameras:
        assert settings.max_rate(camera) >= 0
        assert 0 <= settings.priority(camera) <= 100
        topic = f"/a_robot_with_a_long_name/segmentation/{camera}/label/compressed"
        validate_full_topic_name(topic.replace("//", "/"))
    assert 0 <= settings.number("overlay_alpha") <= 1
    assert settings.number("watchdog") >= 0


@st.composite
def names(draw: DrawFn) -> tuple[bool, str]:
    """Whether it names a taxonomy instead of a model, and the name."""
    return draw(st.booleans()), draw(_TEXTS)


@cache
def _model() -> Any:
    return load_model(find_model("segnet_light_camvid"))


def check_name(case: tuple[bool, str]) -> None:
    """A model or taxonomy is found by its name, or it is said why not."""
    is_taxonomy, name = case
    if is_taxonomy:
        taxonomy_for(name, _model())
    else:
        load_model(find_model(name))


def parse_replayed(case: bytes) -> None:
    """A recorded frame and its calibration, converted as `segnet replay --size` does."""
    if len(case) < 5:
        raise NoCaseError
    flags, length = struct.unpack_from("<BI", case)
    image, info = case[5 : 5 + length], case[5 + length :]
    kind = COMPRESSED_IMAGE_TYPE if flags & 1 else IMAGE_TYPE
    frame = RecordedFrame("000000", 5, "camera", kind, image, info if flags & 2 else None)
    size = (8, 6) if flags & 4 else None
    outgoing = prepare_frame(frame, as_jpeg=bool(flags & 8), size=size)
    assert isinstance(outgoing.image, bytes)


def _replayed_seeds() -> Sequence[bytes]:
    image = Image(height=4, width=6, step=18, encoding="rgb8", data=bytes(72))
    info = CameraInfo(width=6, height=4, d=[0.0] * 5, k=np.ones(9), p=np.ones(12))
    jpeg, png = (CompressedImage(format="x", data=pictures()[at]) for at in (0, -1))
    images = [(0, serialize_message(image)), *((1, serialize_message(c)) for c in (jpeg, png))]
    return [
        _replayed(k | f, i, serialize_message(info)) for k, i in images for f in (2, 4, 6, 8, 14)
    ]


def _replayed(flags: int, image: bytes, info: bytes) -> bytes:
    return struct.pack("<BI", flags, len(image)) + image + info


def mutated_replay(case: bytes, rng: random.Random) -> bytes:
    """Change a length or a number inside one of the messages, or cut it."""
    if len(case) < 5:
        return case
    _, length = struct.unpack_from("<BI", case)
    messages = [bytearray(case[5 : 5 + length]), bytearray(case[5 + length :])]
    chosen = rng.choice(messages)
    if chosen and rng.random() < 0.2:
        del chosen[rng.randrange(len(chosen)) :]
    elif len(chosen) >= 8:
        at = rng.randrange(len(chosen) // 4) * 4
        number = rng.choice((0, 1, 5, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, rng.getrandbits(32)))
        chosen[at : at + 4] = struct.pack("<I", number)
    return _replayed(rng.randrange(16), *map(bytes, messages))


TARGETS = (
    structured_target("camera_info", resized_calibrations(), check_scaled, ()),
    structured_target(
        "parameters",
        parameter_changes(),
        check_changes,
        (_RefusedError,),
    ),
    structured_target("model_and_taxonomy_names", names(), check_name, (InferenceError,)),
    Target("replayed", parse_replayed, (ClipError,), _replayed_seeds, mutate=mutated_replay),
)
