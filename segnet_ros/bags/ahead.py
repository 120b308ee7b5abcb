# SPDX-License-Identifier: Apache-2.0
"""Iterators that work ahead of their reader: order kept, read-ahead bounded, errors passed on."""

from __future__ import annotations

import queue
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def read_ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Iterate in a thread of its own, at most `depth` items ahead.

    The thread ends when the items do, or when this iterator is closed.

    Raises:
        Exception: whatever the items raise, at its place.

    """
    waiting: queue.Queue[object] = queue.Queue(depth)
    closed = threading.Event()
    thread = threading.Thread(target=_feed, args=(items, waiting, closed), daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        closed.set()
        while thread.is_alive():  # it may wait for a free place
            _drain(waiting)
            thread.join(0.01)


def _feed(items: Iterable[object], waiting: queue.Queue[object], closed: threading.Event) -> None:
    try:
        for item in items:
            waiting.put(item)
            if closed.is_set():
                return
    except BaseException as error:  # noqa: BLE001  # raised again by whoever takes the items
        waiting.put(_Failure(error))
    else:
        waiting.put(_END)


def _drain(waiting: queue.Queue[object]) -> None:
    while not waiting.empty():
        waiting.get()


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int, depth: int
) -> Generator[Result, None, None]:
    """Apply a function in threads, to at most `depth` items at once; results come in order.

    The items are taken in the reader's thread.

    Raises:
        Exception: whatever the items or the function raise, at its place.

    """
    source = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            while True:
                wanted = islice(source, depth - len(under_way))
                under_way.extend(pool.submit(function, item) for item in wanted)
                if not under_way:
                    return
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
