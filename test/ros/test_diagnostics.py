from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.time import Time

from segnet_ros.ros.diagnostics import Health, diagnostic_array, silence_explained
from segnet_ros.ros.newest_frame_worker import Books

HEALTHY = Health(
    state="active",
    model="segnet",
    runtime="OpenVINO 1 CPU f32",
    topic="/camera/image_raw",
    publishers=1,
    silence=0.1,
    books=Books(received=5, published=3, superseded=1, pending=1),
    latency_ms={"infer": (10.0, 12.345, 20.0)},
    last_error="",
)


def status(health: Health) -> DiagnosticStatus:
    array = diagnostic_array("/front/segmentation", health, Time(seconds=12, nanoseconds=5))
    assert (array.header.stamp.sec, array.header.stamp.nanosec) == (12, 5)
    assert len(array.status) == 1
    return array.status[0]


def test_a_healthy_node():
    report = status(HEALTHY)
    assert report.level == DiagnosticStatus.OK
    assert report.name == "/front/segmentation"
    assert report.hardware_id == "OpenVINO 1 CPU f32"
    values = {item.key: item.value for item in report.values}
    assert values["frames received"] == "5"
    assert values["frames pending"] == "1"
    assert values["infer p50 [ms]"] == "10.00"
    assert values["infer p95 [ms]"] == "12.35" or values["infer p95 [ms]"] == "12.34"
    assert values["image publishers"] == "1"


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"state": "inactive"}, DiagnosticStatus.WARN, "inactive: no labels until"),
        ({"silence": 4.0, "publishers": 0}, DiagnosticStatus.ERROR, "nobody publishes /camera"),
        ({"silence": 4.0}, DiagnosticStatus.ERROR, "the camera stopped"),
        (
            {"books": Books(received=1, failed=1), "last_error": "unknown encoding"},
            DiagnosticStatus.WARN,
            "1 frames failed: unknown encoding",
        ),
    ],
)
def test_what_is_wrong_is_in_the_summary(change, level, words):
    report = status(replace(HEALTHY, **change))
    assert report.level == level
    assert words in report.message


def test_only_an_active_node_misses_images():
    assert silence_explained(replace(HEALTHY, state="inactive", silence=99.0)) == ""
    assert silence_explained(replace(HEALTHY, silence=2.9)) == ""
    assert "no image for 3 s" in silence_explained(replace(HEALTHY, silence=3.1))
