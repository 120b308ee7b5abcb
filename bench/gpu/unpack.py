# SPDX-License-Identifier: Apache-2.0
"""Unpack a parcel of bench/gpu/pack_*.py; needs nothing but Python 3.12's own library.

usage: python3 bench/gpu/unpack.py FOLDER PART...
"""

import sys
from pathlib import Path

from parcel import ParcelError, read_parcel


def main() -> None:
    """Unpack, or say in one line why not."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target, *parts = map(Path, sys.argv[1:])
    try:
        read_parcel(parts, target)
    except ParcelError as error:
        sys.exit(str(error))
    files = [path for path in target.rglob("*") if path.is_file()]
    print(f"{target} holds {len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
