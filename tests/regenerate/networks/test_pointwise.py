"""1x1 convolutions as products, against torch's convolution in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from regenerate.networks.pointwise import PointwiseConv2d

ROUNDING = 2.0**-8


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_values_and_gradients(bias: bool, channels_last: bool) -> None:
    random = torch.Generator().manual_seed(3)
    layer = PointwiseConv2d(24, 33, bias=bias).to(torch.bfloat16)
    maps = torch.randn(5, 24, 4, 3, generator=random).to(torch.bfloat16)
    if channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    maps.requires_grad_()
    out = layer(maps)
    assert out.shape == (5, 33, 4, 3)
    assert out.is_contiguous(memory_format=torch.channels_last)
    inputs = [maps, *layer.parameters()]
    wide = [each.detach().double().requires_grad_() for each in inputs]
    wanted = functional.conv2d(wide[0], wide[1], wide[2] if bias else None)
    gradient = torch.randn(out.shape, generator=random).to(torch.bfloat16)
    found = [out, *torch.autograd.grad(out, inputs, gradient)]
    expected = [wanted, *torch.autograd.grad(wanted, wide, gradient.double())]
    for own, other in zip(found, expected, strict=True):
        assert own.shape == other.shape
        torch.testing.assert_close(own.double(), other, rtol=ROUNDING, atol=2e-3)


def test_other_dtypes_are_torchs() -> None:
    layer, maps = PointwiseConv2d(3, 4), torch.randn(2, 3, 5, 5)
    assert torch.equal(layer(maps), functional.conv2d(maps, layer.weight, layer.bias))
