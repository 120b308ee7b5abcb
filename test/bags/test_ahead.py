# SPDX-License-Identifier: Apache-2.0

import threading
import time
from collections.abc import Iterator

import pytest

from segnet_ros.bags.ahead import map_ahead, read_ahead


class Counted:
    """Numbers; knows how many were taken, and by which threads."""

    def __init__(self, stop: int, error_at: int = -1) -> None:
        self.taken = 0
        self.threads: set[int] = set()
        self._stop = stop
        self._error_at = error_at

    def __iter__(self) -> Iterator[int]:
        for number in range(self._stop):
            if number == self._error_at:
                msg = f"no {number}"
                raise ValueError(msg)
            self.taken += 1
            self.threads.add(threading.get_ident())
            yield number


def wait_until_still(numbers: Counted) -> None:
    before = -1
    while before != numbers.taken:
        before = numbers.taken
        time.sleep(0.02)


def test_order_is_kept_and_another_thread_reads() -> None:
    numbers = Counted(500)
    assert list(read_ahead(numbers, 4)) == list(range(500))
    assert threading.get_ident() not in numbers.threads


def test_read_ahead_is_bounded() -> None:
    numbers = Counted(500)
    ahead = read_ahead(numbers, 4)
    assert next(ahead) == 0
    wait_until_still(numbers)
    assert 4 <= numbers.taken <= 6  # those that wait, one in hand
    assert next(ahead) == 1


def test_error_comes_at_its_place() -> None:
    ahead = read_ahead(Counted(10, error_at=3), 8)
    assert [next(ahead), next(ahead), next(ahead)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no 3"):
        next(ahead)


def test_thread_ends_with_its_reader() -> None:
    before = threading.active_count()
    ahead = read_ahead(Counted(10**9), 2)
    next(ahead)
    assert threading.active_count() == before + 1
    ahead.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_map_keeps_the_order_though_later_items_are_ready_first() -> None:
    def slow_at_first(number: int) -> int:
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number * number

    assert list(map_ahead(slow_at_first, range(20), 4, 8)) == [n * n for n in range(20)]


def test_map_takes_no_more_than_its_depth() -> None:
    numbers = Counted(100)
    mapped = map_ahead(str, numbers, 2, 5)
    assert next(mapped) == "0"
    assert numbers.taken == 5
    assert next(mapped) == "1"
    assert numbers.taken == 6
    assert numbers.threads == {threading.get_ident()}


def test_map_works_on_several_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(number: int) -> int:
        both.wait()
        return number

    assert list(map_ahead(meet, range(4), 2, 2)) == [0, 1, 2, 3]


@pytest.mark.parametrize("at", [0, 3])
def test_error_of_the_function_comes_at_its_place(at: int) -> None:
    def fail(number: int) -> int:
        if number == at:
            msg = f"no {number}"
            raise ValueError(msg)
        return number

    mapped = map_ahead(fail, range(10), 2, 4)
    assert [next(mapped) for _ in range(at)] == list(range(at))
    with pytest.raises(ValueError, match=f"no {at}"):
        next(mapped)


def test_map_of_nothing_is_nothing() -> None:
    assert list(map_ahead(str, [], 2, 4)) == []
