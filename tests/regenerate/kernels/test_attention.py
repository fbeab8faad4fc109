"""Separable attention in bfloat16 against torch's operations in float64."""

from __future__ import annotations

import pytest
import torch

from regenerate.kernels.attention import attend


@pytest.mark.parametrize(
    ("images", "channels", "places", "patches"), [(2, 5, 4, 6), (3, 16, 4, 1), (1, 96, 1, 25)]
)
def test_values_and_gradients(images: int, channels: int, places: int, patches: int) -> None:
    generator = torch.Generator().manual_seed(patches)
    shape = (images, 1 + 2 * channels, places, patches)
    short = (3 * torch.randn(shape, generator=generator)).to(torch.bfloat16)
    short = short.contiguous(memory_format=torch.channels_last).requires_grad_()
    exact = short.detach().double().requires_grad_()
    out, wanted = attend(short), attend(exact)
    assert out.is_contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(out.shape, generator=generator).to(torch.bfloat16)
    (found,) = torch.autograd.grad(out, [short], gradient)
    (expected,) = torch.autograd.grad(wanted, [exact], gradient.double())
    for got, right in ((out, wanted), (found, expected)):
        assert got.dtype == torch.bfloat16
        error = (got.double() - right).abs()
        assert (error <= 2.0**-8 * right.abs() + 1e-5 * right.abs().max()).all()


def test_large_scores_and_what_is_not_finite() -> None:
    projected = torch.zeros(2, 3, 1, 2, dtype=torch.bfloat16)
    projected[:, 0, 0] = torch.tensor([300.0, 0.0])
    projected[:, 1, 0] = torch.tensor([2.0, 7.0])
    projected[:, 2, 0] = torch.tensor([3.0, -3.0])
    projected[1, 0, 0, 1] = float("nan")
    out = attend(projected)
    assert out[0].flatten().tolist() == [6.0, 0.0]  # all weight on the first key
    assert out[1].isnan().all()
    projected[0, 2, 0, 1] = float("nan")
    assert attend(projected)[0, 0, 0].isnan().tolist() == [False, True]
