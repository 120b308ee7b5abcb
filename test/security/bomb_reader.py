# SPDX-License-Identifier: Apache-2.0
"""Reads pictures in a process of its own: what each says, and how much memory it took.

Arguments: a folder. Answer: JSON, by reader and file: the text of the error, and MiB.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from segnet_ros.bags.clip import open_clip
from segnet_ros.bags.writing.image_messages import file_message
from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.datasets.palette_png import palette_indices
from segnet_ros.inference.picture_files import read_picture
from segnet_ros.messages.image_conversion import decode_compressed


def of_clip(path: Path) -> None:
    with open_clip(path) as clip:
        for frame in clip.frames():
            frame.rgb()


def as_image(path: Path) -> None:
    read_frame(LabelledFrame(path, path.with_name("small.png"), "a", CAMVID))


def as_labels(path: Path) -> None:
    read_frame(LabelledFrame(path.with_name("small.png"), path, "a", CAMVID))


def as_message(path: Path) -> None:
    content = np.frombuffer(path.read_bytes(), np.uint8)
    decode_compressed(SimpleNamespace(format="", data=content))


COLOR = 1  # cv2.IMREAD_COLOR; the package loads OpenCV itself, and sets its limits before

READERS: dict[str, Callable[[Path], object]] = {
    "clip": of_clip,
    "image": as_image,
    "labels": as_labels,
    "packed": lambda path: file_message(path, False, 0, "camera"),
    "message": as_message,
    "palette": palette_indices,
    "picture": lambda path: read_picture(path, COLOR),
}


def memory() -> int:
    """KiB that the process has had at most since `reset`."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError


def measured(read: Callable[[Path], object], path: Path) -> tuple[str, float]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory()
    try:
        read(path)
    except Exception as error:  # noqa: BLE001 - which one is what is asked
        said = f"{type(error).__name__}: {error}"
    else:
        said = ""
    return said, (memory() - before) / 1024


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    wanted = json.loads(sys.stdin.read())
    answers = [measured(READERS[reader], folder / name) for reader, name in wanted]
    print(json.dumps(answers))
