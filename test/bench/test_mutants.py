# SPDX-License-Identifier: Apache-2.0
"""What counts as killed, what as equivalent, and what a run is refused for."""

from collections import Counter

import pytest
from mutants import Equivalent, Mutant, changed_line, faults, outcome, percent

KNOWN = Equivalent("room.file", r"astype\(None\)", "float64 is the default")
HARMLESS = Mutant("room.file.x_f__mutmut_2", "survived", "counts = confusion.astype(None)")
MISSED = Mutant("room.file.x_f__mutmut_3", "survived", "counts = None")


@pytest.mark.parametrize(
    ("mutant", "became"),
    [
        (Mutant("room.file.x_f__mutmut_1", "killed", ""), "killed"),
        (Mutant("room.file.x_f__mutmut_1", "timeout", ""), "killed"),
        (Mutant("room.file.x_f__mutmut_1", "no tests", "counts = None"), "survived"),
        (Mutant("room.other.x_f__mutmut_2", "survived", HARMLESS.line), "survived"),
        (MISSED, "survived"),
        (HARMLESS, "equivalent"),
    ],
)
def test_what_became_of_a_mutant(mutant: Mutant, became: str) -> None:
    assert outcome(mutant, [KNOWN]) == became


def test_the_changed_line_of_a_difference() -> None:
    difference = "# name: survived\n--- file.py\n+++ file.py\n@@ -1,3 +1,3 @@\n def f():\n"
    assert changed_line(f"{difference}-    a = 1\n+    a = 2\n     return a\n") == "a = 2"


def test_equivalent_mutants_do_not_count() -> None:
    assert percent(Counter(killed=3, survived=1, equivalent=96)) == 75.0
    assert percent(Counter(equivalent=2)) == 100.0


def test_what_a_run_is_refused_for() -> None:
    good, bad = Counter(killed=85, survived=15), Counter(killed=84, survived=16)
    assert faults([HARMLESS], [KNOWN], {"room.file": good}) == []
    assert faults([HARMLESS], [KNOWN], {"room.file": bad}) == ["below 85.0 %: room.file"]
    assert faults([MISSED], [KNOWN], {}) == [r"no such survivor: room.file: astype\(None\)"]
    assert faults([], [], {}) == ["no mutants: run mutmut first"]
