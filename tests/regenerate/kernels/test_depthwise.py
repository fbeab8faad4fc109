"""Depthwise convolutions in bfloat16 against torch in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from regenerate.kernels.depthwise import DepthwiseConv2d

ROUNDING = 2.0**-8
"""A result is rounded once to bfloat16: half a unit of its last place, and a little for sums."""


def random_maps(*shape: int) -> Tensor:
    maps = torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))
    return maps.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def assert_rounded(got: Tensor, wanted: Tensor) -> None:
    assert got.dtype == torch.bfloat16
    error = (got.double() - wanted).abs()
    assert (error <= ROUNDING * wanted.abs() + 1e-4 * wanted.std()).all()


# Odd sides, one pixel, more channels than lanes, and a part of a row left over.
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("images", "channels", "height", "width"),
    [(2, 3, 6, 6), (2, 5, 7, 4), (1, 48, 5, 33), (2, 700, 3, 3), (3, 16, 1, 1), (64, 40, 2, 2)],
)
def test_values_and_gradients(
    images: int, channels: int, height: int, width: int, stride: int
) -> None:
    features = random_maps(images, channels, height, width).requires_grad_()
    layer = DepthwiseConv2d(channels, stride).to(torch.bfloat16)
    out = layer(features)
    exact = [each.detach().double().requires_grad_() for each in (features, layer.weight)]
    wanted = functional.conv2d(exact[0], exact[1], None, stride, 1, 1, channels)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert_rounded(out, wanted)
    gradient = random_maps(*out.shape)
    found = torch.autograd.grad(out, [features, layer.weight], gradient)
    expected = torch.autograd.grad(wanted, exact, gradient.double())
    for got, right in zip(found, expected, strict=True):
        assert got.shape == right.shape
        assert_rounded(got, right)


def test_other_formats_and_dtypes() -> None:
    layer = DepthwiseConv2d(4, 2)
    features = torch.randn(2, 4, 6, 6)
    plain = nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False)
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer(features), plain(features))  # float32: torch's own
    short = layer.to(torch.bfloat16)
    maps = random_maps(2, 4, 6, 6)
    assert torch.equal(short(maps), short(maps.contiguous()))
    with pytest.raises(ValueError, match="stride 1 or 2, got 3"):
        DepthwiseConv2d(4, 3)


def test_infinities_arrive() -> None:
    layer = DepthwiseConv2d(2, 2).to(torch.bfloat16)
    maps = random_maps(1, 2, 4, 4)
    maps[0, 1, 1, 1] = float("nan")
    out = layer(maps)
    assert out[0, 1].isnan().all()
    assert out[0, 0].isfinite().all()


def test_images_that_need_no_gradient() -> None:
    layer = DepthwiseConv2d(2, 2).to(torch.bfloat16)
    (found,) = torch.autograd.grad(layer(random_maps(1, 2, 4, 4)).sum(), [layer.weight])
    assert found.isfinite().all()
