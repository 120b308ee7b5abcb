# SPDX-License-Identifier: Apache-2.0
"""Two models whose answers anybody can compute, on recordings of a few frames."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")

from rosbags.rosbag2 import StoragePlugin, Writer

from segnet_ros.bags.comparison.compare_job import CompareJob
from segnet_ros.bags.comparison.comparing import put_together
from segnet_ros.bags.comparison.frame_pictures import PictureJob, tasks_of
from segnet_ros.bags.comparison.model_pair import PairChoice
from segnet_ros.bags.errors import BagError
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, Fault
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import cut
from segnet_ros.bags.work import Task, work_here
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.evaluation.agreement import AgreementError
from segnet_ros.evaluation.worst_frames import worst_frames
from segnet_ros.inference.model import (
    SegmentationClass,
    file_sha256,
    load_model,
    save_description,
)

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WIDTH, HEIGHT = 16, 12
RED, GREEN, BLUE = range(3)


def picture(shares, confidence=200):
    """Columns of red, green and blue; the rest is blue."""
    image = np.full((HEIGHT, WIDTH, 3), 10, np.uint8)
    ends = [*np.cumsum(shares), WIDTH]
    begins = [0, *ends[:-1]]
    for channel, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        image[:, begin:end, channel] = confidence
    return image


def write_bag(path, topics, period=SECOND):
    """Topics of frames; one that is None is a message of four bytes."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, IMAGE_TYPE, typestore=typestore())
            for topic in topics
        }
        messages = [
            (START + index * period + place, topic, image)
            for place, (topic, images) in enumerate(topics.items())
            for index, image in enumerate(images)
        ]
        for time, topic, image in sorted(messages, key=lambda message: message[:2]):
            cdr = b"\0\1\0\0" if image is None else frame_message(image, True, time - 100, "camera")
            writer.write(connections[topic], time, cdr)
    return path


def variant(model: Path, folder: Path, *names: str) -> Path:
    """The same network, whose classes have other names."""
    shutil.copytree(model, folder)
    classes = [SegmentationClass(name, (place, 7, 7)) for place, name in enumerate(names)]
    save_description(replace(load_model(folder), name=folder.name, classes=classes, folder=folder))
    return folder


@pytest.fixture(scope="session")
def swapped(channel_model, tmp_path_factory):
    """Says blue where `channel_model` says green, and the reverse; has no red, but pink."""
    folder = tmp_path_factory.mktemp("models")
    return variant(channel_model, folder / "swapped", "pink", "blue", "green")


@pytest.fixture(scope="session")
def smaller(channel_model, tmp_path_factory):
    """`channel_model` for pictures of half its size."""
    import onnx

    folder = tmp_path_factory.mktemp("models") / "smaller"
    shutil.copytree(channel_model, folder)
    model = load_model(folder)
    graph = onnx.load(model.graph)
    for port in (*graph.graph.input, *graph.graph.output):
        _, height, width = port.type.tensor_type.shape.dim[:3]
        height.dim_value, width.dim_value = HEIGHT // 2, WIDTH // 2
    onnx.save(graph, model.graph)
    size = (WIDTH // 2, HEIGHT // 2)
    save_description(replace(model, size=size, sha256=file_sha256(model.graph)))
    return folder


def choice(*models, **options):
    a, b = (ModelChoice(str(model), "openvino") for model in models)
    return PairChoice((a, b), **options)


def tasks(bag):
    with Recording(str(bag)) as recording:
        windows = cut(recording.start_ns, recording.stop_ns)
    return [Task(str(bag), window) for window in windows]


def nobody(_) -> None:
    pass


def compare(given, *bags):
    found = [task for bag in bags for task in tasks(bag)]
    return put_together(work_here(CompareJob(given), found, nobody), ())


def test_counts_by_hand(channel_model, swapped, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((4, 6)), picture((0, 16))]})
    found = compare(choice(channel_model, swapped), bag)
    assert found.classes.names == ["red", "green", "blue", "pink"]
    assert found.size == (WIDTH, HEIGHT)
    # A: 4 red, 6 green, 6 blue columns, then 16 green; B: pink, blue, green, then blue.
    matrix = np.zeros((5, 5), int)
    matrix[0, 3], matrix[1, 2], matrix[2, 1] = 4 * 12, (6 + 16) * 12, 6 * 12
    assert found.counts.matrix.tolist() == matrix.tolist()
    overall = found.overall
    assert overall.compared == (6 + 6 + 16) * 12
    assert overall.agreement == 0
    assert overall.confidence[:, 1].tolist() == [200 / 255, 200 / 255]
    [camera] = found.cameras
    assert (camera.topic, camera.start_ns) == ("/image", START)
    assert [frame.time_ns for frame in camera.frames] == [START, START + SECOND]
    assert [frame.stamp_ns for frame in camera.frames] == [START - 100, START + SECOND - 100]
    a, b = found.models
    assert [facts["model"] for facts in (*a, *b)] == ["channel", "swapped"]
    assert {"sha256", "graph_sha256", "runtime", "precision", "taxonomy"} <= a[0].keys()
    assert "source" not in a[0]


def test_a_model_agrees_with_itself(channel_model, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((4, 6)), picture((9, 2))]})
    found = compare(choice(channel_model, channel_model), bag)
    assert found.overall.agreement == found.overall.miou == 1
    assert found.models[0] == found.models[1]
    assert worst_frames(found.cameras, 8) == []


def test_other_sizes_are_compared_at_the_cameras(channel_model, smaller, tmp_path) -> None:
    image = np.full((36, 48, 3), 10, np.uint8)
    image[:, :15, RED] = image[:, 15:, GREEN] = 200
    bag = write_bag(tmp_path / "bag", {"/image": [image]})
    found = compare(choice(channel_model, smaller), bag)
    assert found.size is None
    # One of B's pixels is six of the camera's and half red, half green: red, the first of equals.
    differing = 3 * 36
    assert found.counts.matrix[GREEN, RED] == differing
    assert found.overall.pixels == 36 * 48
    assert found.overall.agreement == 1 - differing / (36 * 48)
    assert compare(choice(smaller, smaller), bag).size == (8, 6)


def test_cameras_are_kept_apart_and_in_order(channel_model, swapped, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/z": [picture((0, 16))], "/a": [picture((0, 8))] * 2})
    found = compare(choice(channel_model, swapped, all_images=True), bag)
    assert [(camera.topic, len(camera.frames)) for camera in found.cameras] == [
        ("/a", 2),
        ("/z", 1),
    ]
    only = compare(choice(channel_model, swapped, topics=("/z",)), bag)
    assert [camera.topic for camera in only.cameras] == ["/z"]
    with pytest.raises(BagError, match="--topic"):
        compare(choice(channel_model, swapped), bag)


def test_windows_and_workers_do_not_matter(channel_model, swapped, tmp_path) -> None:
    images = [picture((k % 7, k % 5)) for k in range(25)]
    bags = [write_bag(tmp_path / name, {"/image": images}) for name in ("one", "two")]
    job = CompareJob(choice(channel_model, swapped))
    whole = compare(job.choice, *bags)
    outcomes = []
    for task in [task for bag in bags for task in tasks(bag)][::-1]:
        worker = pickle.loads(pickle.dumps(job)).start()
        outcomes.append(pickle.loads(pickle.dumps(worker.work(task, nobody))))
        worker.close()
    assert len(outcomes) == 2 * 3
    assert put_together(outcomes[::-1], ()).as_dict() == whole.as_dict()
    assert whole.frames == 50
    assert [camera.bag for camera in whole.cameras] == [str(bag) for bag in bags]


def test_progress_is_told_frame_by_frame(channel_model, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((1, 2))] * 3})
    done = []
    [outcome] = work_here(CompareJob(choice(channel_model, channel_model)), tasks(bag), done.append)
    assert done == [1, 1, 1]
    assert outcome.frames == 3


def test_what_cannot_be_read_is_marked(channel_model, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((1, 2)), None, picture((1, 2))]})
    found = compare(choice(channel_model, channel_model), bag)
    assert found.frames == 2
    [skipped] = found.skipped
    assert (skipped.bag, skipped.topic, skipped.time_ns) == (str(bag), "/image", START + SECOND)
    [event] = found.cameras[0].events
    assert (event.kind, event.begin_ns, event.end_ns) == ("lost", START + SECOND, START + SECOND)


def test_faults_of_opening_are_kept(channel_model, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((1, 2))]})
    outcomes = work_here(CompareJob(choice(channel_model, channel_model)), tasks(bag), nobody)
    faults = [Fault("truncated"), Fault("no index", "/image", START + 5, 2), Fault("x", "/b", 7)]
    found = put_together(outcomes, faults)
    assert [each.reason for each in found.skipped] == ["truncated", "no index", "x"]
    assert [event.begin_ns for event in found.cameras[0].events] == [START + 5]


def test_no_window_at_all() -> None:
    with pytest.raises(BagError, match="hold no messages"):
        put_together([], ())


def test_models_that_share_no_class_are_freed(channel_model, tmp_path, monkeypatch) -> None:
    other = variant(channel_model, tmp_path / "other", "x", "y", "z")
    closed = []
    monkeypatch.setattr(
        "segnet_ros.inference.segmenter.Segmenter.close", lambda self: closed.append(self)
    )
    with pytest.raises(AgreementError, match="no class in common"):
        CompareJob(choice(channel_model, other)).start()
    assert len(closed) == 2


def test_worst_frames_are_found_again(channel_model, swapped, tmp_path) -> None:
    images = [picture((16 - k, 0)) for k in range(5)]  # B's green spreads over A's blue
    bag = write_bag(tmp_path / "bag", {"/image": images, "/other": images}, period=3 * SECOND)
    given = choice(channel_model, swapped, topics=("/image",))
    worst = worst_frames(compare(given, bag).cameras, 2)
    assert [each.frame.time_ns - START for each in worst] == [3 * SECOND, 6 * SECOND]
    job = pickle.loads(pickle.dumps(PictureJob(given, tuple(worst))))
    outcomes = list(work_here(job, tasks_of(worst), nobody))
    assert [outcome.frames for outcome in outcomes] == [1, 1]
    pictures = [outcome.value for outcome in outcomes]
    assert all(each.a.startswith("data:image/jpeg;base64,") for each in pictures)
    assert len({each.differences for each in pictures}) == 2


def test_a_frame_that_is_gone_is_not_shown(channel_model, swapped, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", {"/image": [picture((0, 16))]})
    given = choice(channel_model, swapped)
    [frame] = worst_frames(compare(given, bag).cameras, 1)
    gone = replace(frame, frame=replace(frame.frame, stamp_ns=5))
    [outcome] = work_here(PictureJob(given, (gone,)), tasks_of([gone]), nobody)
    assert (outcome.value, outcome.frames) == (None, 0)
