# SPDX-License-Identifier: Apache-2.0
"""How the machines of a cluster are divided among workers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segnet_ros.fleet.errors import FleetError


@dataclass(frozen=True)
class Machine:
    """What a cluster offers on one machine.

    Attributes:
        cpus: Cores that may be used.
        gpus: GPUs that may be used.

    """

    cpus: int
    gpus: int


@dataclass(frozen=True)
class Share:
    """What each worker gets of its machine.

    Attributes:
        workers: How many there are.
        cpus: Cores that are reserved; 0 where GPUs are reserved.
        gpus: GPUs that are reserved.
        threads: How many threads its libraries may use, so that all workers of a machine together
            do not use more than it has cores.

    """

    workers: int
    cpus: float
    gpus: float
    threads: int

    @property
    def in_words(self) -> str:
        """Such as "1 GPU" or "4 CPUs"."""
        amount, unit = (self.gpus, "GPU") if self.gpus else (self.cpus, "CPU")
        return f"{amount:g} {unit}{'s' if amount > 1 else ''}"


def divide(machines: Sequence[Machine], workers: int | None) -> Share:
    """Divide machines among workers evenly: GPUs where there are any, cores otherwise.

    Args:
        machines: Of the cluster; at least one.
        workers: How many are wanted; None for one per GPU, or else one per core.

    Raises:
        FleetError: there is neither a GPU nor a core.

    """
    with_gpus = [machine for machine in machines if machine.gpus]
    if with_gpus:
        return _of_gpus(with_gpus, workers or sum(machine.gpus for machine in with_gpus))
    cores = [machine.cpus for machine in machines]
    if not sum(cores):
        msg = (
            "the Ray cluster offers neither GPUs nor CPUs; start its worker nodes with "
            "`ray start --address HEAD:6379` and try again"
        )
        raise FleetError(msg)
    count = workers or sum(cores)
    part = _largest_part(cores, count)
    return Share(count, part, 0.0, max(1, int(part)))


def _of_gpus(machines: Sequence[Machine], workers: int) -> Share:
    part = min(1.0, _largest_part([machine.gpus for machine in machines], workers))
    threads = min(int(machine.cpus * part / machine.gpus) for machine in machines)
    return Share(workers, 0.0, part, max(1, threads))


def _largest_part(amounts: Sequence[int], parts: int) -> float:
    """The largest whole number of which `parts` can be cut from the amounts, or else 1 / n."""
    whole = range(1, max(amounts) + 1)
    enough = [part for part in whole if sum(amount // part for amount in amounts) >= parts]
    return float(enough[-1]) if enough else 1 / math.ceil(parts / sum(amounts))
