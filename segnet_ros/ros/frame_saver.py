# SPDX-License-Identifier: Apache-2.0
"""Frames kept for later labelling: picture, labels, confidence and facts, whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.files import replacing

Pixels = npt.NDArray[np.uint8]

# The facts come last: a set is complete when they are there.
_PARTS = (".png", "_label.png", "_confidence.png", ".json")


class FrameSaveError(Exception):
    """A frame cannot be saved; the text says what to do about it."""


class FrameSaver:
    """Writes frames into a folder, each as a set of four files.

    Threads and other processes may save into the same folder at the same time.
    """

    def save(
        self,
        folder: Path,
        camera: str,
        image: Pixels,
        labels: Pixels,
        confidence: Pixels,
        facts: Mapping[str, Any],
    ) -> list[Path]:
        """Write one frame; returns when it is on the disk, so call it where waiting is no harm.

        Args:
            folder: Made if it is not there.
            camera: The camera's name, as it stands in the files' names.
            image: uint8 [H, W, 3], RGB.
            labels: Class ids, uint8 [H, W].
            confidence: uint8 [H, W], 255 = certain.
            facts: What JSON can hold; "stamp" is the image's: {"sec": …, "nanosec": …}.

        Returns:
            `<stamp>_<camera>.png`, `…_label.png`, `…_confidence.png` and `….json`; the stamp in
            nanoseconds, 19 digits, so that names sort by time. Where one of them was there before,
            the set is `<stamp>_<camera>-2…` and so on.

        Raises:
            FrameSaveError: the folder or the files cannot be written; none of them is left.

        """
        picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
        contents = [*map(_png, (picture, labels, confidence)), _json(facts)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = _reserve(folder, f"{_digits(facts['stamp'])}_{camera}")
            _write(paths, contents)
        except OSError as error:
            msg = (
                f"frame not saved: {folder} cannot be written ({error.strerror}); let "
                "frames_folder name a folder that may be written and has space left"
            )
            raise FrameSaveError(msg) from error
        return paths


def _digits(stamp: Mapping[str, int]) -> str:
    return f"{stamp['sec']:010d}{stamp['nanosec']:09d}"


def _png(pixels: Pixels) -> bytes:
    # Not cv2.imwrite: it overlooks a full disk.
    _, png = cv2.imencode(".png", pixels)
    return png.tobytes()


def _json(facts: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(facts, indent=2, ensure_ascii=False)}\n".encode()


def _reserve(folder: Path, name: str) -> list[Path]:
    """Paths of a set of which no file existed; the first one does now, empty."""
    return next(paths for paths in _numbered(folder, name) if _take(paths))


def _take(paths: list[Path]) -> bool:
    if any(path.exists() for path in paths):
        return False
    try:
        paths[0].touch(exist_ok=False)
    except FileExistsError:  # somebody else was faster
        return False
    return True


def _numbered(folder: Path, name: str) -> Iterator[list[Path]]:
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        yield [folder / f"{name}{suffix}{part}" for part in _PARTS]


def _write(paths: list[Path], contents: list[bytes]) -> None:
    try:
        for path, content in zip(paths, contents, strict=True):
            with replacing(path) as partial:
                partial.write_bytes(content)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
