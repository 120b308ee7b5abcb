# SPDX-License-Identifier: Apache-2.0
"""Pictures and label files that belong together, found by the patterns of their paths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.taxonomy import Taxonomy
from segnet_ros.inference.excerpts import one_line, plain, shown
from segnet_ros.inference.facts import is_line

SPLIT = "{split}"
NAME = "{name}"
UP_TO_UNDERSCORE = r"^[^_/]*"
_LONGEST_LIST = 64 << 20


@dataclass(frozen=True)
class Patterns:
    """Where a dataset keeps its files, as paths relative to its root (or absolute).

    `{split}` stands for the split, `{name}` for what a picture and its labels have in common; a
    name may hold slashes, so one pattern finds the pictures of any depth of folders.

    Attributes:
        images: Path of a picture, with `{name}` once.
        labels: Path of its label file, with `{name}` once.
        names: Path of a text file with one name of the split per line; None where a split is
            whatever files match `images`.
        sequence: Regular expression; the first group, or else the whole, of its first match in a
            name is the frame's sequence.

    """

    images: str
    labels: str
    names: str | None = None
    sequence: str = UP_TO_UNDERSCORE


def find_pairs(
    root: Path, split: str, patterns: Patterns, taxonomy: Taxonomy
) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: there is no picture, one of a pair is missing, or a name has no sequence.

    """
    images = patterns.images.replace(SPLIT, split)
    labels = patterns.labels.replace(SPLIT, split)
    if patterns.names:
        source = root / patterns.names.replace(SPLIT, split)
        names = _listed(source)
    else:
        source = root / images
        names = _matching(root, images)
    frames = [
        LabelledFrame(
            root / images.replace(NAME, name),
            root / labels.replace(NAME, name),
            _sequence(name, patterns.sequence),
            taxonomy,
        )
        for name in sorted(set(names))
    ]
    # A label file may itself match the pattern of the pictures, as x_mask.png beside x.png does.
    taken = {frame.label_path for frame in frames}
    return complete([frame for frame in frames if frame.image_path not in taken], source)


def complete(frames: Sequence[LabelledFrame], source: Path) -> list[LabelledFrame]:
    """The frames, if there are any and all their files exist.

    Args:
        frames: Of a split.
        source: The list, folder or pattern that they come from.

    Raises:
        DatasetError: there is no frame, or a file is missing.

    """
    if not frames:
        msg = f"no pictures for {source}; check the data folder and the split"
        raise DatasetError(msg)
    _refuse_missing("picture", [frame.image_path for frame in frames], source)
    _refuse_missing("labels", [frame.label_path for frame in frames], source)
    return list(frames)


def _refuse_missing(what: str, paths: Sequence[Path], source: Path) -> None:
    missing = [path for path in paths if not _is_file(path)]
    if missing:
        msg = (
            f"{len(missing)} of the {len(paths)} frames of {source} have no {what}, "
            f"first {one_line(missing[0])}; restore the files or remove those frames"
        )
        raise DatasetError(msg)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def _listed(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(_LONGEST_LIST)
    except (OSError, UnicodeDecodeError) as error:
        reason = one_line(error)
        msg = f"the list {path} cannot be read ({reason}); expected one name of the split per line"
        raise DatasetError(msg) from error
    names = [line.strip() for line in content.splitlines()]
    if len(content) == _LONGEST_LIST:
        msg = f"the list {path} has {_LONGEST_LIST} characters or more; expected names of a split"
        raise DatasetError(msg)
    if strange := [name for name in names if name and not is_line(name)]:
        msg = f"the list {path} has {plain(strange[0])}; expected one name of the split per line"
        raise DatasetError(msg)
    return [name for name in names if name]


def _matching(root: Path, pattern: str) -> list[str]:
    before, after = pattern.split(NAME)
    head, slash, start = before.rpartition("/")
    folder = root / (head + slash)
    # pathlib's ** passes by links to folders before Python 3.13, and data folders are often links.
    files = glob("**/*", root_dir=folder, recursive=True)  # noqa: PTH207
    return [
        file[len(start) : len(file) - len(after)]
        for file in files
        if file.startswith(start)
        and file.endswith(after)
        and len(file) > len(start) + len(after)
        and (folder / file).is_file()
    ]


def _sequence(name: str, rule: str) -> str:
    found = re.search(rule, name)
    sequence: str | None = found[1 if found.re.groups else 0] if found else None
    if sequence is None:
        msg = (
            f"the sequence rule {shown(rule)} finds nothing in the name {shown(name)}; "
            "expected it to match every name"
        )
        raise DatasetError(msg)
    return sequence
