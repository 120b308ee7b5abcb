# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest

from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.ros.books import Books
from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.silence import no_image, silence_explained

NODE = NodeHealth("active")
CAMERA = CameraHealth(
    "front",
    "active",
    topic="/front/image",
    publishers=1,
    silence=0.03,
    label_silence=0.05,
    books=Books(received=300, published=299, pending=1),
    recent=Books(received=300, published=299, pending=1),
    latency_ms={"infer": (20.0, 25.0, 30.0, 31.4)},
    image="1280x720 bgr8",
    stamp_offset=-0.02,
)
FINGERPRINT = Fingerprint("ab", "TensorRT", "10", "Orin", "8.7", "540", "12", "", "", (), "fp16", 1)
BROKEN = EngineStatus(FINGERPRINT, "", 1.0, 0, {}, 3, "CUDA error 700")


def explain(node: NodeHealth = NODE, **changes) -> str:
    return silence_explained(replace(CAMERA, **changes), node)


def test_labels_that_come_need_no_explanation() -> None:
    assert explain() == ""


@pytest.mark.parametrize("changes", [{"state": "inactive"}, {"idle": True}])
def test_silence_by_intention(changes) -> None:
    silent = {"silence": 99.0, "label_silence": 99.0, "recent": Books(), "hints": ["a"]}
    assert explain(**silent) != ""
    assert explain(**silent, **changes) == ""


def test_only_some_seconds_without_an_image_are_silence() -> None:
    assert explain(silence=2.9) == ""
    assert not no_image(replace(CAMERA, silence=2.9))
    assert explain(silence=3.1).startswith("no image for 3 s: ")
    assert no_image(replace(CAMERA, silence=3.1))
    assert not no_image(replace(CAMERA, silence=3.1, idle=True))


def test_the_graph_tells_why_no_image_comes() -> None:
    assert explain(silence=4, hints=["cause one", "cause two"]) == (
        "no image for 4 s: cause one; cause two"
    )


def test_without_the_graph_the_publishers_are_counted() -> None:
    assert "nobody publishes /front/image" in explain(silence=4, publishers=0)
    assert "/front/image has 2 publisher(s), but they send nothing" in explain(
        silence=4, publishers=2
    )


def test_a_paused_playback() -> None:
    paused = NodeHealth("active", sim_time=True, clock_running=False)
    assert explain(paused, silence=4, hints=["a"]) == (
        "no image for 4 s: /clock stands still: is the playback paused?; a"
    )


def test_every_frame_fails() -> None:
    recent, error = Books(received=9, failed=9), "unknown encoding"
    assert explain(failures_in_a_row=2, last_error=error, recent=recent) == ""
    told = explain(failures_in_a_row=3, last_error=error, recent=recent)
    assert told == "every frame fails: unknown encoding"


def test_what_failed_before_every_frame_became_stale_is_over() -> None:
    told = explain(failures_in_a_row=3, last_error="it", recent=STALE, max_age=0.5, image="")
    assert told.startswith("every frame is older than max_age 0.5 s: ")


def test_the_engine_failed() -> None:
    told = explain(NodeHealth("active", engine=BROKEN))
    assert told == "the engine failed: CUDA error 700"
    assert explain(NodeHealth("active", engine=replace(BROKEN, failure=""))) == ""


STALE = Books(received=300, stale=299, pending=1)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (-6.4e7, "stamps are 2.0 years behind this node's clock: a recording? play it with --cl"),
        (-1.4, "stamps are 1.40 s behind this node's clock: synchronize the clocks"),
        (-0.8, "images are 0.80 s old when they arrive; look for what delays them"),
        (-0.1, "images arrive 0.10 s old and then wait for the network (infer p50 20 ms, max 31"),
    ],
)
def test_every_frame_is_too_old(offset: float, words: str) -> None:
    told = explain(recent=STALE, max_age=0.5, stamp_offset=offset)
    assert told.startswith("every frame is older than max_age 0.5 s: ")
    assert words in told


@pytest.mark.parametrize("other", ["published", "failed"])
def test_some_frames_that_are_too_old_are_no_silence(other: str) -> None:
    assert explain(recent=replace(STALE, **{other: 1}), max_age=0.5) == ""


def test_stale_frames_from_before_max_age_was_set_to_0() -> None:
    assert explain(recent=STALE, max_age=0.0) == ""


SUPERSEDED = Books(received=300, superseded=298, pending=2)


def test_the_engine_has_no_time_for_this_camera() -> None:
    told = explain(recent=SUPERSEDED, label_silence=5.0, priority=1)
    assert told.startswith("no label for 5 s although images arrive: 298 frames were superseded")
    assert "2 pending" in told
    assert "one inference takes that long (infer p50 20 ms, max 31 ms)" in told
    assert "(this one has 1)" in told


def test_a_first_inference_may_take_its_time() -> None:
    assert explain(recent=SUPERSEDED, label_silence=2.9) == ""


def test_a_rate_limit_explains_longer_gaps() -> None:
    assert explain(recent=SUPERSEDED, label_silence=15.0, max_rate=0.1) == ""
    assert "no label for 21 s" in explain(recent=SUPERSEDED, label_silence=21.0, max_rate=0.1)


def test_several_causes_are_all_told() -> None:
    told = explain(
        NodeHealth("active", engine=BROKEN),
        failures_in_a_row=9,
        last_error="CUDA error 700",
        recent=Books(received=9, failed=9),
        silence=5,
        hints=["a"],
    )
    assert told == (
        "the engine failed: CUDA error 700 | no image for 5 s: a | every frame fails: "
        "CUDA error 700"
    )
