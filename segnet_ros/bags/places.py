# SPDX-License-Identifier: Apache-2.0
"""Places recordings lie at: folders of this machine, and object stores by their URL."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from segnet_ros.bags.errors import BagError

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA_FILE = "metadata.yaml"
"""What makes a folder a recording."""

_BAG_SUFFIXES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")


def is_url(location: str) -> bool:
    """Whether fsspec is needed; a file:// URL names a path of this machine and needs none."""
    return "://" in local_path(location)


def local_path(location: str) -> str:
    """A file:// URL as the path it names; anything else as it is."""
    return location.removeprefix("file://")


def join(location: str, name: str) -> str:
    """The path or URL of something in a folder."""
    return f"{location.rstrip('/')}/{name}"


def base_name(location: str) -> str:
    """The last part of a path or URL, "out" of "s3://drives/out/"."""
    name = location.rstrip("/").rpartition("/")[2] if is_url(location) else ""
    return name or Path(local_path(location)).resolve().name


def unused_path(folder: Path, name: str) -> Path:
    """A hidden path in a folder that nobody else takes, for a file not complete yet."""
    return folder / f".partial-{secrets.token_hex(4)}-{name}"


def exists(location: str) -> bool:
    """Whether there is a file or folder.

    Raises:
        BagError: the store does not answer.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        return bool(files.exists(path))


def read_text(location: str) -> str:
    """A whole file, UTF-8.

    Raises:
        BagError: it cannot be read.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        content: bytes = files.cat_file(path)
        return content.decode()


def write_text(location: str, text: str) -> None:
    """Put a whole file, UTF-8, where a store makes it appear at once.

    Raises:
        BagError: it cannot be written.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        files.pipe_file(path, text.encode())


def put_file(source: Path, location: str) -> None:
    """Copy a file of this machine to a store, where it appears at once.

    Raises:
        BagError: it cannot be written.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        files.put_file(str(source), path)


def remove_file(location: str) -> None:
    """Remove a file from a store.

    Raises:
        BagError: it cannot be removed.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        files.rm_file(path)


def file_sizes(location: str) -> dict[str, int]:
    """Sizes in bytes of the files in a store's folder by name; none if there is no such folder.

    Raises:
        BagError: the store does not answer.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        files.invalidate_cache(path)
        try:
            entries = files.ls(path, detail=True)
        except FileNotFoundError:
            return {}
        return {_name(entry): int(entry["size"]) for entry in entries if entry["type"] == "file"}


def find_bags(location: str) -> list[str]:
    """The recordings at a place.

    Args:
        location: A recording (folder or file), or a folder with recordings somewhere below it. A
            folder with metadata.yaml or with .mcap or .db3 files in it is one recording.

    Returns:
        Their paths or URLs, sorted. Hidden folders are not searched.

    Raises:
        BagError: there is nothing, or no recording in it.

    """
    with _store_errors(location):
        files, path = _open_store(location)
        if files.isfile(path):
            return [location]
        try:
            found = sorted(_bags_below(files, path))
        except FileNotFoundError:
            msg = f"{location} does not exist; expected a recording or a folder of them"
            raise BagError(msg) from None
    if not found:
        msg = (
            f"{location} holds no recording; expected a folder with {METADATA_FILE}, or files "
            f"ending in {', '.join(_BAG_SUFFIXES)}"
        )
        raise BagError(msg)
    start = len(path.rstrip("/"))
    return [location.rstrip("/") + bag[start:] or "/" for bag in found]


@contextmanager
def disk_errors(location: str | Path) -> Iterator[None]:
    """Turn what an operating system says about writing into one BagError."""
    try:
        yield
    except OSError as error:
        msg = (
            f"{location} cannot be written ({error.strerror or error}); expected room and the "
            "right to write. Make room, or choose another place"
        )
        raise BagError(msg) from error


def _bags_below(files: Any, folder: str) -> Iterator[str]:
    entries = files.ls(folder, detail=True)
    names = {_name(entry): entry for entry in entries}
    if any(name == METADATA_FILE or name.endswith(_BAG_SUFFIXES) for name in names):
        yield folder.rstrip("/")
        return
    for name, entry in names.items():
        if entry["type"] == "directory" and not name.startswith("."):
            yield from _bags_below(files, entry["name"])


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _open_store(location: str) -> tuple[Any, str]:
    files, path = fsspec.core.url_to_fs(local_path(location))
    return files, str(path)


@contextmanager
def _store_errors(location: str) -> Iterator[None]:
    """Turn whatever a store's client raises into one BagError; each has errors of its own."""
    try:
        yield
    except BagError:
        raise
    except ImportError as error:
        msg = f"{location} needs the Python package of its store ({error}); install it with pip"
        raise BagError(msg) from error
    except Exception as error:
        reason = str(error).rstrip(".") or type(error).__name__
        if isinstance(error, OSError) and error.errno:
            reason = os.strerror(error.errno)
        msg = (
            f"{location} cannot be reached ({reason}); expected a path or the URL of an object "
            "store that answers. Check its name, the network and your access"
        )
        raise BagError(msg) from error
