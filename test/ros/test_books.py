# SPDX-License-Identifier: Apache-2.0

import sys
import threading

import pytest

from segnet_ros.ros.books import Books, Ledger, Outcome

_FRAMES = 10000


def test_a_new_ledger_is_empty() -> None:
    assert Ledger().books == Books() == Books(0, 0, 0, 0, 0, 0)


def test_what_is_not_settled_is_pending() -> None:
    ledger = Ledger()
    for _ in range(9):
        ledger.receive()
    for outcome in (Outcome.PUBLISHED, Outcome.PUBLISHED, Outcome.FAILED):
        ledger.settle(outcome)
    assert ledger.books == Books(received=9, published=2, failed=1, pending=6)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_frame_is_pending_until_it_is_settled(outcome) -> None:
    ledger = Ledger()
    ledger.receive()
    ledger.receive()
    assert ledger.books == Books(received=2, pending=2)
    ledger.settle(outcome)
    assert ledger.books == Books(received=2, pending=1, **{outcome.value: 1})


def test_a_snapshot_stays_as_it_was() -> None:
    ledger = Ledger()
    ledger.receive()
    before = ledger.books
    ledger.settle(Outcome.STALE)
    assert before == Books(received=1, pending=1)


@pytest.fixture
def hasty_threads():
    """Threads take turns far more often than usual, so that races show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_no_count_is_lost_among_threads() -> None:
    ledger = Ledger()
    start = threading.Barrier(4)

    def write(outcome: Outcome) -> None:
        start.wait()
        for _ in range(_FRAMES):
            ledger.receive()
            ledger.settle(outcome)

    threads = [threading.Thread(target=write, args=[outcome], daemon=True) for outcome in Outcome]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert 0 <= ledger.books.pending <= 4
    for thread in threads:
        thread.join()
    assert ledger.books == Books(4 * _FRAMES, _FRAMES, _FRAMES, _FRAMES, _FRAMES, 0)
