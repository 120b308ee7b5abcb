# SPDX-License-Identifier: Apache-2.0
"""Folder that a recording is written to: absent, or valid, at any moment."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
from pathlib import Path

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import METADATA_FILE
from segnet_ros.bags.writing.resume_file import RESUME_FILE

_LOCK = "lock"


class OutputFolder:
    """A folder on this machine that changes by atomic renames only.

    What is not complete lies in a hidden folder beside it, on the same disk, which also holds the
    lock. All methods but `close` raise OSError.

    Attributes:
        staging: Where finished files are put before `publish` takes them; empty before `open`.

    Args:
        folder: Need not exist.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._hidden = self._folder.with_name(f".{self._folder.name}.partial")
        self._lock: int | None = None
        self.staging = ""

    def open(self) -> None:
        """Keep others out, and clear away what a killed run left.

        Raises:
            BagError: another run has it, or what lies in its place is not this user's.

        """
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        for entry in self._hidden.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        # A name of its own: workers that outlive a killed run find their folder gone.
        staging = self._hidden / f"run-{secrets.token_hex(4)}"
        staging.mkdir()
        self.staging = str(staging)

    def exists(self) -> bool:
        """Whether there is anything."""
        return self._folder.exists()

    def has(self, name: str) -> bool:
        """Whether a file is in the folder."""
        return (self._folder / name).exists()

    def read(self, name: str) -> str:
        """A text file of the folder."""
        return (self._folder / name).read_text(encoding="utf-8")

    def sizes(self) -> dict[str, int]:
        """Sizes in bytes of the files by name."""
        return {entry.name: entry.stat().st_size for entry in self._folder.iterdir()}

    def publish(self, segment: str | None, resume: str, metadata: str) -> None:
        """Take over a finished file and what describes the recording with it.

        Each step keeps the folder valid: the file is on the disk before it is named.

        Args:
            segment: File name in `staging`; None for none.
            resume: Text of the resume file.
            metadata: Text of metadata.yaml.

        """
        exists = self.exists()
        target = self._folder if exists else self._hidden / "bag"
        if not exists:
            target.mkdir()
        if segment is not None:
            Path(self.staging, segment).replace(target / segment)
            _sync(target)
        self._put(target, RESUME_FILE, resume)
        self._put(target, METADATA_FILE, metadata)
        _sync(target)
        if not exists:
            target.rename(self._folder)
            _sync(self._folder.parent)

    def adopt(self, folder: Path) -> None:
        """Take over a finished folder in `staging` as the whole recording."""
        for path in [*folder.iterdir(), folder]:
            _sync(path)
        folder.rename(self._folder)
        _sync(self._folder.parent)

    def finish(self, metadata: str) -> None:
        """Describe the recording for the last time; nothing is left to resume."""
        self._put(self._folder, METADATA_FILE, metadata)
        (self._folder / RESUME_FILE).unlink()
        _sync(self._folder)

    def close(self) -> None:
        """Clear away what is not complete, and let others in; harmless when that is done."""
        if self._lock is not None:
            shutil.rmtree(self._hidden, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        path = self._hidden / _LOCK
        while True:
            self._hidden.mkdir(exist_ok=True)
            self._refuse_foreign()
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                continue  # its last holder has just cleared away the folder
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                    return lock
            except BlockingIOError as error:
                os.close(lock)
                msg = (
                    f"{self._folder} is being written by another run; wait for its end, or write "
                    "to another place"
                )
                raise BagError(msg) from error
            os.close(lock)

    def _refuse_foreign(self) -> None:
        """What is in there is removed, so it must be this user's own folder, and no link to one."""
        status = self._hidden.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            msg = (
                f"{self._hidden} is a link or somebody else's; expected nothing, or the folder "
                "that an earlier run of yours left. Remove it, or write to another place"
            )
            raise BagError(msg)

    def _put(self, folder: Path, name: str, text: str) -> None:
        partial = self._hidden / name
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / name)


def _sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
