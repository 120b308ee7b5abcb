# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator

from segnet_ros.bags.reading.in_time import FAR_NS, Source, merge, plausible_span
from segnet_ros.bags.recorded import Fault, RecordedMessage


def message(time_ns: int, topic: str = "/a") -> RecordedMessage:
    return RecordedMessage(topic, time_ns, b"")


def test_messages_come_in_the_order_of_their_time() -> None:
    first = [message(1), message(5), message(9)]
    second = [message(2), Fault("lost", time_ns=3), message(5)]
    third = [message(20)]
    sources = [Source(1, 0, first), Source(2, 1, second), Source(20, 2, third)]
    merged = list(merge(sources))
    assert [item.time_ns for item in merged] == [1, 2, 3, 5, 5, 9, 20]
    assert merged[2] == Fault("lost", time_ns=3)


def test_equal_times_come_in_the_order_of_their_sources() -> None:
    sources = [
        Source(1, 7, [message(1), message(4, "late"), message(4, "later")]),
        Source(4, 2, [message(4, "early")]),
    ]
    assert [item.topic for item in merge(sources)] == ["/a", "early", "late", "later"]


def test_no_sources_and_empty_ones_give_nothing() -> None:
    assert list(merge([])) == []
    assert list(merge([Source(1, 0, [])])) == []
    assert list(merge([Source(1, 0, []), Source(2, 1, [message(3)])])) == [message(3)]


def test_a_source_is_not_touched_before_its_turn() -> None:
    touched = []

    def items(name: str, *times: int) -> Iterator[RecordedMessage]:
        touched.append(name)
        yield from map(message, times)

    merged = merge([Source(1, 0, items("a", 1, 2, 9)), Source(5, 1, items("b", 5, 6))])
    assert [next(merged).time_ns, next(merged).time_ns] == [1, 2]
    assert touched == ["a"]
    assert [item.time_ns for item in merged] == [5, 6, 9]
    assert touched == ["a", "b"]


def test_times_far_from_most_others_are_no_part_of_the_span() -> None:
    now = 1_700_000_000_000_000_000
    assert plausible_span([[now, now + 5, now + 9]]) == (now, now + 9)
    assert plausible_span([[0, now, now + 5, now + 9, 2**63]]) == (now, now + 9)
    assert plausible_span([[now - FAR_NS, now, now + FAR_NS]]) == (now - FAR_NS, now + FAR_NS)
    assert plausible_span([[0, 1, 2, 3, now - 1], [now], [now + 5]]) == (now - 1, now + 5)
