# SPDX-License-Identifier: Apache-2.0
"""Mutations of zip archives and of the NumPy arrays in them."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_SHAPES = (
    "()",
    "(0,)",
    "(1099511627776,)",
    "(2147483648, 2147483648)",
    "(-1, 4)",
    "(4,)",
    "(1, 12, 16, 3)",
    "(3, 12, 16)",
    "(0, 12, 16, 3)",
    "(1.5,)",
    "'x'",
    "(True,)",
    "9" * 5000,
    "(" * 200 + ")" * 200,
)
_TYPES = (
    "|u1",
    "<f4",
    ">u2",
    "|O",
    "|S1000000",
    "<U1000000",
    "<M8[ns]",
    "|V0",
    "|V9999999",
    "x",
    "",
)
_BOMB = 64 << 20


def npy(
    kind: str, shape: str, order: str = "False", data: bytes = b"", version: bytes = b"\1\0"
) -> bytes:
    """Write an array's file, whatever its header claims."""
    header = f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    length = (
        struct.pack("<H", len(header)) if version == b"\1\0" else struct.pack("<I", len(header))
    )
    return b"\x93NUMPY" + version + length + header + data


def mutated_zip(
    case: bytes, rng: random.Random, change: Callable[[str, bytes, random.Random], bytes]
) -> bytes:
    """Change a member, its name or how it is stored."""
    try:
        with zipfile.ZipFile(io.BytesIO(case)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # noqa: BLE001 - a case that is no archive any more
        return case
    at = rng.randrange(len(members)) if members else 0
    if members and rng.random() < 0.8:
        name, content = members[at]
        members[at] = name, change(name, content, rng)
    methods = (*[zipfile.ZIP_STORED] * 30, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
    choice = rng.randrange(8)
    if choice == 0 and members:
        del members[at]
    elif choice == 1 and members:
        members.append((rng.choice(("../x", "/abs", "", members[at][0], "x\ny")), members[at][1]))
    elif choice == 2 and members and rng.random() < 0.2:
        members[at] = members[at][0], bytes(_BOMB)
        methods = (zipfile.ZIP_DEFLATED,)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", rng.choice(methods)) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), content, rng.choice(methods))
    return _lying(target.getvalue(), rng)


def _lying(archive: bytes, rng: random.Random) -> bytes:
    """Let the directory tell other sizes, methods and places than there are."""
    at = archive.find(b"PK\1\2")
    if at < 0 or rng.random() < 0.7:
        return archive
    offset, size = rng.choice(((10, 2), (20, 4), (24, 4), (42, 4), (8, 2), (30, 2)))
    number = rng.choice((0, 1, 8, 99, 2**16 - 1, 2**31, 2**32 - 1)) % (1 << 8 * size)
    return archive[: at + offset] + number.to_bytes(size, "little") + archive[at + offset + size :]


def mutated_npz(case: bytes, rng: random.Random) -> bytes:
    """Change what arrays claim to be."""
    return mutated_zip(case, rng, _mutated_npy)


def _mutated_npy(_: str, content: bytes, rng: random.Random) -> bytes:
    choice = rng.randrange(4)
    if choice == 0:
        return content[: rng.randrange(len(content) + 1)]
    if choice == 1:
        return b"\x80\x04c" + b"os\nsystem\n(S'true'\ntR."  # a pickle
    kind = rng.choice((*_TYPES, *["|u1"] * 8))
    order = rng.choice(("False", "True", "None", "2"))
    version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\4\0"))
    return npy(kind, rng.choice(_SHAPES), order, content[128:], version)
