# SPDX-License-Identifier: Apache-2.0
"""Table of what `mutmut run` left behind: how many mutants of each module the tests noticed.

Exits with 1 if that is less than 85 % of any module's, not counting mutants that behave as the
original does. These are named in equivalent_mutants.yaml, each with its reason; an entry that
matches no surviving mutant fails, too.
"""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

LEAST = 85.0

_MUTMUT = Path(sys.executable).with_name("mutmut")
_EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
_OUTCOMES = ("killed", "survived", "equivalent")
# One that never ends, or that ends the process, is noticed as well.
_NOTICED = ("killed", "timeout", "segfault")


@dataclass(frozen=True)
class Mutant:
    """A changed function.

    Attributes:
        name: As mutmut says it: module, function and number.
        status: What mutmut says became of it.
        line: That it changes, as it is then; empty if the change was noticed.

    """

    name: str
    status: str
    line: str

    @property
    def module(self) -> str:
        """Dotted path."""
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Equivalent:
    """Mutants that behave as the original.

    Attributes:
        module: Where they are.
        becomes: Regular expression that is found in their changed line.
        reason: Why nothing can tell them from the original.

    """

    module: str
    becomes: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether a surviving mutant is one of these."""
        return mutant.module == self.module and bool(re.search(self.becomes, mutant.line))


def mutants() -> list[Mutant]:
    """All of the last run."""
    named = (line.split(": ") for line in _mutmut("results", "--all", "true").splitlines())
    return [_mutant(name.strip(), status) for name, status in named]


def _mutant(name: str, status: str) -> Mutant:
    return Mutant(name, status, "" if status in _NOTICED else changed_line(_mutmut("show", name)))


def changed_line(difference: str) -> str:
    """Added by a unified diff."""
    added = (line[1:].strip() for line in difference.splitlines() if re.match(r"\+[^+]", line))
    return " ".join(added)


def _mutmut(*arguments: str) -> str:
    command = [str(_MUTMUT), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def outcome(mutant: Mutant, equivalent: list[Equivalent]) -> str:
    """One of `_OUTCOMES`."""
    if mutant.status in _NOTICED:
        return "killed"
    return "equivalent" if any(each.covers(mutant) for each in equivalent) else "survived"


def percent(counts: Counter[str]) -> float:
    """Share of the killed among those that could be killed."""
    able = counts["killed"] + counts["survived"]
    return 100 * counts["killed"] / able if able else 100.0


def table(modules: dict[str, Counter[str]]) -> Table:
    """One row per module."""
    shown = Table("module", "mutants", *_OUTCOMES, "%")
    for module, counts in sorted(modules.items()):
        figures = [counts.total(), *(counts[each] for each in _OUTCOMES)]
        shown.add_row(module, *map(str, figures), f"{percent(counts):.1f}")
    return shown


def faults(
    found: list[Mutant], equivalent: list[Equivalent], modules: dict[str, Counter[str]]
) -> list[str]:
    """What the run is refused for, each in a line; empty if nothing."""
    survivors = [mutant for mutant in found if mutant.status not in _NOTICED]
    in_vain = [each for each in equivalent if not any(map(each.covers, survivors))]
    return [
        *(["no mutants: run mutmut first"] if not found else []),
        *(f"no such survivor: {each.module}: {each.becomes}" for each in in_vain),
        *(f"below {LEAST} %: {name}" for name in modules if percent(modules[name]) < LEAST),
    ]


def main() -> int:
    """Print what survived, the table, and what is wrong."""
    equivalent = [Equivalent(**entry) for entry in yaml.safe_load(_EQUIVALENT.read_text())]
    console, found = Console(width=140), mutants()
    modules: dict[str, Counter[str]] = {}
    for mutant in found:
        became = outcome(mutant, equivalent)
        modules.setdefault(mutant.module, Counter())[became] += 1
        if became == "survived":
            console.print(f"{mutant.status}: {mutant.name}: {mutant.line}", markup=False)
    console.print(table(modules))
    wrong = faults(found, equivalent, modules)
    console.print(*wrong, sep="\n", end="\n" if wrong else "", markup=False)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
