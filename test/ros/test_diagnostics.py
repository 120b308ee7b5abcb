from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.time import Time

from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.status import EngineStatus
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

FINGERPRINT = Fingerprint(
    "ab" * 32, "TensorRT", "10.3.0", "Orin", "8.7", "540.4", "12.6", "", "", (), "fp16", 1
)
ENGINE = EngineStatus(
    fingerprint=FINGERPRINT,
    layers="26 convolutions in fp16, 13 other kernels",
    agreement=0.99871,
    gpu_memory=50 * 2**20,
    timings={"compute": 5.8},
    recoveries=1,
    failure="",
)
BUILD = "building fp16: tactics 40 %, 12 s, because none was built yet"


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
        (
            {"books": Books(failed=2), "failures_in_a_row": 2, "last_error": "no such encoding"},
            DiagnosticStatus.WARN,
            "2 frames failed",
        ),
        (
            {"books": Books(failed=9), "failures_in_a_row": 3, "last_error": "no such encoding"},
            DiagnosticStatus.ERROR,
            "every frame fails: no such encoding",
        ),
        (
            {"engine": replace(ENGINE, failure="CUDA error 700"), "silence": 4.0},
            DiagnosticStatus.ERROR,
            "the engine failed: CUDA error 700",
        ),
        (
            {"state": "configuring", "engine_build": BUILD},
            DiagnosticStatus.WARN,
            f"configuring: {BUILD}",
        ),
        (
            {"state": "unconfigured", "last_error": "no GPU"},
            DiagnosticStatus.ERROR,
            "cannot configure: no GPU",
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


def values(health: Health) -> dict[str, str]:
    return {item.key: item.value for item in status(health).values}


def test_an_engine_in_use():
    shown = values(replace(HEALTHY, engine=ENGINE))
    assert shown["engine"] == "loaded: fp16 (26 convolutions in fp16, 13 other kernels)"
    assert shown["engine fingerprint"] == FINGERPRINT.digest
    origin = "TensorRT 10.3.0, Orin (8.7), driver 540.4, CUDA 12.6, batch 1"
    assert shown["engine built for"] == origin
    assert shown["golden agreement"] == "0.9987"
    assert shown["GPU memory [MiB]"] == "50.0"
    assert shown["GPU recoveries"] == "1"


def test_an_engine_on_a_jetson():
    jetson = replace(FINGERPRINT, l4t="36.4.3", power_mode="MAXN", batch=4)
    shown = values(replace(HEALTHY, engine=replace(ENGINE, fingerprint=jetson)))
    assert shown["engine built for"].endswith("CUDA 12.6, L4T 36.4.3 MAXN, batch 4")


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (Health(state="unconfigured"), "none"),
        (HEALTHY, "none (OpenVINO 1 CPU f32 needs none)"),
        (Health(state="configuring", engine_build=BUILD), BUILD),
        (replace(HEALTHY, engine=replace(ENGINE, failure="it is lost")), "failed: it is lost"),
    ],
)
def test_the_engines_state(health: Health, words: str):
    assert values(health)["engine"] == words
    assert ("engine fingerprint" in values(health)) == (health.engine is not None)
