# SPDX-License-Identifier: Apache-2.0
"""Verbs on a disk that is full; bench/full_disk.py tries all of them at many moments."""

import json

import pytest
from full_disk import Record, meet, start_over
from kills_files import Ground
from small_disk import PAGE, SmallDisk, why_none
from verb_cases import CASES

BY_NAME = {case.name: case for case in CASES}
# What it takes to come to the middle of the work, in pages.
ROOMS = {"train": 300, "label-bag": 9, "evaluate": 1}


@pytest.fixture
def full_disk(disk: SmallDisk | None) -> SmallDisk:
    if disk is None:
        pytest.skip(why_none())
    return disk


@pytest.mark.parametrize("name", ROOMS)
def test_a_full_disk_is_one_clear_error_and_costs_nothing(
    full_disk: SmallDisk, ground: Ground, name: str
) -> None:
    record = Record()
    start_over(BY_NAME[name], full_disk, ground.given)
    meet(BY_NAME[name], full_disk, ground.given, ROOMS[name] * PAGE, record)
    assert record.broken == []
    assert record.refused == 1, "there was room enough"


def test_an_earlier_result_stays(full_disk: SmallDisk, ground: Ground) -> None:
    start_over(BY_NAME["evaluate"], full_disk, ground.given)
    (full_disk.seen / "out/found.json").write_text('{"miou": 0.5}')
    full_disk.leave(0)
    arguments = BY_NAME["evaluate"].arguments(ground.given, full_disk.path / "out")
    answer = full_disk.verbs.run(arguments)
    assert answer.code == 1
    assert "mIoU" in answer.output, "the scores are shown before they are written"
    path = full_disk.path / "out/found.json"
    assert answer.errors.splitlines()[-1] == (
        f"segnet evaluate: {path} cannot be written (No space left on device); expected room and "
        "the right to write. Make room, or choose another place"
    )
    assert json.loads((full_disk.seen / "out/found.json").read_text()) == {"miou": 0.5}
