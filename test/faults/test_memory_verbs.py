# SPDX-License-Identifier: Apache-2.0
"""Verbs that get too little memory, by the limit of their address space."""

from pathlib import Path

import pytest
from kills_files import Ground
from verb_cases import CASES
from wholeness import digests, leftovers

BY_NAME = {case.name: case for case in CASES}
# Beyond what a process takes that has only started.
MEMORY = 24 * 2**20


@pytest.mark.parametrize("name", ["train", "label-bag", "evaluate", "run on pictures"])
def test_too_little_memory_is_one_clear_error(tmp_path: Path, ground: Ground, name: str) -> None:
    arguments = BY_NAME[name].arguments(ground.given, tmp_path)
    answer = ground.verbs.run(arguments, memory=MEMORY)
    start = f"segnet {name.split(maxsplit=1)[0]}: "
    said = [line for line in answer.errors.splitlines() if line.startswith(start)]
    assert answer.code == 1
    assert len(said) == 1, answer.errors
    assert "memory" in said[0]
    assert "Traceback" not in answer.errors
    assert answer.orphans == 0
    assert digests(tmp_path) == {}
    assert leftovers(tmp_path) == []
