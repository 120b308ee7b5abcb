# SPDX-License-Identifier: Apache-2.0
"""What an mcap file holds, without its messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcap.records import Channel, Schema

    from segnet_ros.bags.reading.mcap_block import Block, Loss


@dataclass
class Outline:
    """What an mcap file holds.

    Attributes:
        schemas: By number.
        channels: By number.
        blocks: Where the messages are, in the order of the file.
        losses: Messages whose block is lost.
        reasons: What is wrong with the file as a whole, one sentence each.
        stated: Messages by channel, as the file states; None if it does not.

    """

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    stated: Mapping[int, int] | None = None

    @property
    def counts(self) -> Mapping[int, int] | None:
        """Messages by channel; None if that cannot be told."""
        counts = total_counts(self.blocks)
        return self.stated if counts is None else counts


def total_counts(blocks: Sequence[Block]) -> Mapping[int, int] | None:
    """Messages by channel; None if a block does not tell."""
    totals: Counter[int] = Counter()
    for block in blocks:
        if (counts := block.counts) is None:
            return None
        totals.update(counts)
    return totals
