# SPDX-License-Identifier: Apache-2.0
"""Drives of a few colours, seen by a model whose labels anybody can compute."""

import json
import math
import pickle
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from rosbags.rosbag2 import StoragePlugin, Writer

from segnet_ros.bags.drive.drive import DriveReduction, report_on
from segnet_ros.bags.drive.drive_job import DriveJob, DriveWindow, Stopwatch
from segnet_ros.bags.drive.drive_moments import MomentsJob, tasks_of
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, Fault
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import Window, cut
from segnet_ros.bags.work import Outcome, Task, work_here
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.evaluation.drive_pictures import moments_of

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WIDTH, HEIGHT = 16, 12
PIXELS = WIDTH * HEIGHT
UNREADABLE = b"\0\1\0\0"


def picture(red=8, flickering=0, level=100, noise=0):
    """Columns of red, then of green; the first rows hold another class of nearly the same colour.

    Confidence is the level. The blue channel differs from picture to picture, as noise does.
    """
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, :red] = level, level - 1, 0
    image[:, red:] = level - 1, level, 0
    image[:flickering] = image[:flickering, :, [1, 0, 2]]
    image[:, :, 2] = noise % 7
    return image


def write_bag(path, topics):
    """Topics of (seconds, stamp in seconds, image), where an image may be `UNREADABLE`."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, IMAGE_TYPE, typestore=typestore())
            for topic in topics
        }
        messages = [
            (START + round(seconds * SECOND), topic, stamp, image)
            for topic, frames in topics.items()
            for seconds, stamp, image in frames
        ]
        for time, topic, stamp, image in sorted(messages, key=lambda message: message[:2]):
            stamp_ns = START + round(stamp * SECOND) if stamp is not None else 0
            readable = not isinstance(image, bytes)
            cdr = frame_message(image, True, stamp_ns, "camera") if readable else image
            writer.write(connections[topic], time, cdr)
    return str(path)


def steady(images, period=0.1, start=0.0):
    """Stamped as they are recorded."""
    times = (start + k * period for k in range(len(images)))
    return [(time, time, image) for time, image in zip(times, images, strict=True)]


def nobody(_) -> None:
    pass


def job_of(model, **options):
    return DriveJob(ModelChoice(str(model), "openvino"), all_images=True, **options)


def report(job, bag, cuts=None):
    """Seen window by window; the windows are worked on in another order than they are joined in."""
    with Recording(bag) as recording:
        start, stop, faults = recording.start_ns, recording.stop_ns, recording.faults
    windows = cut(start, stop) if cuts is None else windows_of(start, stop, cuts)
    tasks = [Task(bag, window) for window in windows]
    order = np.random.default_rng(len(tasks)).permutation(len(tasks))
    found = {
        outcome.task: pickle.loads(pickle.dumps(outcome))
        for outcome in work_here(job, [tasks[place] for place in order], nobody)
    }
    return report_on([DriveReduction(bag, start, stop, faults)], [found[task] for task in tasks])


def windows_of(start, stop, seconds):
    edges = [start, *(start + round(each * SECOND) for each in seconds), stop]
    return [Window(k, *span) for k, span in enumerate(pairwise(edges))]


def camera_of(job, bag):
    [drive] = report(job, bag).drives
    [camera] = drive.cameras
    return camera


@pytest.fixture(scope="module")
def job(channel_model):
    return job_of(channel_model)


def test_shares_and_confidence(job, tmp_path) -> None:
    images = [picture(red=4, level=204)] * 10 + [picture(red=12, level=51)] * 30
    found = report(job, write_bag(tmp_path / "bag", {"/camera/image_raw": steady(images)}))
    [drive] = found.drives
    [camera] = drive.cameras
    assert [item.name for item in found.classes] == ["red", "green", "blue"]
    assert (camera.topic, camera.name, camera.frames) == ("/camera/image_raw", "", 40)
    assert (drive.start_ns, drive.seconds) == (START, pytest.approx(3.9))
    red = (10 * 4 + 30 * 12) / (40 * 16)
    assert camera.shares == {"red": red, "green": 1 - red, "blue": 0, "unlabelled": 0}
    assert camera.confidence == pytest.approx((10 * 204 + 30 * 51) / (40 * 255))
    assert camera.times.rate == pytest.approx(10)
    assert found.made_by["model"] == "channel"
    assert "source" not in found.made_by


def test_the_timeline_has_steps_of_some_frames(job, tmp_path) -> None:
    images = [picture(red=4, level=204)] * 10 + [picture(red=12, level=51)] * 30
    timeline = camera_of(
        job, write_bag(tmp_path / "bag", {"/camera/image_raw": steady(images)})
    ).timeline
    assert timeline.step == 0.2
    assert timeline.frames == [2] * 20
    assert timeline.begin == pytest.approx(np.arange(20) * 0.2)
    assert timeline.frame_ns[3] == START + 600_000_000
    assert timeline.confidence == pytest.approx([0.8] * 5 + [0.2] * 15)
    assert timeline.shares["red"] == pytest.approx([0.25] * 5 + [0.75] * 15)
    assert timeline.rate == pytest.approx([10] * 20)


def test_a_slow_camera_has_longer_steps_and_pauses_are_left_out(job, tmp_path) -> None:
    frames = steady([picture()] * 5, period=0.5) + steady([picture()] * 4, period=0.5, start=6)
    timeline = camera_of(job, write_bag(tmp_path / "bag", {"/image": frames})).timeline
    assert timeline.step == 1
    assert timeline.begin == [0, 1, 2, 6, 7]
    assert timeline.frames == [2, 2, 1, 2, 2]
    assert timeline.rate == pytest.approx([2, 2, 2, 2 / 4.5, 2])


def test_planted_flicker(job, tmp_path) -> None:
    images = [picture(flickering=3 * (k % 4 == 2)) for k in range(41)]
    flicker = camera_of(job, write_bag(tmp_path / "bag", {"/image": steady(images)})).flicker
    assert (flicker.pairs, flicker.compared) == (40, 1)
    # A quarter of the picture, there and back again in two of four pairs.
    assert flicker.rate == pytest.approx(0.25 * 20 / 40)
    assert flicker.stability["red"] == pytest.approx(0.875)
    assert flicker.stability["green"] == pytest.approx(0.875)
    assert math.isnan(flicker.stability["blue"])
    assert flicker.worst[0].rate == 0.25
    assert flicker.worst[0].time_ns == START + 200_000_000
    assert [moment.at for moment in flicker.worst] == pytest.approx([0.2, 2.2])


@pytest.mark.parametrize(
    ("frames", "pairs"),
    [
        ([(0, 0), (0.1, 0.1), (1.1, 1.1), (1.2, 1.2)], 3),
        ([(0, 0), (0.1, 0.1), (1.2, 1.2), (1.3, 1.3)], 2),  # a gap
        ([(0, 5), (0.1, 5.1), (0.2, 1.2), (0.3, 1.3)], 2),  # stamps go back
        ([(0, 5), (0.1, 5.1), (0.2, 9.2), (0.3, 9.3)], 2),  # they jump
        ([(0, None), (0.1, None), (0.2, 1.2), (0.3, 1.3)], 3),  # they are unset
    ],
)
def test_frames_that_do_not_follow_each_other_are_not_compared(
    job, tmp_path, frames, pairs
) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [(*each, picture()) for each in frames]})
    assert camera_of(job, bag).flicker.pairs == pairs


def test_nothing_is_compared_across_an_image_that_cannot_be_decoded(job, tmp_path) -> None:
    images = [picture()] * 3 + [UNREADABLE] + [picture()] * 3
    found = report(job, write_bag(tmp_path / "bag", {"/image": steady(images)}))
    [drive] = found.drives
    assert (drive.cameras[0].frames, drive.cameras[0].flicker.pairs) == (6, 4)
    [skipped] = drive.skipped
    assert (skipped.topic, skipped.at, skipped.lost) == ("/image", pytest.approx(0.3), 1)
    assert "4 bytes" in skipped.reason


def _eventful():
    """Two cameras: one freezes, is dark, loses frames, and its stamps go back."""
    frames = []
    for k in range(250):
        image = picture(red=4 + k // 25 % 5, flickering=k % 3, noise=k)
        image[k % HEIGHT, :4] = 180, 20, 30
        if 26 <= k < 54:
            image = picture()
        if 170 <= k < 200:
            image = picture(level=8, noise=k)
        if k in (99, 100, 199, 150):
            image = UNREADABLE
        if 120 <= k < 129:
            continue
        frames.append((k / 5, k / 5 - 3 * (k > 220), image))
    return {"/front/image_raw": frames, "/rear/image_raw": steady([picture()] * 50, 0.7)}


@pytest.fixture(scope="module")
def eventful(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bags") / "bag", _eventful())


@pytest.fixture(scope="module")
def whole(eventful, channel_model):
    """The report of a single window."""
    return report(job_of(channel_model), eventful, cuts=[])


def deterministic(found):
    return json.dumps({key: value for key, value in found.as_dict().items() if key != "speed"})


@pytest.mark.parametrize("cuts", [None, [19.7, 19.9, 20.0, 24.2, 44.1], np.arange(1, 50) * 0.97])
def test_windows_do_not_matter(job, eventful, whole, cuts) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        cut_up = report(job, eventful, cuts)
    finally:
        cv2.setNumThreads(threads)
    assert deterministic(cut_up) == deterministic(whole)
    assert cut_up.speed.stages_ms != whole.speed.stages_ms


def test_events(whole) -> None:
    [drive] = whole.drives
    front, rear = drive.cameras
    assert [camera.name for camera in drive.cameras] == ["front", "rear"]
    frozen, black = front.events
    assert (frozen.kind, frozen.begin, frozen.end) == ("frozen", *approx(5.2, 10.6))
    assert frozen.value == pytest.approx(frozen.end - frozen.begin)
    assert frozen.text.startswith("frozen: the same picture for 5 s")
    assert frozen.worst_ns == START + round(frozen.end * SECOND)
    assert (black.kind, black.begin, black.end) == ("black", *approx(34, 39.6))
    assert black.value == 1
    assert [(event.kind, event.begin) for event in rear.events] == [("frozen", 0)]
    assert rear.events[0].end == pytest.approx(34.3)


def approx(*seconds):
    """To the pace of the looks."""
    return [pytest.approx(each, abs=0.6) for each in seconds]


def test_health_begins_anew_when_stamps_go_back(job, tmp_path) -> None:
    frames = [(k / 2, k / 2 - 20 * (k >= 20), picture()) for k in range(40)]
    events = camera_of(job, write_bag(tmp_path / "bag", {"/image": frames})).events
    assert [(event.kind, event.begin, event.end) for event in events] == [
        ("frozen", 0, 9.5),
        ("frozen", 10, 19.5),
    ]


def test_times_of_the_frames(whole) -> None:
    [drive] = whole.drives
    times = drive.cameras[0].times
    assert times.rate == pytest.approx(5)
    kinds = [(each.kind, round(each.seconds, 3)) for each in times.irregular]
    assert kinds == [("gap", 0.6), ("gap", 2.0), ("gap", 0.4), ("gap", 0.4), ("back", -2.8)]
    assert times.missing == 2 + 9 + 1 + 1
    assert times.longest == pytest.approx(2)
    assert [skipped.at for skipped in drive.skipped] == pytest.approx([19.8, 20, 30, 39.8])


def test_faults_found_on_opening_come_first(job, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": steady([picture()] * 3)})
    [task] = [Task(bag, Window(0, START, START + SECOND))]
    reduction = DriveReduction(bag, START, START + SECOND, [Fault("no index")])
    [drive] = report_on([reduction], work_here(job, [task], nobody)).drives
    assert [(each.at, each.reason) for each in drive.skipped] == [(None, "no index")]
    assert reduction.faults == [Fault("no index")]


def test_a_topic_without_any_frame_that_can_be_read(job, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": steady([UNREADABLE] * 3)})
    found = report(job, bag)
    [camera] = found.drives[0].cameras
    assert (camera.frames, camera.flicker.pairs, camera.events) == (0, 0, [])
    assert math.isnan(camera.confidence)
    values = found.as_dict()
    assert values["drives"][0]["cameras"][0]["shares"]["red"] is None
    json.dumps(values, allow_nan=False)


def test_no_drivable_area_where_the_taxonomy_has_one(channel_model, tmp_path) -> None:
    taxonomy = tmp_path / "taxonomy.yaml"
    taxonomy.write_text(
        "name: test\nclasses:\n"
        "- {name: free, color: [0, 255, 0], cost: 0, from: [red]}\n"
        "- {name: wall, color: [255, 0, 0], cost: 254, from: [green]}\n"
        "unlabelled: [blue]\n"
    )
    choice = ModelChoice(str(channel_model), "openvino", taxonomy=str(taxonomy))
    images = [picture(red=8 if k < 20 else 0, noise=k) for k in range(100)]
    bag = write_bag(tmp_path / "bag", {"/image": steady(images)})
    found = report(DriveJob(choice), bag)
    assert [item.name for item in found.classes] == ["free", "wall"]
    assert found.made_by["taxonomy"] == "test"
    [event] = found.drives[0].cameras[0].events
    assert event.kind == "no drivable area"
    assert (event.begin, event.end) == (pytest.approx(2, abs=0.6), pytest.approx(9.5, abs=0.5))
    assert event.value == pytest.approx(event.end - 1.5, abs=0.5)


@pytest.mark.parametrize(("hours", "step"), [(1, 5), (4, 30), (10_000, 3600)])
def test_long_drives_have_as_many_steps_as_a_page_can_show(hours, step) -> None:
    stop = START + hours * 3600 * SECOND
    window = DriveWindow({}, (), frozenset(), {"/image": ""}, {}, Stopwatch())
    outcome = Outcome(Task("bag", Window(0, START, stop)), 0, (), window)
    [drive] = report_on([DriveReduction("bag", START, stop, [])], [outcome]).drives
    assert drive.cameras[0].timeline.step == step


def test_moments_are_drawn(job, whole) -> None:
    moments = moments_of(whole)
    assert len(set(moments)) == len(moments)
    front = [moment for moment in moments if moment.topic == "/front/image_raw"]
    shown = {event.worst_ns for event in whole.drives[0].cameras[0].events}
    assert shown <= {moment.time_ns for moment in front}
    picked = (front[0], front[-1], replace(front[0], time_ns=START + 20 * SECOND))
    drawing = pickle.loads(pickle.dumps(MomentsJob(job.choice, picked)))
    first, last, unreadable = work_here(drawing, tasks_of(picked), nobody)
    assert first.value.image.startswith("data:image/jpeg;base64,")
    assert first.value.changes == "", "the first frame has none before it"
    assert last.value.changes != ""
    assert (unreadable.value, unreadable.frames) == (None, 0)
