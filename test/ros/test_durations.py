# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.ros.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.254, "0.25 s"),
        (2.996, "3.00 s"),
        (4.2, "4 s"),
        (119, "119 s"),
        (150, "2.5 min"),
        (11520, "3.2 h"),
        (3 * 86400, "3.0 days"),
        (2.5 * 365.25 * 86400, "2.5 years"),
    ],
)
def test_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
