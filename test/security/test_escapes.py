# SPDX-License-Identifier: Apache-2.0
"""Names in recordings, models and datasets lead nowhere but to where the user pointed."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("mcap", reason="needs mcap: pip install 'segnet_ros[bag]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")

import fsspec
import onnx

from segnet_ros.bags.clip import ClipError, open_clip
from segnet_ros.bags.errors import BagError
from segnet_ros.bags.mining.frame_names import bag_names, frame_names
from segnet_ros.bags.mining.frame_scores import FrameScores
from segnet_ros.bags.mining.mining import ScoredFrame
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.writing.bag_folder import BagOutput
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_bag import new_bag
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.resume_file import Progress, to_text
from segnet_ros.bags.writing.segment_file import SegmentSummary
from segnet_ros.cli import main
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import GRAPH, file_sha256, load_model
from segnet_ros.inference.segmenter import Segmenter

SECOND = 1_000_000_000
HOSTILE = [
    "/../../../escaped/image_raw",
    "/..",
    "//etc/passwd",
    "/a\0b/image",
    "/.hidden/image",
    "/" + "long" * 100,
    "C:\\windows\\image",
    "/<script>alert(1)</script>/image",
    "/a\nb/image",
]


def record(folder: Path, topics: list[str]) -> Path:
    """Two frames on each topic."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    with new_bag(folder, [new_topic(name, IMAGE_TYPE) for name in topics], "mcap") as write:
        for time_ns in (SECOND, 2 * SECOND):
            for name in topics:
                write(RecordedMessage(name, time_ns, frame_message(pixels, True, time_ns, "cam")))
    return folder


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def hostile_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("hostile") / "bag", HOSTILE[:5])


def test_labels_of_hostile_topics_stay_in_the_output(
    hostile_bag: Path, channel_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "a" / "b" / "c" / "d"
    arguments = ["--model", str(channel_model), "--runtime", "openvino", "--all-images"]
    assert main(["label-bag", str(hostile_bag), "-o", str(place / "out"), *arguments]) == 0
    found = everything(tmp_path)
    inside = {name for name in found if name.startswith("a/b/c/d/out/")}
    assert inside == {"a/b/c/d/out/metadata.yaml", "a/b/c/d/out/out_0.mcap"}
    assert found - inside == {"a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/out"}


def test_labels_of_hostile_topics_stay_in_the_store(hostile_bag: Path, channel_model: Path) -> None:
    arguments = ["--model", str(channel_model), "--runtime", "openvino", "--all-images"]
    store = fsspec.filesystem("memory")
    assert main(["label-bag", str(hostile_bag), "-o", "memory://fleet/7/out", *arguments]) == 0
    try:
        assert sorted(store.find("/")) == ["/fleet/7/out/metadata.yaml", "/fleet/7/out/out_0.mcap"]
    finally:
        store.rm("/fleet", recursive=True)


def test_mined_files_of_hostile_topics_stay_in_the_dataset(
    hostile_bag: Path, channel_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "a" / "b" / "c" / "d"
    place.mkdir(parents=True)
    arguments = ["--model", str(channel_model), "--runtime", "openvino", "--all-images"]
    assert main(["mine", str(hostile_bag), "-o", str(place / "out"), *arguments]) == 0
    found = everything(tmp_path)
    outside = {name for name in found if not name.startswith("a/b/c/d/out")}
    assert outside == {"a", "a/b", "a/b/c", "a/b/c/d"}
    folders = {str(Path(name).parent) for name in found - outside}
    out = "a/b/c/d/out"
    assert folders <= {"a/b/c/d", out, f"{out}/images", f"{out}/labels"}
    document = json.loads((tmp_path / out / "annotations_coco.json").read_text())
    names = [entry["file_name"] for entry in document["images"]]
    assert names
    assert all((tmp_path / out / "images" / name).is_file() for name in names)


def test_names_of_frames_are_plain_file_names() -> None:
    bags = ["/data/..", "/data/.evil", "s3://fleet/../x\0y", "/data/a b;rm -rf ~"]
    frames = [
        ScoredFrame(bag, topic, SECOND, SECOND, FrameScores(1, 0), b"")
        for bag in bags
        for topic in HOSTILE[:5]
    ]
    names = frame_names(frames, {bag: set(HOSTILE[:5]) for bag in bags})
    assert len(set(names)) == len(frames)
    for name in [*names, *bag_names(bags).values()]:
        assert Path(name).name == name
        assert not name.startswith(".")
        assert not set(name) & set("/\\\0\n ;~")


def describe(bag: Path, path: str) -> None:
    """Let metadata.yaml name another file."""
    metadata = yaml.safe_load((bag / "metadata.yaml").read_text())
    content = metadata["rosbag2_bagfile_information"]
    content["relative_file_paths"] = [path]
    for entry in content.get("files", []):
        entry["path"] = path
    (bag / "metadata.yaml").write_text(yaml.safe_dump(metadata))


@pytest.mark.parametrize("path", ["../secret.mcap", "{root}/secret.mcap", "bag/../../secret.mcap"])
def test_metadata_names_no_file_outside_of_the_recording(tmp_path: Path, path: str) -> None:
    bag = record(tmp_path / "bag", ["/image"])
    (bag / "bag_0.mcap").rename(tmp_path / "secret.mcap")
    describe(bag, path.format(root=tmp_path))
    with pytest.raises(BagError, match=r"none of the files that metadata\.yaml names"):
        Recording(str(bag))
    with pytest.raises(ClipError, match=r"none of the files that metadata\.yaml names"):
        open_clip(bag)


def test_a_path_outside_means_the_file_of_that_name_inside(tmp_path: Path) -> None:
    bag = record(tmp_path / "bag", ["/image"])
    other = record(tmp_path / "other", ["/secret"])
    (other / "other_0.mcap").rename(tmp_path / "bag_0.mcap")
    describe(bag, "../bag_0.mcap")
    recording = Recording(str(bag))
    assert set(recording.topics) == {"/image"}
    recording.close()


def test_resuming_follows_no_path(tmp_path: Path) -> None:
    (tmp_path / "secret.mcap").write_bytes(b"secret")
    (tmp_path / "out").mkdir()
    segment = SegmentSummary("../secret.mcap", "", 6, 1, 2, {})
    text = to_text(Progress({}, done=1, frames=1, segments=(segment,)))
    (tmp_path / "out" / "resume.json").write_text(text)
    with pytest.raises(BagError, match=r"lacks \.\./secret\.mcap"):
        BagOutput(str(tmp_path / "out"), {}, [], resume=True)
    assert everything(tmp_path) == {"out", "out/resume.json", "secret.mcap"}


def test_a_staging_folder_that_is_a_link_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious" / "folder").mkdir(parents=True)
    (tmp_path / ".bag.partial").symlink_to(tmp_path / "precious")
    with pytest.raises(BagError, match=r"\.bag\.partial is a link or somebody else's"):
        record(tmp_path / "bag", ["/image"])
    assert (tmp_path / "precious" / "folder").is_dir()


def test_somebody_elses_staging_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".bag.partial" / "folder").mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(BagError, match=r"\.bag\.partial is a link or somebody else's"):
        record(tmp_path / "bag", ["/image"])
    assert (tmp_path / ".bag.partial" / "folder").is_dir()


@pytest.fixture
def model(channel_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(channel_model, tmp_path / "models" / "model"))


@pytest.mark.parametrize("file", ["../outside.onnx", "/etc/passwd", "a/../../outside.onnx", ".."])
@pytest.mark.parametrize("fact", ["engine_graphs", "golden"])
def test_a_model_names_no_file_outside_of_its_folder(model: Path, file: str, fact: str) -> None:
    facts = yaml.safe_load((model / "model.yaml").read_text())
    entry = {"file": file, "sha256": "0" * 64}
    facts[fact] = {"fp16": entry} if fact == "engine_graphs" else entry
    (model / "model.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(InferenceError, match=r"model\.yaml"):
        load_model(model)


@pytest.mark.parametrize("location", ["../weights.bin", "{root}/weights.bin", "link.bin"])
def test_a_graph_reads_no_other_file(model: Path, location: str) -> None:
    """Weights in the file of another would let its content be read out as labels."""
    np.zeros(3, np.float32).tofile(model.parent / "weights.bin")
    (model / "link.bin").symlink_to(model.parent / "weights.bin")
    graph = onnx.load(model / GRAPH)
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=1)
    tensor.external_data.add(key="location", value=location.format(root=model.parent))
    graph.graph.initializer.append(tensor)
    (model / GRAPH).write_bytes(graph.SerializeToString())
    facts = yaml.safe_load((model / "model.yaml").read_text())
    facts["sha256"] = file_sha256(model / GRAPH)
    (model / "model.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(InferenceError, match=GRAPH):
        Segmenter(load_model(model), "openvino")


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a\0b", "..", "x" * 300, "a\nb"])
def test_a_models_name_keeps_its_engine_in_the_cache(tmp_path: Path, name: str) -> None:
    cache = EngineCache(tmp_path / "a" / "b" / "cache")
    cache.store(fingerprint(), name, b"plan", "layers", 1.0)
    files = everything(tmp_path) - {"a", "a/b", "a/b/cache"}
    assert len(files) == 2
    assert {str(Path(file).parent) for file in files} == {"a/b/cache"}


def fingerprint() -> Fingerprint:
    return Fingerprint(
        onnx_sha256="0" * 64, flavour="TensorRT", version="10.3", gpu="Orin",
        compute_capability="8.7", driver="", cuda="12.6", l4t="36.4", power_mode="", flags=(),
        precision="fp16", batch=1,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.avi"])
@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_a_playlist_is_no_video(tmp_path: Path, name: str, kind: str) -> None:
    """FFmpeg would open whatever files and addresses it names."""
    writer = cv2.VideoWriter(
        str(tmp_path / "secret.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48)
    )
    for shade in range(5):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    with open_clip(tmp_path / "secret.mp4") as clip:
        assert len(list(clip.frames())) == 5
    text = {
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    }
    (tmp_path / name).write_text(text[kind])
    with pytest.raises(ClipError, match=rf"{name} cannot be read as a video"):
        open_clip(tmp_path / name)
