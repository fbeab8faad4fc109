"""Moments of patches against patches that are made; lags against windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from regenerate.fisher import moments
from regenerate.fisher.moments import Geometry

SIDES = st.tuples(st.integers(3, 9), st.integers(3, 9))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDINGS = st.tuples(st.integers(0, 2), st.integers(0, 2))


def random_maps(seed: int, channels: int, sides: tuple[int, int]) -> Tensor:
    drawn = np.random.default_rng(seed).normal(size=(2, channels, *sides))
    return torch.from_numpy(drawn).contiguous(memory_format=torch.channels_last)


def patches_of(maps: Tensor, geometry: Geometry) -> Tensor:
    """All patches, (images x positions, f), in the order (channel, row, column)."""
    rows, columns = geometry
    unfolded = functional.unfold(
        maps,
        (rows.kernel, columns.kernel),
        padding=(rows.padding, columns.padding),
        stride=(rows.stride, columns.stride),
    )
    return unfolded.transpose(1, 2).flatten(0, 1)


@settings(max_examples=60)
@given(SIDES, PAIRS, PAIRS, PADDINGS, st.integers(1, 3), st.sampled_from([None, 1.0, 0.25]))
def test_moment_is_that_of_the_patches(
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    channels: int,
    homogeneous: float | None,
) -> None:
    maps = random_maps(1, channels, sides)
    geometry = Geometry.of(maps, kernel, stride, padding)
    patches = patches_of(maps, geometry)
    if homogeneous is not None:
        patches = torch.cat([patches, patches.new_full((len(patches), 1), homogeneous)], 1)
    found = moments.patch_moment(maps, geometry, homogeneous)
    torch.testing.assert_close(found, patches.T @ patches, rtol=1e-12, atol=1e-12)


@settings(max_examples=60)
@given(SIDES, PAIRS, PADDINGS, st.integers(1, 3))
def test_lags_give_the_moment_of_the_patches(
    sides: tuple[int, int], kernel: tuple[int, int], padding: tuple[int, int], channels: int
) -> None:
    """Whatever way is chosen for so small a map."""
    maps = random_maps(6, channels, sides)
    geometry = Geometry.of(maps, kernel, (1, 1), padding)
    expected = moments.moment_of_patches(maps, geometry)
    torch.testing.assert_close(
        moments.moment_by_lags(maps, geometry), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("side", "stride", "padding", "by_lags"),
    [(32, 1, 1, True), (16, 1, 1, True), (32, 2, 1, False), (8, 1, 0, True), (5, 1, 0, False)],
)
def test_the_way_with_fewer_products_for_the_layers_of_all_cnn_c(
    side: int, stride: int, padding: int, by_lags: bool
) -> None:
    maps = random_maps(2, 1, (side, side))
    geometry = Geometry.of(maps, (3, 3), (stride, stride), (padding, padding))
    lags, patches = moments.products_by_lags(geometry), moments.products_of_patches(geometry)
    assert (lags < patches) == by_lags


@settings(max_examples=30)
@given(SIDES, PAIRS, PAIRS, PADDINGS, st.sampled_from([None, 1.0]))
def test_depthwise_moments_are_the_diagonal_blocks(
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    homogeneous: float | None,
) -> None:
    maps = random_maps(3, 3, sides)
    geometry = Geometry.of(maps, kernel, stride, padding)
    found = moments.depthwise_moments(maps, geometry, homogeneous)
    for channel in range(3):
        alone = moments.patch_moment(maps[:, channel : channel + 1], geometry, homogeneous)
        torch.testing.assert_close(found[channel], alone)


def test_float32_is_as_accurate_as_it_can_be() -> None:
    maps = random_maps(4, 8, (12, 12)) + 1.0
    geometry = Geometry.of(maps, (3, 3), padding=(1, 1))
    exact = moments.patch_moment(maps, geometry)
    found = moments.patch_moment(maps.float(), geometry).double()
    assert float((found - exact).abs().max() / exact.abs().max()) < 1e-6


def test_token_and_map_moments_agree() -> None:
    maps = random_maps(5, 4, (3, 5))
    tokens = maps.flatten(2).transpose(1, 2)
    torch.testing.assert_close(moments.map_moment(maps), moments.token_moment(tokens))


@pytest.mark.parametrize(("padding", "unreached"), [(0, [0, 5]), (1, [])])
def test_unreached_pixels_by_hand(padding: int, unreached: list[int]) -> None:
    assert moments.Axis(6, 3, 1, padding).unreached(1) == unreached
