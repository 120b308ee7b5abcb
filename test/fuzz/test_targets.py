# SPDX-License-Identifier: Apache-2.0
"""A short run of every target; `make fuzz` is the long one."""

import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mutation
import pytest
from guard import LONGEST_REASON, judge
from run import shares
from target import MODULES, NoCaseError, Target

HERE = Path(__file__).parent
CASES = 150


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_found(module: str) -> None:
    for name in (module, *MODULES[module]):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    command = [sys.executable, HERE / "short.py", module, str(CASES)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-8000:]


class _RefusedError(Exception):
    pass


def _parse(case: bytes) -> None:
    """A parser with every fault there is."""
    kept.append(bytearray(64 << 20)) if case == b"memory" else kept.clear()
    texts = {b"refused": "no", b"empty": "", b"lines": "a\nb", b"long": "x" * (LONGEST_REASON + 1)}
    if case in texts:
        raise _RefusedError(texts[case])
    if case == b"foreign":
        raise KeyError(case)
    if case == b"none":
        raise NoCaseError


kept: list[bytearray] = []
FAULTY = Target("faulty", _parse, (_RefusedError,), lambda: [b"fine"], memory=32 << 20)


@pytest.mark.parametrize(
    ("case", "outcome", "words"),
    [
        (b"fine", "accepted", ""),
        (b"none", "no case", ""),
        (b"refused", "refused", "no"),
        (b"empty", "finding", "the reason is empty"),
        (b"lines", "finding", "the reason has several lines: 'a\\nb'"),
        (b"long", "finding", "the reason has 2001 characters, expected at most 2000"),
        (b"foreign", "finding", "KeyError: b'foreign'"),
        (b"memory", "finding", "MiB, expected at most 32"),
    ],
)
def test_the_guard_tells_every_fault(case: bytes, outcome: str, words: str) -> None:
    verdict = judge(FAULTY, case)
    assert verdict.outcome == outcome
    assert words in verdict.text


def test_a_hang_ends_the_process_and_tells_where() -> None:
    code = (
        "import time; from guard import judge; from target import Target\n"
        "judge(Target('slow', lambda case: time.sleep(60), (), list, seconds=0.2), b'')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE, check=False
    )
    assert ended.returncode == 1
    assert "in <lambda>" in ended.stderr


def test_the_same_seed_makes_the_same_cases() -> None:
    def some(seed: int) -> list[bytes]:
        stream = mutation.cases(FAULTY, random.Random(seed))
        return [next(stream) for _ in range(200)]

    assert some(1) == some(1)
    assert some(1) != some(2)
    assert some(1)[0] == b"fine"
    assert len(set(some(1))) > 150


def test_every_target_gets_the_same_time_but_not_too_few_cases() -> None:
    assert shares({"fast": 900.0, "slow": 90.0, "slowest": 10.0}, 1000, 50) == {
        "fast": 900,
        "slow": 90,
        "slowest": 50,
    }
