# SPDX-License-Identifier: Apache-2.0
"""Fuzz every parser: `python test/fuzz/run.py --cases 1000000`. Exit code 1 if anything is found.

Each target runs in a process of its own. A first round of a few hundred cases tells how fast each
one is; the rest of the cases is then divided so that every target gets about the same time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target import find_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PILOT_CASES = 300
"""Of each target in the first round."""

LEAST_CASES = 2000
"""Of each target altogether, however slow it is."""

DEATHS = 20
"""Of one target's processes; with so many to tell about, more would tell nothing new."""

_WORKER = Path(__file__).parent / "worker.py"
_ROW = "{:26}{:>10}{:>10}{:>10}{:>7}{:>9}{:>10}{:>10}{:>10}{:>9}"
_HEADINGS = ("target", "cases", "accepted", "refused", "sites", "first %", "findings", "slowest s",
             "peak MiB", "cases/s")  # fmt: skip


@dataclass
class Result:
    """What came of one target's cases.

    Attributes:
        counts: Of cases, accepted, refused.
        sites: How often each line of code refused.
        findings: What is wrong, by digest.
        slowest: Longest case, seconds.
        memory: Most that a case took, bytes.
        seconds: Spent on the cases.

    """

    counts: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0
    memory: int = 0
    seconds: float = 0.0

    def add(self, tally: Mapping[str, Any]) -> None:
        """Count in what a worker wrote down."""
        self.counts.update({name: tally[name] for name in ("cases", "accepted", "refused")})
        self.sites.update(tally["sites"])
        self.findings.update(tally["findings"])
        self.slowest = max(self.slowest, tally["slowest"])
        self.memory = max(self.memory, tally["memory"])
        self.seconds += tally["seconds"]

    @property
    def rate(self) -> float:
        """Cases per second."""
        return self.counts["cases"] / max(self.seconds, 1e-3)

    def row(self, name: str) -> str:
        """A line of the table; `first %` is the share that the commonest refusal stopped."""
        cases = self.counts["cases"]
        first = 100 * max(self.sites.values(), default=0) / max(cases, 1)
        return _ROW.format(
            name, cases, self.counts["accepted"], self.counts["refused"], len(self.sites),
            f"{first:.0f}", len(self.findings), f"{self.slowest:.2f}", self.memory >> 20,
            f"{self.rate:.0f}",
        )  # fmt: skip


class Campaign:
    """Runs workers and collects what they tell.

    Args:
        folder: For findings: the case and what is wrong with it.
        modules: Where each target is, by its name.
        seed: The same one makes the same random cases.

    Attributes:
        results: By target.

    """

    def __init__(self, folder: Path, modules: Mapping[str, str], seed: int) -> None:
        self._folder = folder
        self._modules = modules
        self._seeds = {name: count(seed) for name in modules}
        self.results = {name: Result() for name in modules}

    def run(self, name: str, cases: int) -> None:
        """Give a target so many more cases, in a new process after each that died."""
        result = self.results[name]
        wanted = result.counts["cases"] + cases
        for _ in range(DEATHS):
            left = wanted - result.counts["cases"]
            if left <= 0 or self._work(name, left):
                break
        print(result.row(name), file=sys.stderr, flush=True)

    def _work(self, name: str, cases: int) -> bool:
        """Run one worker; tell whether it came to its end."""
        with tempfile.TemporaryDirectory() as scratch:
            log, seed = Path(scratch, "log"), next(self._seeds[name])
            command = (sys.executable, _WORKER, scratch, self._modules[name], name, cases, seed)
            with log.open("wb") as output:
                ended = subprocess.run(
                    [*map(str, command)], stdout=output, stderr=output, cwd=scratch, check=False
                )
            self._collect(name, Path(scratch))
            if ended.returncode:
                last = log.read_text(errors="replace")[-4000:]
                self._note_death(name, Path(scratch), f"exit code {ended.returncode}\n{last}")
        return not ended.returncode

    def _collect(self, name: str, scratch: Path) -> None:
        noted = scratch / "tally.json"
        tally = json.loads(noted.read_text()) if noted.exists() else {}
        if tally:
            self.results[name].add(tally)
        for digest, text in tally.get("findings", {}).items():
            self._save(name, digest, text, (scratch / f"{digest}.case").read_bytes())

    def _note_death(self, name: str, scratch: Path, text: str) -> None:
        digest = f"death{len(self.results[name].findings)}"
        self.results[name].findings[digest] = text
        case = scratch / "case"
        self._save(name, digest, text, case.read_bytes() if case.exists() else b"")

    def _save(self, name: str, digest: str, text: str, case: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{name}-{digest}.case").write_bytes(case)
        (self._folder / f"{name}-{digest}.txt").write_text(text)

    def table(self) -> Iterator[str]:
        """Lines to print."""
        yield _ROW.format(*_HEADINGS)
        total = Result()
        for name, result in self.results.items():
            yield result.row(name)
            total.counts.update(result.counts)
            total.sites.update({f"{name} {site}": n for site, n in result.sites.items()})
            total.findings.update({f"{name}-{key}": text for key, text in result.findings.items()})
            total.slowest = max(total.slowest, result.slowest)
            total.memory = max(total.memory, result.memory)
            total.seconds += result.seconds
        yield total.row("together")
        for finding, text in total.findings.items():
            yield f"\n== {self._folder / finding}\n{text}"


def shares(rates: Mapping[str, float], cases: int, least: int) -> dict[str, int]:
    """Divide cases so that all targets take the same time, but none gets fewer than `least`."""
    whole = sum(rates.values())
    return {name: max(least, round(cases * rate / whole)) for name, rate in rates.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    found = {name: module for name, (module, _) in find_targets().items()}
    modules = {name: found[name] for name in options.target or found}
    campaign = Campaign(options.findings, modules, options.seed)
    with ThreadPoolExecutor(options.jobs) as pool:
        pilot = min(PILOT_CASES, options.cases // len(modules))
        _all_of(pool.map(campaign.run, modules, [pilot] * len(modules)))
        rates = {name: result.rate for name, result in campaign.results.items()}
        least = min(LEAST_CASES, options.cases // len(modules)) - pilot
        rest = shares(rates, options.cases - pilot * len(modules), least)
        for part in (0, 1):  # a worker with an even seed searches blindly, with an odd one guided
            _all_of(pool.map(campaign.run, rest, [(n + part) // 2 for n in rest.values()]))
    print("\n".join(campaign.table()))
    return int(any(result.findings for result in campaign.results.values()))


def _all_of(results: Iterator[None]) -> None:
    for _ in results:
        """Each one raises what its thread raised."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz_findings"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
