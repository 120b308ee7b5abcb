# SPDX-License-Identifier: Apache-2.0

import numpy as np

from segnet_ros.bags.comparison.camera_events import CameraEvents
from segnet_ros.health.image_look import look_at_image

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
PERIOD = 0.1


def looks(brightness, first=0):
    """Noise of a brightness for every frame, at 10 Hz from frame `first` on."""
    rng = np.random.default_rng(first)
    found = []
    for index, level in enumerate(brightness, first):
        image = np.clip(rng.normal(level, 5, (48, 64, 3)), 0, 255).astype(np.uint8)
        found.append((START + round(index * PERIOD * SECOND), look_at_image(image, index * PERIOD)))
    return found


def seconds(time_ns):
    return (time_ns - START) / SECOND


DARKNESS = [120] * 60 + [2] * 80 + [120] * 60


def test_darkness_from_begin_to_end() -> None:
    events = CameraEvents(START)
    events.judge(looks(DARKNESS))
    [event] = events.found
    assert event.kind == "black"
    assert "check lens cap" in event.text
    assert 6.0 <= seconds(event.begin_ns) <= 6.5, "it began with the first dark look"
    assert 13.4 <= seconds(event.end_ns) < 14.0
    assert event.begin_ns == START + round(seconds(event.begin_ns) * SECOND)


def test_windows_do_not_matter() -> None:
    whole, parts = CameraEvents(START), CameraEvents(START)
    found = looks(DARKNESS)
    whole.judge(found)
    for cut in range(0, len(found), 33):
        parts.judge(found[cut : cut + 33])
    assert parts.found == whole.found
    assert len(whole.found) == 1


def test_what_comes_again_is_another_event() -> None:
    events = CameraEvents(START)
    events.judge(looks([2] * 60 + [120] * 20 + [2] * 60))
    assert [event.kind for event in events.found] == ["black", "black"]
    assert events.found[0].end_ns < events.found[1].begin_ns


def test_stamps_that_go_back_begin_anew() -> None:
    found = looks([2] * 120)
    again = CameraEvents(START)
    jumped = [(stamp - (k >= 60) * 60 * SECOND, look) for k, (stamp, look) in enumerate(found)]
    again.judge(jumped)
    assert len(again.found) == 2
    none = CameraEvents(START)
    none.judge([(0, look) for _, look in found])
    assert len(none.found) == 1, "stamps that were never set say nothing"


def test_a_good_camera() -> None:
    events = CameraEvents(START)
    events.judge(looks([120] * 200))
    assert events.found == []
