# SPDX-License-Identifier: Apache-2.0
"""One target in a process of its own, which run.py starts.

Arguments: folder, module, target, cases, seed. The case in work lies in the folder, so that it is
known when the process dies of it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import islice
from pathlib import Path

from guard import Verdict, judge, warm_up
from mutation import LONGEST, cases, mutated
from target import Target, find_targets

try:
    import atheris
except ImportError:
    atheris = None

INSTRUMENTED = ("segnet_ros", "rosbags", "mcap")
"""Packages whose branches guide the search where atheris is installed."""

_SLACK = 2 << 30  # address space for threads and their heaps
_NOTED_SECONDS = 1.0


class Tally:
    """Counts the cases of one target and keeps what was found.

    Args:
        folder: Where `tally.json`, `case` and the findings are written.
        target: The one.

    """

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder = folder
        self._target = target
        self._outcomes: Counter[str] = Counter()
        self._sites: Counter[str] = Counter()
        self._findings: dict[str, str] = {}
        self._slowest = 0.0
        self._memory = 0
        self._noted = self._started = time.monotonic()
        self._case = os.open(folder / "case", os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def cases(self) -> int:
        """Those that were cases."""
        return self._outcomes.total() - self._outcomes["no case"]

    def warm_up(self) -> None:
        """Run the seeds without counting them."""
        for case in self._target.seeds():
            self._put_down(case)
            warm_up(self._target, case)

    def run(self, case: bytes) -> None:
        """Judge one case and count it."""
        self._put_down(case)
        verdict = judge(self._target, case)
        self._outcomes[verdict.outcome] += 1
        self._slowest = max(self._slowest, verdict.seconds)
        self._memory = max(self._memory, verdict.memory)
        if verdict.outcome == "refused":
            self._sites[verdict.site] += 1
        if verdict.outcome == "finding":
            self._keep(case, verdict)
        if time.monotonic() > self._noted + _NOTED_SECONDS:
            self.note()

    def note(self) -> None:
        """Write down what is known so far."""
        self._noted = time.monotonic()
        facts = {
            "cases": self.cases,
            "accepted": self._outcomes["accepted"],
            "refused": self._outcomes["refused"],
            "sites": self._sites,
            "findings": self._findings,
            "slowest": self._slowest,
            "memory": self._memory,
            "seconds": self._noted - self._started,
        }
        draft = self._folder / "tally.json.new"
        draft.write_text(json.dumps(facts))
        draft.replace(self._folder / "tally.json")

    def _put_down(self, case: bytes) -> None:
        os.pwrite(self._case, case, 0)
        os.ftruncate(self._case, len(case))

    def _keep(self, case: bytes, verdict: Verdict) -> None:
        if verdict.digest not in self._findings:
            self._findings[verdict.digest] = f"{verdict.site}\n{verdict.text}"
            (self._folder / f"{verdict.digest}.case").write_bytes(case)
            self.note()


def main(folder: Path, module: str, name: str, count: int, seed: int) -> None:
    """Run `count` cases and end."""
    if atheris is not None and seed % 2:
        # Never left: what a parser imports on its first case is instrumented, too.
        atheris.instrument_imports(include=INSTRUMENTED).__enter__()
    target = find_targets([module])[name][1]
    tally = Tally(folder, target)
    tally.warm_up()
    _limit_address_space(target)
    if atheris is None or seed % 2 == 0:  # native code guides nobody: half of the search is blind
        _run_random(target, tally, count, seed)
    else:
        _run_guided(target, tally, count, seed, folder)
    tally.note()


def _limit_address_space(target: Target) -> None:
    """Let a case that asks for far too much fail instead of the machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + target.memory + _SLACK
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _run_random(target: Target, tally: Tally, count: int, seed: int) -> None:
    stream = cases(target, random.Random(seed))
    for case in islice(stream, 2 * count):
        if tally.cases >= count:
            break
        tally.run(case)


def _run_guided(target: Target, tally: Tally, count: int, seed: int, folder: Path) -> None:
    """Let libFuzzer keep what reaches new code; it ends the process itself."""
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    seeds = [*target.seeds()]
    for number, case in enumerate(seeds):
        (corpus / str(number)).write_bytes(case)

    def mutate(case: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(case, longest))
        # Of a seed: what the search has made may be a bomb for the mutation itself.
        return mutated(target, rng.choice(seeds), rng, seeds)[:longest]

    runs = 0

    def run(case: bytes) -> None:
        nonlocal runs
        tally.run(case)
        runs += 1
        if tally.cases >= count or runs >= 2 * count:
            tally.note()
            sys.stdout.flush()
            os._exit(0)  # libFuzzer's own end would call what libraries left behind

    longest = min(LONGEST, max(4096, 2 * max(map(len, seeds), default=0)))
    options = (f"-seed={seed + 1}", f"-max_len={longest}", "-rss_limit_mb=0", "-timeout=86400",
               "-verbosity=0", "-detect_leaks=0", "-len_control=0", "-mutate_depth=1")  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
