# SPDX-License-Identifier: Apache-2.0
"""A folder as one compressed archive in parts, for machines that get files in small transfers."""

import lzma
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

MEBIBYTE = 1 << 20
# Half of TensorRT's library is x86 code, which this filter makes a fifth smaller.
_FILTERS = [
    {"id": lzma.FILTER_X86},
    {"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 64 * MEBIBYTE},
]
_PART = re.compile(r"\.part-(\d+)-of-(\d+)$")
_CHUNK = MEBIBYTE


class ParcelError(RuntimeError):
    """The parts at hand are not one whole parcel."""


def write_parcel(source: Path, target: Path, name: str, part_bytes: int) -> list[Path]:
    """Pack all files below a folder into target/NAME.part-1-of-N and so on.

    Args:
        source: Its files keep their paths relative to it.
        target: Created if need be; older parts of that name are removed.
        name: Of the parcel.
        part_bytes: The size of a part at most.

    Returns:
        The parts in order.

    """
    target.mkdir(parents=True, exist_ok=True)
    for older in target.glob(f"{name}.part-*"):
        older.unlink()
    parts = _Parts(target / name, part_bytes)
    with (
        lzma.open(parts, "wb", format=lzma.FORMAT_XZ, filters=_FILTERS) as compressed,  # type: ignore[call-overload]
        tarfile.open(fileobj=compressed, mode="w|") as archive,
    ):
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            archive.add(path, path.relative_to(source).as_posix())
    return parts.finish()


def read_parcel(parts: Sequence[Path], target: Path) -> None:
    """Unpack a parcel into a folder.

    Raises:
        ParcelError: a part is missing, doubled, cut short or altered.

    """
    ordered = _in_order(parts)
    target.mkdir(parents=True, exist_ok=True)
    try:
        with (
            lzma.open(_Chain(ordered)) as compressed,  # type: ignore[call-overload]
            tarfile.open(fileobj=compressed, mode="r|") as archive,
        ):
            archive.extractall(target, filter="data")
            while compressed.read(_CHUNK):  # the checksum stands at the end
                pass
    except (lzma.LZMAError, EOFError, tarfile.TarError) as error:
        msg = (
            f"the parts of {ordered[0].parent} cannot be unpacked ({error}): one is cut short or "
            "altered; transfer them again"
        )
        raise ParcelError(msg) from error


def _in_order(parts: Sequence[Path]) -> list[Path]:
    found = {path: _PART.search(path.name) for path in parts}
    numbered = {int(m[1]): path for path, m in found.items() if m}
    counts = {int(m[2]) for m in found.values() if m}
    expected = max(counts, default=1)
    if len(parts) != expected or sorted(numbered) != list(range(1, expected + 1)):
        names = ", ".join(sorted(path.name for path in parts)) or "none"
        msg = f"the parts are {names}; expected each of NAME.part-1-of-N to NAME.part-N-of-N once"
        raise ParcelError(msg)
    return [numbered[number] for number in sorted(numbered)]


class _Parts:
    """A file to write that continues in another one whenever it is full."""

    def __init__(self, stem: Path, part_bytes: int) -> None:
        self._stem = stem
        self._part_bytes = part_bytes
        self._paths: list[Path] = []
        self._file: IO[bytes] | None = None
        self._room = 0

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            if not self._room:
                self._begin_another()
            assert self._file is not None
            taken = self._file.write(rest[: self._room])
            self._room -= taken
            rest = rest[taken:]
        return len(data)

    def finish(self) -> list[Path]:
        """Close, and give the parts their names, which say how many there are."""
        if self._file:
            self._file.close()
        count = len(self._paths)
        names = [f"{self._stem.name}.part-{k}-of-{count}" for k in range(1, count + 1)]
        return [
            path.rename(path.with_name(name)) for path, name in zip(self._paths, names, strict=True)
        ]

    def _begin_another(self) -> None:
        if self._file:
            self._file.close()
        self._paths.append(self._stem.with_name(f"{self._stem.name}.part-{len(self._paths) + 1}"))
        self._file = self._paths[-1].open("wb")
        self._room = self._part_bytes


class _Chain:
    """Several files to read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._chunks = _chunks(paths)
        self._rest = b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _chunks(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(_CHUNK), b"")
