# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.doctor.finding import Finding, from_error


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("it broke; mend it; or buy another", "it broke", "mend it; or buy another"),
        ("it broke (a: one; b: two); mend it", "it broke (a: one; b: two)", "mend it"),
        ("it broke", "it broke", ""),
    ],
)
def test_an_error_of_ours_is_split_into_fact_and_remedy(text: str, found: str, remedy: str) -> None:
    assert from_error("x", "note", ValueError(text)) == Finding("x", "note", found, remedy)
