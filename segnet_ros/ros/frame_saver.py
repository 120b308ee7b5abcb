# SPDX-License-Identifier: Apache-2.0
"""Frames kept for later labelling: picture, labels, confidence and facts, whole or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# The facts come last: a set is complete when they are there.
_PARTS = (".png", "_label.png", "_confidence.png", ".json")
_PARTIAL = ".partial-"


class FrameSaveError(Exception):
    """A frame cannot be saved; the text says what to do about it."""


class FrameSaver:
    """Writes frames into a folder, each as a set of four files.

    Threads and other processes may save into the same folder at the same time. Of a process that is
    killed no file is left half-written under its name; what else it left the next frame removes.
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
            with _alone(folder):
                _remove_abandoned(folder)
                paths = _free(folder, f"{_digits(facts['stamp'])}_{camera}")
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


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else saves here meanwhile; the kernel frees the lock of a process that is killed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Who holds the lock alone knows that nobody writes them any more."""
    for path in folder.glob(f"{_PARTIAL}*"):
        path.unlink()


def _free(folder: Path, name: str) -> list[Path]:
    """Paths of a set of which no file exists."""
    return next(
        paths for paths in _numbered(folder, name) if not any(path.exists() for path in paths)
    )


def _numbered(folder: Path, name: str) -> Iterator[list[Path]]:
    for number in count(1):  # pragma: no branch  # it never ends
        suffix = f"-{number}" if number > 1 else ""
        yield [folder / f"{name}{suffix}{part}" for part in _PARTS]


def _write(paths: list[Path], contents: list[bytes]) -> None:
    """All of them under other names first: what has its own name is whole."""
    partials = [path.with_name(f"{_PARTIAL}{path.name}") for path in paths]
    try:
        for partial, content in zip(partials, contents, strict=True):
            _write_to_disk(partial, content)
        for partial, path in zip(partials, paths, strict=True):
            partial.rename(path)
    except BaseException:
        for path in (*partials, *paths):
            path.unlink(missing_ok=True)
        raise


def _write_to_disk(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
