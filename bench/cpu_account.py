# SPDX-License-Identifier: Apache-2.0
"""Where the CPU time of a frame goes."""

from collections.abc import Mapping
from dataclasses import dataclass

ENGINE = "engine"
RECEIVE, SERIALISE = "receive", "serialise"  # what the stages that a relay has, too, begin with


@dataclass(frozen=True)
class Account:
    """CPU time per frame, milliseconds.

    Attributes:
        whole: Of the node's process.
        engine: Of the network's runtime.
        conversions: Of all other stages together.
        relay: Of a process that only takes pictures and sends ready answers, beyond
            deserialising and serialising these.

    """

    whole: float
    engine: float
    conversions: float
    relay: float

    @property
    def node(self) -> float:
        """What is left: the node's own, and what rclpy and the middleware do for it."""
        return self.whole - self.engine - self.conversions


def account(whole: float, relay: float, stages: Mapping[str, float]) -> Account:
    """Take the stages, each measured alone, from what processes spend.

    Args:
        whole: CPU time of the node's process per frame, milliseconds.
        relay: The same of the relay.
        stages: Of everything that the node does with the frame, engine included.

    """
    conversions = sum(cost for stage, cost in stages.items() if stage != ENGINE)
    messages = sum(cost for stage, cost in stages.items() if stage.startswith((RECEIVE, SERIALISE)))
    return Account(whole, stages[ENGINE], conversions, relay - messages)
