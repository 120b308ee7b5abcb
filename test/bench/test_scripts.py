# SPDX-License-Identifier: Apache-2.0
"""What the scripts of bench need is there; what they measure is not tested here."""

from importlib import import_module
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCH.glob("*.py")))
def test_it_finds_what_it_imports(name: str) -> None:
    module = import_module(name)
    assert Path(module.__file__ or "").parent == BENCH
