# SPDX-License-Identifier: Apache-2.0
"""Some seeded cases of every target of a module: `short.py MODULE CASES`; test_targets.py runs it.

In a process of its own: what crashes or hangs tells where, and none has every library at once.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from guard import judge, warm_up
from mutation import cases
from target import find_targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target import Target

_SEED = 7


def findings(target: Target, count: int) -> Iterator[str]:
    """Say what is wrong, and show the case."""
    for seed in target.seeds():
        warm_up(target, seed)
    outcomes: Counter[str] = Counter()
    for case in islice(cases(target, random.Random(_SEED)), count):
        verdict = judge(target, case)
        outcomes[verdict.outcome] += 1
        if verdict.outcome == "finding":
            yield f"{target.name}: {verdict.site}: {verdict.text}\ncase: {case[:3000]!r}"
    print(target.name, dict(outcomes), flush=True)


def main(module: str, count: int) -> int:
    """Print what is found; the exit code is 1 if anything is."""
    targets = [target for _, target in find_targets([module]).values()]
    found = [text for target in targets for text in findings(target, count)]
    print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
