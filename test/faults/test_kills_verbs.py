# SPDX-License-Identifier: Apache-2.0
"""Trainer and labeller killed with SIGKILL; bench/kills.py does it 200 times, to others as well."""

import random
from pathlib import Path

import pytest
from kills_files import VERBS, Ground, finish, kill_once

KILLS = 3


@pytest.mark.parametrize("verb", ["train", "label"])
def test_kills_cost_time_and_nothing_else(tmp_path: Path, ground: Ground, verb: str) -> None:
    for number in range(KILLS):
        assert kill_once(VERBS[verb], ground, tmp_path, random.Random(number)) == ""
    assert finish(VERBS[verb], ground, tmp_path) == ""
