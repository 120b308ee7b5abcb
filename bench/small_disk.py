# SPDX-License-Identifier: Apache-2.0
"""A disk of a few megabytes that can be filled to the page, without any privilege.

It is a tmpfs in a mount namespace of its own, which a user may make in a user namespace of their
own; where the system forbids that, `why_none` says so.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from verb_server import VerbServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGE_SIZE")
"""Bytes that the disk gives out at once."""

_ENTER = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
_MOUNT = 'mount -t tmpfs -o "size=$1" small "$0" && shift && exec "$@"'
_BALLAST = "ballast"


class SmallDisk:
    """The disk, and verbs that run on it.

    Attributes:
        verbs: Processes that see the disk.
        path: Where they see it.
        seen: Where every other process of this user sees it.

    """

    def __init__(self, verbs: VerbServer, path: Path) -> None:
        self.verbs = verbs
        self.path = path
        self.seen = Path(f"/proc/{verbs.pid}/root{path}")

    @property
    def free(self) -> int:
        """Bytes."""
        state = os.statvfs(self.seen)
        return state.f_bavail * state.f_frsize

    def leave(self, size: int) -> None:
        """Fill it but for some bytes, rounded down to pages.

        Args:
            size: At most what is free.

        """
        ballast = self.seen / _BALLAST
        ballast.unlink(missing_ok=True)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free - size // PAGE * PAGE)

    def make_room(self) -> None:
        """Take away what `leave` filled it with."""
        (self.seen / _BALLAST).unlink(missing_ok=True)


def why_none() -> str:
    """Why there can be no such disk here; empty if there can."""
    command = [*_ENTER, "mount", "-t", "tmpfs", "small", "/mnt"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"needs {error.filename}"
    refusal = " ".join(tried.stderr.split())
    return f"needs a user namespace with a mount of its own: {refusal}" if refusal else ""


@contextmanager
def small_disk(mount_point: Path, size: int) -> Iterator[SmallDisk]:
    """Make one; it goes with the block.

    Args:
        mount_point: An empty folder.
        size: Bytes.

    """
    prefix = (*_ENTER, "sh", "-c", _MOUNT, str(mount_point), str(size))
    with VerbServer(prefix) as verbs:
        yield SmallDisk(verbs, mount_point)
