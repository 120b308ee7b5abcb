# SPDX-License-Identifier: Apache-2.0

from segnet_ros.ros.books import Books
from segnet_ros.ros.recent_counts import RECENT_SECONDS, RecentCounts


def test_nothing_has_happened_before_the_first_snapshot() -> None:
    recent = RecentCounts()
    assert (recent.books, recent.missed_deadlines) == (Books(), 0)
    recent.update(50, Books(received=1000, published=999, pending=1), 7)
    assert (recent.books, recent.missed_deadlines) == (Books(pending=1), 0)


def test_counts_of_the_last_seconds() -> None:
    recent = RecentCounts()
    for second in range(100):
        failed = 3 if second >= 50 else 0
        books = Books(received=30 * second + failed, published=30 * second, failed=failed)
        recent.update(second, books, second // 2)
        if second == 55:
            assert recent.books == Books(received=303, published=300, failed=3)
    assert recent.books == Books(received=300, published=300)
    assert recent.missed_deadlines == RECENT_SECONDS / 2


def test_rare_snapshots_still_have_a_difference() -> None:
    recent = RecentCounts()
    recent.update(0, Books(received=1, published=1), 0)
    recent.update(60, Books(received=5, published=4, pending=1), 2)
    assert recent.books == Books(received=4, published=3, pending=1)
    assert recent.missed_deadlines == 2
