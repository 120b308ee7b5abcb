# SPDX-License-Identifier: Apache-2.0

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segnet_ros.training.models.switches import (
    IndexSwitching,
    MaskSwitching,
    Switching,
    TwoBitSwitching,
)

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
INDEX_FREE: list[Switching] = [MaskSwitching(), TwoBitSwitching()]
ALL: list[Switching] = [IndexSwitching(), *INDEX_FREE]


def name(switching: Switching) -> str:
    return type(switching).__name__


def round_trip(switching: Switching, x: Tensor, values: Tensor | None = None) -> Tensor:
    pooled, switches = switching.pool(x)
    return switching.unpool(
        pooled if values is None else values, switches, (x.shape[2], x.shape[3])
    )


@st.composite
def feature_maps(draw: st.DrawFn) -> Tensor:
    """What pooling sees: non-negative after a ReLU, few different values, any size."""
    shape = [draw(st.integers(1, high)) for high in (2, 5, 11, 11)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([1, 2, 3, 1000]))
    drawn = torch.randint(-levels, levels + 1, shape, generator=generator)
    return (drawn / 8).relu().to(draw(st.sampled_from(DTYPES)))


@pytest.mark.parametrize("switching", INDEX_FREE, ids=name)
@given(x=feature_maps(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=120, deadline=None)
def test_index_free_switching_equals_pytorch_bit_for_bit(
    switching: Switching, x: Tensor, seed: int
) -> None:
    expected, indices = IndexSwitching().pool(x)
    pooled, switches = switching.pool(x)
    assert pooled.dtype == x.dtype
    assert torch.equal(pooled, expected)
    # What the decoder unpools is not what was pooled: other values, of either sign.
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(expected.shape, generator=generator).to(x.dtype)
    size = (x.shape[2], x.shape[3])
    unpooled = switching.unpool(values, switches, size)
    assert unpooled.dtype == x.dtype
    assert torch.equal(unpooled, IndexSwitching().unpool(values, indices, size))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("switching", INDEX_FREE, ids=name)
def test_every_window_of_four_levels_keeps_its_first_maximum(
    switching: Switching, dtype: torch.dtype
) -> None:
    windows = list(itertools.product((0.0, 1.0, 2.0, 3.0), repeat=4))
    x = torch.tensor(windows, dtype=dtype).reshape(len(windows), 1, 2, 2)
    unpooled = round_trip(switching, x, torch.full((len(windows), 1, 1, 1), 7.0, dtype=dtype))
    for window, cells in zip(windows, unpooled.flatten(1).tolist(), strict=True):
        expected = [0.0] * 4
        expected[window.index(max(window))] = 7.0
        assert cells == expected, window


@pytest.mark.parametrize("switching", ALL, ids=name)
def test_lecture_example(switching: Switching) -> None:
    x = torch.tensor(
        [[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]],
    )[None, None]
    pooled, switches = switching.pool(x)
    assert pooled.tolist() == [[[[5.0, 6.0], [7.0, 8.0]]]]
    other = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    unpooled = switching.unpool(other, switches, (4, 4))
    assert unpooled[0, 0].tolist() == [
        [0.0, 0.0, 2.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
        [3.0, 0.0, 0.0, 4.0],
    ]


@pytest.mark.parametrize("switching", ALL, ids=name)
def test_odd_edges_are_windows_of_their_own(switching: Switching) -> None:
    x = torch.tensor([[1.0, 2, 3], [4, 0, 6], [7, 8, 9]])[None, None]
    pooled, _ = switching.pool(x)
    assert pooled[0, 0].tolist() == [[4.0, 6.0], [8.0, 9.0]]
    assert round_trip(switching, x)[0, 0].tolist() == [[0, 0, 0], [4, 0, 6], [0, 8, 9]]


@pytest.mark.parametrize("switching", ALL, ids=name)
def test_all_zero_windows_put_values_into_their_first_cell(switching: Switching) -> None:
    x = torch.zeros(1, 1, 3, 4)
    unpooled = round_trip(switching, x, torch.tensor([[[[-1.0, 2.0], [3.0, 4.0]]]]))
    assert unpooled[0, 0].tolist() == [[-1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0]]


@pytest.mark.parametrize("switching", ALL, ids=name)
def test_maps_and_images_do_not_mix(switching: Switching) -> None:
    x = torch.zeros(2, 3, 2, 2)
    for image, channel in itertools.product(range(2), range(3)):
        x[image, channel].view(-1)[(image + channel) % 4] = 1.0
    values = torch.arange(1.0, 7.0).reshape(2, 3, 1, 1)
    assert torch.equal(round_trip(switching, x, values), x * values)
