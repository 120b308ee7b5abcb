# SPDX-License-Identifier: Apache-2.0

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from segnet_ros.bags.clip import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    ClipError,
    PictureFrame,
    RecordedFrame,
    open_clip,
    typestore,
)

STORAGES = [StoragePlugin.MCAP, StoragePlugin.SQLITE3]
SUFFIXES = {StoragePlugin.MCAP: ".mcap", StoragePlugin.SQLITE3: ".db3"}
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 50_000_000  # 20 Hz

TYPES = typestore().types
Header, Time = TYPES["std_msgs/msg/Header"], TYPES["builtin_interfaces/msg/Time"]


def picture(index: int) -> np.ndarray:
    """RGB [4,6,3]: red tells the frame and row, green the column, blue is constant."""
    rgb = np.full((4, 6, 3), 200, np.uint8)
    rgb[..., 0] = 20 * index + np.arange(4)[:, None]
    rgb[..., 1] = np.arange(6)
    return rgb


def stamp_ns(index: int) -> int:
    return START_NS + index * PERIOD_NS + 7


def header(index: int) -> Any:
    return Header(Time(*divmod(stamp_ns(index), 1_000_000_000)), "front_camera")


def image(index: int) -> Any:
    data = picture(index)[..., ::-1].reshape(-1)
    return TYPES[IMAGE_TYPE](header(index), 4, 6, "bgr8", 0, 18, data)


def compressed_image(index: int) -> Any:
    _, png = cv2.imencode(".png", picture(index)[..., ::-1])
    return TYPES[COMPRESSED_IMAGE_TYPE](header(index), "bgr8; png compressed bgr8", png.reshape(-1))


def camera_info(index: int, focal: float) -> Any:
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    k = np.array([focal, 0, 3, 0, focal, 2, 0, 0, 1.0])
    p = np.array([focal, 0, 3, 0, 0, focal, 2, 0, 0, 0, 1, 0.0])
    info = TYPES[CAMERA_INFO_TYPE]
    return info(header(index), 4, 6, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi)


def write_bag(
    path: Path,
    topics: dict[str, list[Any]],
    storage: StoragePlugin = StoragePlugin.MCAP,
    chunk_compression: bool = False,
    first: int = 0,
) -> Path:
    """Write a recording; message i of the n-th topic is logged n microseconds after frame i.

    The messages are counted from `first`.
    """
    writer = Writer(path, version=9, storage_plugin=storage)
    if chunk_compression:
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        for delay, (topic, messages) in enumerate(topics.items()):
            kind = messages[0].__msgtype__
            connection = writer.add_connection(topic, kind, typestore=typestore())
            for index, message in enumerate(messages, first):
                logged = START_NS + index * PERIOD_NS + delay * 1000
                writer.write(connection, logged, typestore().serialize_cdr(message, kind))
    return path


def bag_file(folder: Path) -> Path:
    return next(file for file in folder.iterdir() if file.suffix in SUFFIXES.values())


def raw_images(count: int = 3) -> list[Any]:
    return [image(index) for index in range(count)]


def assert_recorded_frames(path: Path, count: int = 3) -> None:
    with open_clip(path) as clip:
        frames = list(clip.frames())
        assert clip.frame_count == count
        assert clip.rate == pytest.approx(20.0)
    assert [frame.name for frame in frames] == [f"{index:06d}" for index in range(count)]
    assert [frame.stamp_ns for frame in frames] == [stamp_ns(index) for index in range(count)]
    assert {frame.frame_id for frame in frames} == {"front_camera"}
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.rgb(), picture(index))


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("message", [image, compressed_image])
@pytest.mark.parametrize("bare", [False, True])
def test_recording_gives_the_recorded_frames(tmp_path, storage, message, bare) -> None:
    messages = [message(index) for index in range(3)]
    folder = write_bag(tmp_path / "drive.1", {"/camera/image": messages}, storage)
    path = bag_file(folder) if bare else folder
    assert_recorded_frames(path)
    with open_clip(path) as clip:
        assert (clip.path, clip.name) == (path, "drive.1")
        assert clip.compressed == (message is compressed_image)
        assert clip.camera_info_topic is None
        for index, frame in enumerate(clip.frames()):
            assert isinstance(frame, RecordedFrame)
            assert frame.message_type == message(index).__msgtype__
            assert frame.cdr == typestore().serialize_cdr(message(index), frame.message_type)
            assert frame.camera_info is None


def test_recording_starts_anew_with_every_iteration(tmp_path) -> None:
    with open_clip(write_bag(tmp_path / "bag", {"/image": raw_images()})) as clip:
        next(clip.frames())
        first, second = list(clip.frames()), list(clip.frames())
    assert first == second
    assert len(first) == 3


def test_decoded_message_is_a_view_of_the_recorded_bytes(tmp_path) -> None:
    with open_clip(write_bag(tmp_path / "bag", {"/image": raw_images()})) as clip:
        frame = next(clip.frames())
    data = frame.message().data
    assert np.shares_memory(data, np.frombuffer(frame.cdr, np.uint8))
    np.testing.assert_array_equal(data.reshape(4, 6, 3), picture(0)[..., ::-1])


def test_compressed_chunks_are_read(tmp_path) -> None:
    topics = {"/image": raw_images()}
    folder = write_bag(tmp_path / "bag", topics, chunk_compression=True)
    assert b"zstd" in bag_file(folder).read_bytes()
    assert_recorded_frames(folder)


def test_recording_without_message_definitions_is_read(tmp_path) -> None:
    folder = write_bag(tmp_path / "bag", {"/image": raw_images()}, StoragePlugin.SQLITE3)
    with sqlite3.connect(bag_file(folder)) as database:
        database.execute("DELETE FROM message_definitions")
    database.close()
    assert_recorded_frames(folder)


def test_split_recording_is_read_in_order(tmp_path) -> None:
    first = write_bag(tmp_path / "first", {"/image": raw_images(4)[:2]})
    second = write_bag(tmp_path / "second", {"/image": raw_images(4)[2:]}, first=2)
    shutil.copy(bag_file(second), first)
    metadata = yaml.safe_load((first / "metadata.yaml").read_text())
    information = metadata["rosbag2_bagfile_information"]
    information["relative_file_paths"].append(bag_file(second).name)
    information["topics_with_message_count"][0]["message_count"] = 4
    (first / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    assert_recorded_frames(first, 4)


def test_rate_is_not_moved_by_a_lost_frame(tmp_path) -> None:
    messages = [image(index) for index in (0, 1, 2, 5, 6)]
    with open_clip(write_bag(tmp_path / "bag", {"/image": messages})) as clip:
        assert clip.rate == pytest.approx(20.0)


def test_rate_is_unknown_for_equal_stamps(tmp_path) -> None:
    with open_clip(write_bag(tmp_path / "bag", {"/image": [image(0), image(0)]})) as clip:
        assert clip.rate is None


def test_raw_topic_is_preferred_to_its_compressed_copy(tmp_path) -> None:
    topics = {
        "/cam/image_raw/compressed": [compressed_image(1)],
        "/cam/image_raw": [image(0)],
    }
    path = write_bag(tmp_path / "bag", topics)
    with open_clip(path) as clip:
        assert (clip.topic, clip.compressed) == ("/cam/image_raw", False)
        np.testing.assert_array_equal(next(clip.frames()).rgb(), picture(0))
    with open_clip(path, "/cam/image_raw/compressed") as clip:
        assert clip.compressed
        np.testing.assert_array_equal(next(clip.frames()).rgb(), picture(1))


def test_several_topics_demand_a_choice(tmp_path) -> None:
    path = write_bag(tmp_path / "bag", {"/left": [image(0)], "/right": [image(1), image(2)]})
    listing = r"/left \(sensor_msgs/msg/Image, 1\), /right \(sensor_msgs/msg/Image, 2\)"
    with pytest.raises(ClipError, match=f"has 2 image topics; name one .*: {listing}"):
        open_clip(path)
    with pytest.raises(ClipError, match=f"no frames on topic /rear; name one .*: {listing}"):
        open_clip(path, "/rear")
    with open_clip(path, "/right") as clip:
        assert [frame.rgb()[0, 0, 0] for frame in clip.frames()] == [20, 40]


def test_topics_without_frames_are_no_choice(tmp_path) -> None:
    kind = image(0).__msgtype__
    with Writer(tmp_path / "bag", version=9) as writer:
        writer.add_connection("/rear", kind, typestore=typestore())
        front = writer.add_connection("/front", kind, typestore=typestore())
        writer.write(front, START_NS, typestore().serialize_cdr(image(0), kind))
    with open_clip(tmp_path / "bag") as clip:
        assert clip.topic == "/front"
    with pytest.raises(ClipError, match=r"no frames on topic /rear; .*: /front \("):
        open_clip(tmp_path / "bag", "/rear")


def test_camera_info_is_the_one_in_force(tmp_path) -> None:
    topics = {
        "/cam/image_raw/compressed": [compressed_image(index) for index in range(3)],
        "/cam/camera_info": [camera_info(index, 100.0 + index) for index in range(3)],
        "/other/camera_info": [camera_info(0, 1.0)],
    }
    with open_clip(write_bag(tmp_path / "bag", topics)) as clip:
        assert clip.camera_info_topic == "/cam/camera_info"
        frames = list(clip.frames())
    infos = [typestore().deserialize_cdr(frame.camera_info, CAMERA_INFO_TYPE) for frame in frames]
    assert [info.k[0] for info in infos] == [100.0, 100.0, 101.0]  # logged after their image


def test_folder_is_shown_in_natural_order(tmp_path) -> None:
    for index, name in enumerate(["frame2.png", "frame10.bmp", "Frame9a.PNG"]):
        cv2.imwrite(str(tmp_path / name), picture(index)[..., ::-1])
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / "._frame2.png").write_bytes(b"left by another system")
    with open_clip(tmp_path) as clip:
        assert (clip.name, clip.frame_count, clip.rate) == (tmp_path.name, 3, None)
        frames = list(clip.frames())
    assert all(isinstance(frame, PictureFrame) for frame in frames)
    assert [frame.name for frame in frames] == ["frame2", "Frame9a", "frame10"]
    assert [frame.stamp_ns for frame in frames] == [0, 33_333_333, 66_666_667]
    assert {frame.frame_id for frame in frames} == {"camera"}
    for frame, index in zip(frames, [0, 2, 1], strict=True):
        np.testing.assert_array_equal(frame.pixels, picture(index))
        assert frame.rgb() is frame.pixels


def test_folder_goes_on_behind_an_unreadable_image(tmp_path) -> None:
    for index in (0, 2):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture(index)[..., ::-1])
    (tmp_path / "1.png").write_bytes(b"no image")
    frames = open_clip(tmp_path).frames()
    assert next(frames).name == "0"
    with pytest.raises(ClipError, match=r"1\.png cannot be decoded as a picture; restore"):
        next(frames)
    np.testing.assert_array_equal(next(frames).rgb(), picture(2))


def test_one_grey_image_becomes_one_rgb_frame(tmp_path) -> None:
    path = tmp_path / "street.png"
    cv2.imwrite(str(path), picture(1)[..., 0])
    with open_clip(path) as clip:
        assert (clip.name, clip.frame_count) == ("street", 1)
        (frame,) = clip.frames()
    np.testing.assert_array_equal(frame.rgb(), np.repeat(picture(1)[..., :1], 3, axis=2))


def test_video_gives_its_frames_and_rate(tmp_path) -> None:
    path = tmp_path / "drive.avi"
    pictures = [np.kron(picture(index), np.ones((8, 8, 1), np.uint8)) for index in range(4)]
    lossless = cv2.VideoWriter.fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), lossless, 12.5, (48, 32))
    for rgb in pictures:
        writer.write(rgb[..., ::-1])
    writer.release()
    with open_clip(path) as clip:
        assert (clip.name, clip.frame_count, clip.rate) == ("drive", 4, 12.5)
        for _ in range(2):
            frames = list(clip.frames())
            assert [frame.name for frame in frames] == ["000000", "000001", "000002", "000003"]
            assert [frame.stamp_ns for frame in frames] == [0, 80000000, 160000000, 240000000]
            for frame, rgb in zip(frames, pictures, strict=True):
                np.testing.assert_array_equal(frame.rgb(), rgb)


def test_missing_path_is_refused(tmp_path) -> None:
    with pytest.raises(ClipError, match=r"nowhere\.mcap does not exist; expected"):
        open_clip(tmp_path / "nowhere.mcap")


def test_folder_without_images_is_refused(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("not a frame")
    with pytest.raises(ClipError, match="holds 1 entries, none of them an image; expected"):
        open_clip(tmp_path)


@pytest.mark.parametrize("storage", STORAGES)
def test_recording_without_metadata_is_refused_as_a_folder(tmp_path, storage) -> None:
    folder = write_bag(tmp_path / "bag", {"/image": raw_images()}, storage)
    (folder / "metadata.yaml").unlink()
    with pytest.raises(ClipError, match=r"no metadata\.yaml; .*ros2 bag reindex bag"):
        open_clip(folder)


@pytest.mark.parametrize("suffix", SUFFIXES.values())
@pytest.mark.parametrize("content", [b"", b"neither of the formats" * 20])
def test_file_that_is_no_recording_is_refused(tmp_path, suffix, content) -> None:
    path = tmp_path / f"bag{suffix}"
    path.write_bytes(content)
    with pytest.raises(ClipError, match=rf"bag{suffix} cannot be read as a rosbag2 recording"):
        open_clip(path)


@pytest.mark.parametrize("storage", STORAGES)
def test_truncated_recording_is_refused(tmp_path, storage) -> None:
    folder = write_bag(tmp_path / "bag", {"/image": raw_images(60)}, storage)
    content = bag_file(folder).read_bytes()
    bag_file(folder).write_bytes(content[: len(content) // 2])
    with pytest.raises(ClipError, match=r"expected a complete \.mcap or \.db3 recording\. Repair"):
        list(open_clip(folder).frames())


def test_damaged_metadata_is_refused(tmp_path) -> None:
    folder = write_bag(tmp_path / "bag", {"/image": raw_images()})
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information: {version: 9}")
    with pytest.raises(
        ClipError, match=r"cannot be read as a rosbag2 recording \(metadata\.yaml is"
    ):
        open_clip(folder)


def test_recording_without_image_topics_is_refused(tmp_path) -> None:
    path = write_bag(tmp_path / "bag", {"/cam/camera_info": [camera_info(0, 1.0)]})
    found = r"/cam/camera_info \(sensor_msgs/msg/CameraInfo, 1\)"
    with pytest.raises(ClipError, match=rf"no frames on any image topic; .*recorded: {found}"):
        open_clip(path)


def test_empty_recording_is_refused(tmp_path) -> None:
    with Writer(tmp_path / "bag", version=9):
        pass
    with pytest.raises(ClipError, match=r"no frames on any image topic; .*recorded: none"):
        open_clip(tmp_path / "bag")


def test_frame_that_cannot_be_converted_is_named(tmp_path) -> None:
    message = image(1)
    message.encoding = "64FC7"
    with open_clip(write_bag(tmp_path / "bag", {"/image": [image(0), message]})) as clip:
        frame = list(clip.frames())[1]
    with pytest.raises(ClipError, match=r"frame 000001: .*64FC7"):
        frame.rgb()


def test_ros1_recording_is_refused_with_the_conversion(tmp_path) -> None:
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(ClipError, match=r"rosbags-convert --src old\.bag --dst old"):
        open_clip(tmp_path / "old.bag")


def test_file_that_is_no_video_is_refused(tmp_path) -> None:
    (tmp_path / "drive.mp4").write_bytes(b"no video")
    with pytest.raises(ClipError, match=r"drive\.mp4 cannot be read as a video; expected"):
        open_clip(tmp_path / "drive.mp4")
