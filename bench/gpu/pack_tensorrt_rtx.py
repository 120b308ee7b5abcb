# SPDX-License-Identifier: Apache-2.0
"""Pack Python wheels, such as TensorRT-RTX's, for a machine without a package index.

usage: python bench/gpu/pack_tensorrt_rtx.py PARCEL WHEEL... [--part-mib 32]

PARCEL/tensorrt_rtx.part-1-of-N and so on hold what `pip install` would put into site-packages; on
the other machine bench/gpu/unpack.py makes that folder again. Wheels for its Python, here 3.12:

    pip download --no-deps --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_28_x86_64 --dest wheels \
        tensorrt-rtx-cu13-libs==1.7.1.116 tensorrt-rtx-cu13-bindings==1.7.1.116

Compressing takes minutes: the library has 234 MB, and becomes 62.
"""

import argparse
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from parcel import MEBIBYTE, write_parcel

NAME = "tensorrt_rtx"


def pack(wheels: Sequence[Path], target: Path, part_bytes: int) -> list[Path]:
    """Write the parts; see `write_parcel`."""
    with tempfile.TemporaryDirectory() as temporary:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(temporary)
        return write_parcel(Path(temporary), target, NAME, part_bytes)


def main() -> None:
    """Pack, and say how large the parts are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_KEEP)
    parser.add_argument("parcel", type=Path, help="folder to write the parts into")
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    parser.add_argument("--part-mib", type=int, default=32, help="size of a part at most, MiB")
    options = parser.parse_args()
    for part in pack(options.wheels, options.parcel, options.part_mib * MEBIBYTE):
        print(f"{part.stat().st_size / MEBIBYTE:6.1f} MiB  {part}")


_KEEP = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
