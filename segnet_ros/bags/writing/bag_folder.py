# SPDX-License-Identifier: Apache-2.0
"""A recording that is written file by file, and can be interrupted at any moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import METADATA_FILE, base_name, disk_errors, is_url, join, local_path
from segnet_ros.bags.writing.bag_description import bag_metadata
from segnet_ros.bags.writing.output_folder import OutputFolder
from segnet_ros.bags.writing.output_store import OutputStore
from segnet_ros.bags.writing.resume_file import (
    RESUME_FILE,
    Progress,
    check_identity,
    from_text,
    start,
    to_text,
)
from segnet_ros.bags.writing.segment_file import SegmentSummary, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from segnet_ros.bags.recorded import Fault, Topic


def segment_name(location: str, index: int) -> str:
    """What the file of a window is called in a recording; rosbag2's own pattern.

    Args:
        location: Of the recording.
        index: Of the window.

    """
    return f"{base_name(location)}_{index}.mcap"


class BagOutput:
    """A rosbag2 folder or the like in an object store, one MCAP file per window.

    Workers, also in other processes, write files to `staging`, named by `segment_name`; `commit`
    takes them over in the order of the tasks. At any moment, even after a power cut, the recording
    is absent, or valid up to the last commit with a resume file beside it. To be used in a `with`
    block, which clears away what was not committed and lets other runs in; errors that leave it
    say what is kept.

    Args:
        location: Path or URL.
        identity: All that the content depends on, as JSON values; a resumed run must have the
            same.
        topics: All topics of the recording.
        resume: Whether to go on with what an interrupted run left, if there is anything.

    Attributes:
        complete: Whether there was nothing left to do when it was opened; then there is nothing
            to commit, and `frames` and `faults` are unknown.
        staging: Path or URL of the folder for finished files.

    Raises:
        BagError: it exists and shall not be resumed, was begun with another identity, has lost
            files, is no recording, is being written by another run, or cannot be written.

    """

    def __init__(
        self, location: str, identity: Mapping[str, Any], topics: Sequence[Topic], resume: bool
    ) -> None:
        self._location = location
        self._topics = topics
        self._place = _place(location)
        self._progress = start(identity)
        self.complete = False
        try:
            with disk_errors(self._location):
                self._place.open()
                if self._place.exists():
                    self._go_on(resume)
        except BaseException:
            self.close()
            raise
        self.staging = self._place.staging
        if self.complete:
            self.close()

    @property
    def done(self) -> int:
        """Tasks committed, by earlier runs as well."""
        return self._progress.done

    @property
    def frames(self) -> int:
        """Camera frames in the tasks committed."""
        return self._progress.frames

    @property
    def faults(self) -> Sequence[Fault]:
        """What could not be read in the tasks committed."""
        return self._progress.faults

    @property
    def kept(self) -> str:
        """What an interruption leaves, in a sentence for the user."""
        if not self._progress.segments:
            return f"Nothing is kept at {self._location}"
        return f"{self._location} keeps the first {self.frames} frames; go on with --resume"

    def commit(self, segment: SegmentSummary | None, frames: int, faults: Sequence[Fault]) -> None:
        """Add what came of the next task.

        Args:
            segment: Of the file in `staging`; None if the window held nothing.
            frames: Camera frames worked on.
            faults: What could not be read.

        Raises:
            BagError: the disk is full, or the store does not answer.

        """
        progress = self._progress.after(segment, frames, faults)
        if progress.segments:  # a recording without any file would not be valid
            self._publish(progress, segment)
        self._progress = progress

    def finish(self) -> None:
        """Declare the recording complete. One without any message gets a file that says so.

        Raises:
            BagError: the disk is full, or the store does not answer.

        """
        if not self._progress.segments:
            self._publish_empty_file()
        with disk_errors(self._location):
            self._place.finish(self._metadata(self._progress))
        self.close()

    def close(self) -> None:
        """Clear away what was not committed and let other runs in; harmless when that is done."""
        self._place.close()

    def __enter__(self) -> BagOutput:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, BagError):
            msg = f"{str(error).rstrip('.')}. {self.kept}"
            raise BagError(msg) from error

    def _go_on(self, resume: bool) -> None:
        place = self._place
        if not resume:
            msg = (
                f"{self._location} exists; expected a new place. Remove it, write to another "
                "place, or go on with an interrupted run by --resume"
            )
            raise BagError(msg)
        if place.has(RESUME_FILE):
            progress = from_text(place.read(RESUME_FILE), self._location)
            check_identity(progress, self._progress, self._location)
            self._check_files(progress)
            self._progress = progress
        elif place.has(METADATA_FILE):
            self.complete = True
        else:
            msg = (
                f"{self._location} is no interrupted recording; expected {RESUME_FILE} in it. "
                "Write to another place"
            )
            raise BagError(msg)

    def _check_files(self, progress: Progress) -> None:
        sizes = self._place.sizes()
        lost = [part.name for part in progress.segments if sizes.get(part.name) != part.size]
        if lost:
            msg = (
                f"{self._location} lacks {', '.join(lost)}, or they have changed; expected the "
                "files of the interrupted run. Remove it and start again without --resume"
            )
            raise BagError(msg)

    def _publish_empty_file(self) -> None:
        name = segment_name(self._location, 0)
        with SegmentWriter(join(self.staging, name), self._topics, {}) as writer:
            pass
        self._progress = replace(self._progress, segments=(writer.summary(),))
        self._publish(self._progress, writer.summary())

    def _publish(self, progress: Progress, segment: SegmentSummary | None) -> None:
        name = segment.name if segment else None
        with disk_errors(self._location):
            self._place.publish(name, to_text(progress), self._metadata(progress))

    def _metadata(self, progress: Progress) -> str:
        return bag_metadata(self._topics, progress.segments, "mcap")


def _place(location: str) -> OutputFolder | OutputStore:
    if is_url(location):
        return OutputStore(location)
    return OutputFolder(Path(local_path(location)))
