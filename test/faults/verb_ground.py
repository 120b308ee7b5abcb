# SPDX-License-Identifier: Apache-2.0
"""What the tests of verbs stand on; fixtures of conftest open it once per session."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from kills_files import Ground
from small_disk import SmallDisk, small_disk, why_none
from verb_cases import RECIPE, draw, record
from verb_server import VerbServer

DISK = 64 * 2**20


@contextmanager
def opened_disk(mount_point: Path) -> Iterator[SmallDisk | None]:
    """A disk that can be filled; None where a user may not make one."""
    with nullcontext() if why_none() else small_disk(mount_point, DISK) as disk:
        yield disk


@contextmanager
def opened_ground(given: Path, model: Path, disk: SmallDisk | None) -> Iterator[Ground]:
    """Frames, a recipe, a model and a recording; and processes that take half a second to start."""
    draw(given)
    (given / "recipe.yaml").write_text(RECIPE.replace("epochs: 4", "epochs: 2"))
    shutil.copytree(model, given / "model")
    with nullcontext(disk.verbs) if disk else VerbServer() as verbs:
        record(given, verbs)
        yield Ground(given, verbs)
