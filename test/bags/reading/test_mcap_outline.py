# SPDX-License-Identifier: Apache-2.0

from segnet_ros.bags.reading.mcap_block import Block, Kind, pack_counts
from segnet_ros.bags.reading.mcap_outline import Outline, total_counts


def block(counts: dict[int, int] | None) -> Block:
    packed = None if counts is None else pack_counts(counts)
    return Block(Kind.CHUNK, 0, 0, 0, 0, packed_counts=packed)


def test_counts_of_blocks_add_up() -> None:
    blocks = [block({1: 5, 2: 1}), block({}), block({2: 3})]
    assert total_counts(blocks) == {1: 5, 2: 4}
    assert Outline(blocks=blocks, stated={1: 99}).counts == {1: 5, 2: 4}


def test_one_block_that_does_not_tell_makes_the_file_s_own_word_count() -> None:
    blocks = [block({1: 5}), block(None)]
    assert total_counts(blocks) is None
    assert Outline(blocks=blocks, stated={1: 99}).counts == {1: 99}
    assert Outline(blocks=blocks).counts is None
