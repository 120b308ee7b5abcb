# SPDX-License-Identifier: Apache-2.0
"""Floors from what networks compute and move."""

import pytest
from roofline import Ceiling, Operation, floor_ms, operations, total_flops

# Counted once by hand, layer by layer, for twelve outputs (CamVid's eleven classes and void).
BY_HAND = {
    ("segnet", (480, 360)): (36, 213_623_930_880, 489_938_304, 305.14),
    ("segnet", (640, 480)): (36, 379_020_902_400, 824_701_824, 541.39),
    ("segnet", (1024, 512)): (36, 646_862_340_096, 1_365_902_208, 924.04),
    ("segnet", (1280, 720)): (36, 1_137_062_707_200, 2_356_462_464, 1624.26),
    ("segnet_basic", (480, 360)): (17, 118_399_795_200, 206_307_968, 175.70),
    ("segnet_basic", (640, 480)): (17, 210_488_524_800, 364_558_208, 312.37),
    ("segnet_basic", (1024, 512)): (17, 359_233_748_992, 620_179_328, 533.09),
    ("segnet_basic", (1280, 720)): (17, 631_465_574_400, 1_088_014_208, 937.10),
}
CEILING = Ceiling("round", {"fp16": 790e12, "int8": 1e12}, 4.3e12)


@pytest.mark.parametrize(("architecture", "size"), BY_HAND)
def test_counts_are_those_made_by_hand(architecture: str, size: tuple[int, int]) -> None:
    count, flops, moved, microseconds = BY_HAND[architecture, size]
    counted = operations(architecture, 12, size)
    assert len(counted) == count
    assert total_flops(counted) == flops
    assert sum(2 * (op.values + op.weights) + op.switches for op in counted) == moved
    floor = floor_ms(counted, "fp16", 1, CEILING)
    assert floor == pytest.approx(microseconds / 1e3, rel=1e-4)


def test_flops_are_twice_the_multiply_accumulates_of_the_cost_count() -> None:
    from segnet_ros.training.cost import measure_architecture

    size = (96, 80)
    macs = measure_architecture("segnet_light", 11, size).macs
    assert total_flops(operations("segnet_light", 11, size)) == 2 * macs


def test_first_convolution_is_counted_with_its_maps_and_kernels() -> None:
    first = operations("segnet", 11, (32, 16))[0]
    pixels = 32 * 16
    assert first == Operation(
        flops=2 * 9 * 3 * 64 * pixels, values=(3 + 64) * pixels, weights=9 * 3 * 64
    )


def test_slower_of_computing_and_moving_counts_for_each_operation() -> None:
    ceiling = Ceiling("simple", {"fp16": 1000.0, "int8": 4000.0}, 100.0)
    computing = Operation(flops=3000, values=10, weights=5)
    moving = Operation(flops=0, values=40, switches=20)
    assert floor_ms([computing], "fp16", 1, ceiling) == pytest.approx(3000.0)
    assert floor_ms([moving], "fp16", 1, ceiling) == pytest.approx(1000.0)
    assert floor_ms([computing, moving], "fp16", 1, ceiling) == pytest.approx(4000.0)
    # int8: a quarter of the computing, one byte per value, still one per switch.
    assert floor_ms([computing, moving], "int8", 1, ceiling) == pytest.approx(750.0 + 600.0)


def test_weights_are_read_once_per_batch() -> None:
    ceiling = Ceiling("simple", {"fp16": 1e9}, 100.0)
    operation = Operation(flops=0, values=10, weights=50)
    assert floor_ms([operation], "fp16", 1, ceiling) == pytest.approx(1200.0)
    assert floor_ms([operation], "fp16", 8, ceiling) == pytest.approx(2600.0)


def test_unknown_ceiling_gives_no_floor() -> None:
    assert floor_ms([Operation(1, 1)], "fp8", 1, CEILING) is None
