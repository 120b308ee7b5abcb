# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: replay a clip through the node, record, report."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segnet_ros.bags.clip import open_clip
from segnet_ros.demo.errors import DemoError
from segnet_ros.demo.pictures import write_contact_sheet, write_video
from segnet_ros.demo.recorder import CAMERA, LABEL, Recorder
from segnet_ros.demo.report import Report, make_report, score
from segnet_ros.inference.files import replacing
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.simulation.clip import write_clip

RECORDING = "labelled"
REPORT = "report.json"
_RENDERED_FRAMES = 150
_RENDERED_SEED = 5
_RENDERED_RATE = 15.0
# The node and the recorder: a replay that starts before both listen loses its first frames.
_LISTENERS = 2
_START_SECONDS = 60.0
_SETTLE_SECONDS = 6.0
_STOP_SECONDS = 10.0


def run_demo(
    clip: Path | None, output: Path, model: str, rate: float | None, truth: Path | None
) -> Report:
    """Replay a clip through the node in separate processes and write what came out.

    Args:
        clip: Anything `open_clip` reads; by default a street scene is rendered.
        output: Folder to write into; what an earlier demo left there is replaced.
        model: Folder, or name of a shipped model.
        rate: Images per second; by default the recorded rate, or 15 for folders of pictures.
        truth: Folder of label images named like the clip's; by default the folder beside the clip
            whose name has `annot` appended, if it exists.

    Raises:
        DemoError: the node or the replay failed, or no labels came.
        ClipError: the clip cannot be read.
        InferenceError: the model cannot be used.

    """
    classes = load_model(find_model(model)).classes
    clip = clip or _rendered_clip(output)
    with open_clip(clip) as opened:
        rate = rate or opened.rate or _RENDERED_RATE
        compressed = opened.compressed
    recorder, stamps_ns = _record(clip, output, model, rate, compressed)
    recording, labels = output / RECORDING, _label_files(clip, truth, stamps_ns)
    miou = score(recording, labels, len(classes))
    report = make_report(stamps_ns, recorder.arrivals_ns, recorder.diagnostics, miou)
    with replacing(output / REPORT) as partial:
        partial.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    if not report.frames_out:
        msg = (
            f"the replay published {report.frames_in} images and no label came back; the node's "
            f"messages above say why; figures are in {output / REPORT}"
        )
        raise DemoError(msg)
    write_video(recording, output / "overlay.mp4", rate)
    write_contact_sheet(recording, output / "contact_sheet.png", classes, labels)
    return report


def _record(
    clip: Path, output: Path, model: str, rate: float, compressed: bool
) -> tuple[Recorder, Sequence[int]]:
    """Run replay and node; the recorder, closed, and the stamps of the images published."""
    output.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(output / RECORDING, ignore_errors=True)
    _isolate()
    with Recorder(output / RECORDING, compressed) as recorder, _node(model, compressed, recorder):
        stamps_ns = _replay(clip, rate, output, recorder)
        recorder.spin_until(lambda: _settled(recorder, len(stamps_ns)), _SETTLE_SECONDS)
    return recorder, stamps_ns


def _rendered_clip(output: Path) -> Path:
    folder = output / "clip"
    marker = folder / "drive" / f"{_RENDERED_FRAMES - 1:06d}.png"
    if not marker.exists():
        print(f"rendering {_RENDERED_FRAMES} frames of a street scene ...", flush=True)
        write_clip(folder, "drive", _RENDERED_FRAMES, _RENDERED_SEED)
    return folder / "drive"


def _isolate() -> None:
    """Keep other ROS systems on the network out of the demo, and the demo out of them."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(os.getpid() % 100))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    use_large_message_profile()


@contextmanager
def _node(model: str, compressed: bool, recorder: Recorder) -> Iterator[None]:
    arguments = ["-r", f"image:={CAMERA}", "-r", f"image/compressed:={CAMERA}/compressed"]
    transport = "compressed" if compressed else "raw"
    for parameter in (f"model:={model}", f"image_transport:={transport}", "autostart:=true"):
        arguments += ["-p", parameter]
    process = _start(["node", "--ros-args", *arguments])
    try:
        recorder.spin_until(
            lambda: process.poll() is not None or recorder.diagnostics.get("state") == "active",
            _START_SECONDS,
        )
        if recorder.diagnostics.get("state") != "active" or not recorder.hears(LABEL):
            msg = "the node did not become active; its messages above say why"
            raise DemoError(msg)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    if code != 0:
        msg = f"the node ended with exit code {code}; expected 0 after SIGINT"
        raise DemoError(msg)


def _replay(clip: Path, rate: float, output: Path, recorder: Recorder) -> Sequence[int]:
    summary = output / "replay.json"
    summary.unlink(missing_ok=True)
    options = ["--rate", str(rate), "--restamp", "--image-topic", CAMERA, "--report", str(summary)]
    options += ["--subscribers", str(_LISTENERS)]
    process = _start(["replay", str(clip), *options])
    try:
        while process.poll() is None:
            recorder.spin_until(lambda: process.poll() is not None, 1.0)
    finally:
        process.terminate()
        process.wait()
    if process.returncode != 0:
        msg = f"the replay ended with exit code {process.returncode}; see above"
        raise DemoError(msg)
    stamps: Sequence[int] = json.loads(summary.read_text(encoding="utf-8"))["stamps_ns"]
    summary.unlink()
    return stamps


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "segnet_ros", *arguments]
    return subprocess.Popen(command)  # noqa: S603  # a list, no shell


def _settled(recorder: Recorder, frames: int) -> bool:
    """Whether the node's last report accounts for every frame."""
    books = recorder.diagnostics
    done = int(books.get("frames received", 0)) == frames and books.get("frames pending") == "0"
    return done and len(recorder.arrivals_ns) == int(books.get("frames published", 0))


def _label_files(clip: Path, truth: Path | None, stamps_ns: Sequence[int]) -> dict[int, Path]:
    folder = truth or clip.resolve().with_name(f"{clip.resolve().name}annot")
    if not folder.is_dir():
        return {}
    with open_clip(clip) as opened:
        names = [frame.name for frame in opened.frames()]
    files = {stamp: folder / f"{name}.png" for stamp, name in zip(stamps_ns, names, strict=False)}
    return {stamp: path for stamp, path in files.items() if path.is_file()}
