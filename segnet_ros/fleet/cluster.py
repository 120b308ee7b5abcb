# SPDX-License-Identifier: Apache-2.0
"""A Ray cluster: one that runs, or one of this machine alone, for the length of a block."""

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError

from segnet_ros.fleet.errors import FleetError
from segnet_ros.fleet.shares import Machine

_OBJECT_STORE_BYTES = 128 * 2**20
_CONNECT_SECONDS = 5.0


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Join a cluster; a process that has joined one already stays in it.

    Args:
        address: "host:port" of a running cluster, "auto" for the one that this machine belongs to,
            or "ray://host:port" of a Ray Client server; None starts one of this machine alone,
            which ends with the block.

    Raises:
        FleetError: the cluster cannot be reached.

    """
    if ray.is_initialized():
        yield
        return
    try:
        _join(address)
        yield
    finally:
        ray.shutdown()


def machines() -> list[Machine]:
    """The machines of the cluster that was joined."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    return [Machine(int(offer.get("CPU", 0)), int(offer.get("GPU", 0))) for offer in offers]


def _join(address: str | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if address is None:
                store = _OBJECT_STORE_BYTES
                ray.init("local", include_dashboard=False, object_store_memory=store, **quiet)
            else:
                _check_reachable(address)
                ray.init(address, **quiet)
    except (OSError, RayError, RuntimeError, ValueError) as error:
        raise _unreachable(address or "this machine", error) from error


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", address)
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> FleetError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return FleetError(
        f"no Ray cluster answers at {address} ({reason.rstrip('.')}); start one with `ray start "
        "--head`, give its --ray-address HOST:6379, or leave it out to work on this machine alone"
    )
