# SPDX-License-Identifier: Apache-2.0

from segnet_ros.bags.reading.mcap_records import HEAD, MESSAGE, Entry, MessageIndex
from segnet_ros.bags.reading.mcap_salvage import take_found, take_indexed


def message(channel: int, time_ns: int, text: bytes) -> bytes:
    content = MESSAGE.pack(channel, 0, time_ns, time_ns) + text
    return HEAD.pack(5, len(content)) + content


PARTS = [
    message(1, 10, b"one"),
    HEAD.pack(3, 6) + b"schema",
    message(1, 20, b"two"),
    message(2, 30, b"three"),
    message(1, 40, b"four"),
]
PLACES = [sum(map(len, PARTS[:count])) for count in range(len(PARTS))]
INDEXES = [
    MessageIndex(1, [(10, PLACES[0]), (20, PLACES[2]), (40, PLACES[4])]),
    MessageIndex(2, [(30, PLACES[3])]),
]


def texts(data: bytes, entries: list[Entry]) -> list[tuple[int, int, bytes]]:
    return [(time_ns, channel, data[begin:end]) for time_ns, channel, begin, end in entries]


ALL = [(10, 1, b"one"), (20, 1, b"two"), (30, 2, b"three"), (40, 1, b"four")]


def is_plausible(entry: Entry) -> bool:
    return entry[0] < 100 and entry[1] in (1, 2)


def damaged(place: int, content: bytes) -> bytes:
    data = b"".join(PARTS)
    return data[:place] + content + data[place + len(content) :]


def test_everything_is_taken_of_what_is_whole() -> None:
    data = b"".join(PARTS)
    assert texts(data, take_indexed(memoryview(data), INDEXES)) == ALL
    assert texts(data, take_found(memoryview(data), is_plausible)) == ALL


def test_wrong_length_costs_its_message_only() -> None:
    for length in (0, 1, 24, 26, 60, 2**63):
        data = damaged(PLACES[2], HEAD.pack(5, length))
        rest = [entry for entry in ALL if entry[0] != 20]
        assert texts(data, take_indexed(memoryview(data), INDEXES)) == rest


def test_message_with_another_time_or_channel_is_not_taken() -> None:
    for content in (MESSAGE.pack(1, 0, 21, 0), MESSAGE.pack(2, 0, 20, 0)):
        data = damaged(PLACES[2] + HEAD.size, content)
        found = texts(data, take_indexed(memoryview(data), INDEXES))
        assert [time_ns for time_ns, _, _ in found] == [10, 30, 40]


def test_description_that_is_damaged_costs_the_message_before_it() -> None:
    data = damaged(PLACES[1], HEAD.pack(3, 7))
    found = texts(data, take_indexed(memoryview(data), INDEXES))
    assert [time_ns for time_ns, _, _ in found] == [20, 30, 40]


def test_without_indexes_the_next_message_is_found() -> None:
    data = damaged(PLACES[2] + 1, b"\xff" * 8)
    found = texts(data, take_found(memoryview(data), is_plausible))
    assert found == [(10, 1, b"one"), (30, 2, b"three"), (40, 1, b"four")]


def test_what_only_looks_like_a_message_is_not_taken() -> None:
    inner = message(9, 15, b"other channel") + message(1, 10**6, b"other time")
    data = b"\0" * 50 + inner + b"\0" * 20 + PARTS[3]
    assert texts(data, take_found(memoryview(data), is_plausible)) == [(30, 2, b"three")]


def test_cut_off_message_is_not_taken() -> None:
    data = b"".join(PARTS)[:-1]
    assert texts(data, take_indexed(memoryview(data), INDEXES)) == ALL[:-1]
    assert texts(data, take_found(memoryview(data), is_plausible)) == ALL[:2]
