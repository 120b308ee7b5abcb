# SPDX-License-Identifier: Apache-2.0
"""Machines divided among workers."""

import pytest

from segnet_ros.fleet.errors import FleetError
from segnet_ros.fleet.shares import Machine, Share, divide


@pytest.mark.parametrize(
    ("cpus", "workers", "expected"),
    [
        ([2], None, Share(2, 1.0, 0.0, 1)),
        ([8], 2, Share(2, 4.0, 0.0, 4)),
        ([8], 3, Share(3, 2.0, 0.0, 2)),
        ([8], 1, Share(1, 8.0, 0.0, 8)),
        ([8, 8], 1, Share(1, 8.0, 0.0, 8)),
        ([5, 3], 2, Share(2, 3.0, 0.0, 3)),  # 4 would leave the second one without a place
        ([5, 3], 3, Share(3, 2.0, 0.0, 2)),
        ([16, 0], 4, Share(4, 4.0, 0.0, 4)),
        ([2], 4, Share(4, 0.5, 0.0, 1)),
        ([2], 5, Share(5, 1 / 3, 0.0, 1)),
    ],
)
def test_without_gpus_cores_are_divided(
    cpus: list[int], workers: int | None, expected: Share
) -> None:
    assert divide([Machine(count, 0) for count in cpus], workers) == expected


@pytest.mark.parametrize(
    ("machines", "workers", "expected"),
    [
        ([Machine(16, 1)], None, Share(1, 0.0, 1.0, 16)),
        ([Machine(16, 4)], None, Share(4, 0.0, 1.0, 4)),
        ([Machine(16, 4), Machine(64, 0)], None, Share(4, 0.0, 1.0, 4)),
        ([Machine(16, 4), Machine(8, 1)], None, Share(5, 0.0, 1.0, 4)),
        ([Machine(16, 4)], 2, Share(2, 0.0, 1.0, 4)),  # a worker uses one GPU only
        ([Machine(16, 1)], 4, Share(4, 0.0, 0.25, 4)),
        ([Machine(16, 2)], 3, Share(3, 0.0, 0.5, 4)),
        ([Machine(0, 1)], None, Share(1, 0.0, 1.0, 1)),
    ],
)
def test_gpus_are_divided_where_there_are_any(
    machines: list[Machine], workers: int | None, expected: Share
) -> None:
    assert divide(machines, workers) == expected


def test_a_cluster_without_anything_is_refused() -> None:
    with pytest.raises(FleetError, match=r"neither GPUs nor CPUs; start its worker nodes"):
        divide([Machine(0, 0)], 2)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (Share(1, 0.0, 1.0, 8), "1 GPU"),
        (Share(2, 4.0, 0.0, 4), "4 CPUs"),
        (Share(4, 0.5, 0.0, 1), "0.5 CPU"),
    ],
)
def test_shares_in_words(share: Share, words: str) -> None:
    assert share.in_words == words
