"""Moments of patches against patches that torch makes, whatever way computes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from regenerate.fisher import moments
from regenerate.fisher.moments import Axis, Geometry, products
from regenerate.fisher.moments.fourier import correlations
from regenerate.fisher.moments.lags import Sum, blocks, fill_by_lags, products_by_lags
from regenerate.fisher.moments.patches import moment_of_patches, products_of_patches

SIDES = st.tuples(st.integers(3, 9), st.integers(3, 9))
NARROW = st.tuples(st.integers(1, 9), st.integers(1, 9))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDINGS = st.tuples(st.integers(0, 2), st.integers(0, 2))


def random_maps(seed: int, channels: int, sides: tuple[int, int]) -> Tensor:
    drawn = np.random.default_rng(seed).normal(size=(2, channels, *sides))
    return torch.from_numpy(drawn).contiguous(memory_format=torch.channels_last)


def patches_of(maps: Tensor, geometry: Geometry) -> Tensor:
    """All patches, (images x positions, f), in the order (row, column, channel)."""
    rows, columns = geometry
    unfolded = functional.unfold(
        maps,
        (rows.kernel, columns.kernel),
        padding=(rows.padding, columns.padding),
        stride=(rows.stride, columns.stride),
    )
    by_channel = unfolded.unflatten(1, (maps.shape[1], -1))
    return by_channel.permute(0, 3, 2, 1).flatten(2).flatten(0, 1)


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


@settings(max_examples=100)
@given(NARROW, PAIRS, PAIRS, PADDINGS, st.integers(1, 3))
def test_lags_and_patches_give_the_moment(
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    channels: int,
) -> None:
    """Whatever way is chosen for so small a map, one without a phase among them."""
    maps = random_maps(6, channels, sides)
    geometry = Geometry.of(maps, kernel, stride, padding)
    assume(all(axis.pixels + 2 * axis.padding >= axis.kernel for axis in geometry))
    patches = patches_of(maps, geometry)
    by_lags = torch.full((patches.shape[1],) * 2, torch.nan, dtype=torch.float64)
    fill_by_lags(by_lags, maps, geometry)
    for found in (by_lags, moment_of_patches(maps, geometry)):
        torch.testing.assert_close(found, patches.T @ patches, rtol=1e-12, atol=1e-12)


@settings(max_examples=40)
@given(SIDES, PAIRS, PAIRS, PADDINGS)
def test_blocks_are_sums_over_the_positions(
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    """Each block once, and in it every pair of pixels that a position reads, once."""
    rows, columns = geometry = Geometry.of(torch.empty(1, 1, *sides), kernel, stride, padding)
    seen = set()
    for here, there, sums in blocks(geometry):
        seen |= {(here, there), (there, here)}
        read = [divmod(place, columns.kernel) for place in (here, there)]
        expected = set()
        for y in range(rows.positions):
            for x in range(columns.positions):
                pixels = tuple(
                    (y * stride[0] + down - padding[0], x * stride[1] + across - padding[1])
                    for down, across in read
                )
                if all(0 <= a < sides[0] and 0 <= b < sides[1] for a, b in pixels):
                    expected.add(pixels)
        found: dict[object, float] = {}
        for sign, which in sums:
            for pair in pairs_of(which, geometry):
                found[pair] = found.get(pair, 0.0) + sign
        assert {pair for pair, count in found.items() if count} == expected
        assert set(found.values()) <= {0.0, 1.0}
    assert len(seen) == geometry.kernel**2


def pairs_of(which: Sum, geometry: Geometry) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The pixels of the map that a sum multiplies."""
    strides = geometry.rows.stride, geometry.columns.stride
    down, across = which.spans(geometry)
    found = []
    for y in down:
        for x in across:
            one = y * strides[0] + which.one[0], x * strides[1] + which.one[1]
            other = (
                (y + which.lag[0]) * strides[0] + which.other[0],
                (x + which.lag[1]) * strides[1] + which.other[1],
            )
            found.append((one, other))
    return found


@pytest.mark.parametrize("frame", [(6, 7), (7, 8)])
def test_correlations_by_transforms_are_sums(frame: tuple[int, int]) -> None:
    """Of maps of different sizes, in frames with odd and even sides."""
    random = np.random.default_rng(7)
    phases = {
        (0, 0): torch.from_numpy(random.normal(size=(5, 5, 2, 3))),
        (0, 1): torch.from_numpy(random.normal(size=(5, 4, 2, 3))),
    }
    wanted = {
        ((0, 0), (0, 0)): [(0, 0), (0, 2), (1, -2)],
        ((0, 0), (0, 1)): [(-1, 0), (1, 1)],
        ((0, 1), (0, 1)): [(0, 0)],
    }
    found = correlations(phases, wanted, frame)
    assert len(found) == 6
    for (one, other, (down, across)), block in found.items():
        here, there = phases[one], phases[other]
        expected = torch.zeros(3, 3, dtype=torch.float64)
        for y in range(here.shape[0]):
            for x in range(here.shape[1]):
                if 0 <= y + down < there.shape[0] and 0 <= x + across < there.shape[1]:
                    expected += here[y, x].T @ there[y + down, x + across]
        torch.testing.assert_close(block, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "side", "stride", "padding", "by_lags"),
    [
        (3, 32, 1, 1, False),
        (96, 32, 1, 1, True),
        (192, 16, 1, 1, True),
        (96, 32, 2, 1, True),
        (192, 16, 2, 1, True),
        (192, 8, 1, 0, True),
        (16, 32, 2, 1, False),
        (192, 5, 1, 0, False),
    ],
)
def test_the_way_that_takes_less_time(
    channels: int, side: int, stride: int, padding: int, by_lags: bool
) -> None:
    """As measured, for layers of All-CNN-C and ResNet-56."""
    maps = torch.empty(1, 1, side, side)
    geometry = Geometry.of(maps, (3, 3), (stride, stride), (padding, padding))
    assert (products_by_lags(geometry, channels) < products_of_patches(geometry)) == by_lags


@pytest.mark.parametrize("intel", [True, False])
def test_both_libraries_agree(intel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = random_maps(8, 4, (9, 8))
    geometry = Geometry.of(maps, (3, 3), (2, 1), (1, 1))
    patches = patches_of(maps, geometry)
    expected = patches.T @ patches
    monkeypatch.setattr(products, "mkl_is_faster", lambda: intel)
    found = torch.empty_like(expected)
    fill_by_lags(found, maps, geometry)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moment_of_patches(maps, geometry), found, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(products.gram(patches), found, rtol=1e-12, atol=1e-12)
    values = products.eigenvalues(expected[None])[0]
    assert np.allclose(values, np.linalg.svd(patches.numpy())[1][::-1] ** 2, rtol=1e-9)


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


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_token_and_map_moments_agree(layout: torch.memory_format) -> None:
    maps = random_maps(5, 4, (3, 5)).contiguous(memory_format=layout)
    squares = maps.square().sum((0, 2, 3))
    torch.testing.assert_close(moments.channel_moments(maps), squares)
    tokens = maps.flatten(2).transpose(1, 2)
    torch.testing.assert_close(moments.map_moment(maps), moments.token_moment(tokens))


@pytest.mark.parametrize(("padding", "unreached"), [(0, [0, 5]), (1, [])])
def test_unreached_pixels_by_hand(padding: int, unreached: list[int]) -> None:
    assert Axis(6, 3, 1, padding).unreached(1) == unreached
