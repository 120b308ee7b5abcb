# SPDX-License-Identifier: Apache-2.0
"""The street's layout: gapless lots, clear side roads, keeping left."""

import pytest

from segnet_ros.simulation.layout import BLOCK, build_block, choose_plan


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lots_fill_each_side_without_gap_or_overlap(seed: int) -> None:
    plan = choose_plan(seed)
    for number in (0, 1, 5):
        block = build_block(seed, number, plan)
        for side in (-1, 1):
            lots = [lot for lot in block.lots if lot.side == side]
            edges = [lots[0].start, *(lot.end for lot in lots)]
            assert edges[0] == pytest.approx(number * BLOCK)
            assert edges[-1] == pytest.approx((number + 1) * BLOCK)
            assert [lot.start for lot in lots] == pytest.approx(edges[:-1])


def test_nothing_blocks_the_mouth_of_a_side_road() -> None:
    checked = 0
    for seed in range(30):
        block = build_block(seed, 2, choose_plan(seed))
        for lot in (lot for lot in block.lots if lot.kind == "side_road"):
            checked += 1
            inside = [t for t in block.things if t.side == lot.side and lot.start < t.s < lot.end]
            assert {t.kind for t in inside} <= {"tree", "traffic_light", "beacon"}
    assert checked >= 5


def test_parked_cars_stand_between_lane_and_kerb() -> None:
    checked = 0
    for seed in range(10):
        plan = choose_plan(seed)
        for car in (t for t in build_block(seed, 1, plan).things if t.kind == "car"):
            checked += 1
            assert plan.lane < abs(car.x) + 0.3 < abs(plan.kerb(car.side))
    assert checked > 20


def test_parking_moves_the_kerb_outwards() -> None:
    plan = choose_plan(0)
    assert plan.kerb(-1) == pytest.approx(-(plan.lane + plan.parking[0]))
    assert plan.boundary(1) == pytest.approx(plan.kerb(1) + plan.pavement)
