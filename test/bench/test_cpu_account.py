# SPDX-License-Identifier: Apache-2.0
"""What is left for the node."""

import pytest
from cpu_account import account

STAGES = {"receive": 0.5, "decode": 0.1, "resize": 1.0, "engine": 2.0, "serialise label": 0.25}


def test_the_node_is_what_engine_and_conversions_leave() -> None:
    found = account(whole=5.0, relay=2.0, stages=STAGES)
    assert (found.engine, found.conversions) == (2.0, pytest.approx(1.85))
    assert found.node == pytest.approx(1.15)


def test_a_relay_deserialises_and_serialises_too() -> None:
    assert account(whole=5.0, relay=2.0, stages=STAGES).relay == pytest.approx(1.25)
