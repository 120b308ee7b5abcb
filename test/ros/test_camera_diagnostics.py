# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from segnet_ros.ros.books import Books
from segnet_ros.ros.camera_diagnostics import frame_message, frame_problems, frame_values
from segnet_ros.ros.health import CameraHealth, NodeHealth

NODE = NodeHealth("active")
CAMERA = CameraHealth(
    "front",
    "active",
    topic="/front/image",
    listeners={"/segmentation/front/label": 1, "/segmentation/front/overlay": 0},
    publishers=1,
    silence=0.03,
    label_silence=0.05,
    books=Books(1000, 900, 90, 6, 3, 1),
    recent=Books(received=300, published=290, superseded=9, pending=1),
    deadline=0.1,
    missed_deadlines=4,
    rate_in=30.04,
    rate_out=29.01,
    latency_ms={
        "age": (1.0, 2.0, 3.0, 4.0),
        "infer": (10.0, 12.347, 20.0, 33.0),
        "total": (20.0, 22.0, 30.0, 40.0),
    },
    image="1280x720 bgr8",
    stamp_offset=-0.0204,
)
WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def problems(node: NodeHealth = NODE, **changes) -> list[tuple[bytes, str]]:
    found = frame_problems(replace(CAMERA, **changes), node)
    return [(problem.level, problem.text) for problem in found]


def message(**changes) -> str:
    return frame_message(replace(CAMERA, **changes))


def test_a_healthy_camera() -> None:
    assert problems() == []
    assert message() == "29.0 labels/s of 30.0 images/s"


def test_everything_that_is_known() -> None:
    assert frame_values(CAMERA) == {
        "image topic": "/front/image",
        "image transport": "raw",
        "image publishers": "1",
        "image": "1280x720 bgr8",
        "listeners /segmentation/front/label": "1",
        "listeners /segmentation/front/overlay": "0",
        "frames received": "1000",
        "frames published": "900",
        "frames superseded": "90",
        "frames stale": "6",
        "frames failed": "3",
        "frames pending": "1",
        "image rate [Hz]": "30.0",
        "label rate [Hz]": "29.0",
        "max rate [Hz]": "0",
        "priority": "0",
        "max age [s]": "0",
        "deadline [s]": "0.1",
        "missed deadlines": "4",
        "stamp offset [s]": "-0.020",
        "stamps went back": "0",
        "age p50 [ms]": "1.00",
        "age p95 [ms]": "2.00",
        "age p99 [ms]": "3.00",
        "age max [ms]": "4.00",
        "infer p50 [ms]": "10.00",
        "infer p95 [ms]": "12.35",
        "infer p99 [ms]": "20.00",
        "infer max [ms]": "33.00",
        "total p50 [ms]": "20.00",
        "total p95 [ms]": "22.00",
        "total p99 [ms]": "30.00",
        "total max [ms]": "40.00",
        "last error": "",
    }
    assert frame_values(replace(CAMERA, stamp_offset=math.nan))["stamp offset [s]"] == "unknown"


def test_an_idle_camera_says_what_it_waits_for() -> None:
    silent = {"idle": True, "silence": 99.0, "label_silence": 99.0, "recent": Books()}
    assert problems(**silent, stamp_offset=1e6) == []
    assert message(**silent) == (
        "idle: nobody listens to /segmentation/front/label, /segmentation/front/overlay; "
        "/front/image is not subscribed"
    )


def test_before_the_first_image() -> None:
    assert message(books=Books()) == "waiting for the first image on /front/image"


def test_a_rate_limit_is_named_only_where_it_limits() -> None:
    limited = message(max_rate=5.0, rate_out=5.0)
    assert limited == "5.0 labels/s of 30.0 images/s, limited by max_rate 5 Hz"
    assert "limited" not in message(max_rate=60.0)


@pytest.mark.parametrize("state", ["unconfigured", "inactive"])
def test_a_node_that_is_not_active(state: str) -> None:
    expected = (WARN, f"{state}: no labels until the node is active")
    assert problems(state=state, silence=99.0, failures_in_a_row=9) == [expected]


def test_silence_is_an_error_and_told_first() -> None:
    found = problems(silence=4.0, hints=["nobody there"], qos_mismatches=["rviz gets nothing"])
    assert found == [(ERROR, "no image for 4 s: nobody there"), (WARN, "rviz gets nothing")]


def test_frames_that_failed_lately() -> None:
    recent = Books(received=300, published=297, failed=3)
    told = "3 of 300 frames of the last 10 s failed: unknown encoding"
    assert problems(recent=recent, last_error="unknown encoding") == [(WARN, told)]


def test_frames_that_failed_long_ago_are_counted_only() -> None:
    assert CAMERA.books.failed == 3
    assert problems(last_error="unknown encoding") == []


def test_some_stale_frames() -> None:
    recent = Books(received=300, published=280, stale=20)
    told = "20 of 300 frames of the last 10 s were older than max_age 0.2 s"
    assert problems(recent=recent, max_age=0.2) == [(WARN, told)]
    assert problems(recent=recent, max_age=0.0) == []


def test_if_all_are_stale_that_is_said_once() -> None:
    recent = Books(received=300, stale=300)
    ((level, told),) = problems(recent=recent, max_age=0.2, stamp_offset=-1e8)
    assert level == ERROR
    assert told.startswith("every frame is older than max_age 0.2 s: stamps are 3.2 years behind")


def test_deadlines_missed_lately() -> None:
    told = (
        "12 of 290 labels of the last 10 s came later than the deadline, 0.1 s after the image's "
        "stamp; the longest stage is infer with p50 10 ms"
    )
    assert problems(recent_missed_deadlines=12) == [(WARN, told)]
    assert problems(recent_missed_deadlines=12, deadline=0.0) == []
    # The stages are forgotten when the time went back; the labels of before still count.
    [(_, without)] = problems(recent_missed_deadlines=12, latency_ms={})
    assert without == told.partition(";")[0]


def test_stamps_that_cannot_be_right() -> None:
    ((level, told),) = problems(stamp_offset=7.0)
    assert level == WARN
    assert told.startswith("stamps are 7 s ahead of this node's clock")


def test_old_stamps_of_a_silent_camera_are_no_news() -> None:
    (only,) = problems(silence=9.0, stamp_offset=-1e8)
    assert only[1].startswith("no image for 9 s")


def test_two_cameras_on_one_topic() -> None:
    ((level, told),) = problems(publishers=2)
    assert level == WARN
    assert told.startswith("2 publishers on /front/image: their pictures are mixed")


def test_what_keeps_from_listeners_what_they_wait_for() -> None:
    told = ["nobody publishes /front/camera_info", "rviz gets nothing", "foxglove gets nothing"]
    found = problems(calibration_problem=told[0], qos_mismatches=told[1:])
    assert found == [(WARN, text) for text in told]
    assert problems(idle=True, qos_mismatches=told[1:])[0] == (WARN, "rviz gets nothing")
