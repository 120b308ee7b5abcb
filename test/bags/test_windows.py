# SPDX-License-Identifier: Apache-2.0

from segnet_ros.bags.windows import WINDOW_NS, Window, cut

SECOND = 1_000_000_000


def test_windows_cover_the_span_without_gap_or_overlap() -> None:
    windows = cut(5 * SECOND, 31 * SECOND + 1)
    assert WINDOW_NS == 10 * SECOND
    assert windows == [
        Window(0, 5 * SECOND, 15 * SECOND),
        Window(1, 15 * SECOND, 25 * SECOND),
        Window(2, 25 * SECOND, 31 * SECOND + 1),
    ]


def test_last_window_may_be_whole_or_hold_a_single_message() -> None:
    assert cut(0, 20 * SECOND)[-1] == Window(1, 10 * SECOND, 20 * SECOND)
    assert cut(0, 20 * SECOND + 1)[-1] == Window(2, 20 * SECOND, 20 * SECOND + 1)
    assert cut(7, 8) == [Window(0, 7, 8)]


def test_nothing_has_no_window() -> None:
    assert cut(0, 0) == []
