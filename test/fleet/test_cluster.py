# SPDX-License-Identifier: Apache-2.0
"""Clusters that cannot be joined; those that can are in test_ray_work.py."""

import socket

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'segnet_ros[fleet]'")

from segnet_ros.fleet.cluster import joined
from segnet_ros.fleet.errors import FleetError


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "[::ffff:127.0.0.1]:{}"])
def test_nobody_answers(address: str) -> None:
    address = address.format(closed_port())
    with pytest.raises(FleetError) as told, joined(address):
        pass
    text = str(told.value)
    assert text.startswith(f"no Ray cluster answers at {address} ([Errno 111] Connection refused)")
    assert text.endswith("or leave it out to work on this machine alone")


def test_the_cluster_of_the_environment_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port()}")
    with (
        pytest.raises(FleetError, match=r"answers at 127\.0\.0\.1:\d+ \(.*refused"),
        joined("auto"),
    ):
        pass


def test_an_address_that_is_none() -> None:
    with (
        pytest.raises(FleetError, match=r"answers at nowhere \(Invalid address format: nowhere\)"),
        joined("nowhere"),
    ):
        pass
