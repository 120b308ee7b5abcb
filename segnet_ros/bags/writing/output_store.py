# SPDX-License-Identifier: Apache-2.0
"""Object store that a recording is written to."""

from __future__ import annotations

from segnet_ros.bags.places import (
    METADATA_FILE,
    exists,
    file_sizes,
    join,
    read_text,
    remove_file,
    write_text,
)
from segnet_ros.bags.writing.resume_file import RESUME_FILE


class OutputStore:
    """A folder in an object store, with the methods of `OutputFolder`.

    A store makes each object appear at once but cannot rename, so files are put to their final
    place before metadata.yaml names them, and nothing keeps two runs apart. All methods raise
    BagError.

    Attributes:
        staging: Where finished files are put: the place itself.

    Args:
        url: Need not exist.

    """

    def __init__(self, url: str) -> None:
        self.staging = url

    def open(self) -> None:
        """Nothing needs to be prepared."""

    def exists(self) -> bool:
        """Whether there is a recording; files that nothing describes are none."""
        return self.has(METADATA_FILE) or self.has(RESUME_FILE)

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return exists(join(self.staging, name))

    def read(self, name: str) -> str:
        """A text file."""
        return read_text(join(self.staging, name))

    def sizes(self) -> dict[str, int]:
        """Sizes in bytes of the files by name."""
        return file_sizes(self.staging)

    def publish(self, segment: str | None, resume: str, metadata: str) -> None:  # noqa: ARG002
        """Describe the recording with the file that has been put there."""
        write_text(join(self.staging, RESUME_FILE), resume)
        write_text(join(self.staging, METADATA_FILE), metadata)

    def finish(self, metadata: str) -> None:
        """Describe the recording for the last time; nothing is left to resume."""
        write_text(join(self.staging, METADATA_FILE), metadata)
        remove_file(join(self.staging, RESUME_FILE))

    def close(self) -> None:
        """Nothing is held."""
