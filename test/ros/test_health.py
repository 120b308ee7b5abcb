# SPDX-License-Identifier: Apache-2.0

from dataclasses import fields

import pytest

from segnet_ros.ros.health import CameraHealth, NodeHealth


@pytest.mark.parametrize("kind", [NodeHealth, CameraHealth])
def test_every_field_is_documented(kind: type) -> None:
    listed = (kind.__doc__ or "").partition("Attributes:")[2]
    undocumented = [each.name for each in fields(kind) if f"\n        {each.name}: " not in listed]
    assert undocumented == []


def test_a_snapshot_starts_without_problems() -> None:
    health = CameraHealth("front", "active")
    assert (health.idle, health.silence, health.hints) == (False, 0, ())
    assert health.stamp_offset != health.stamp_offset  # NaN: unknown
    assert NodeHealth("unconfigured").clock_running
