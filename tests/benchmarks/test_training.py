"""The benchmark of a training step: its stand-in for the look-up computes the same."""

from __future__ import annotations

import pytest
import torch

from act_bench.functions.expression import parse
from benchmarks.steps.training import GatheredTables
from regenerate.activations import TabulatedActivation, tabulate


@pytest.mark.parametrize("text", ["relu(x)", "mul(erf(x),softplus(x))", "exp(square(x))"])
def test_gathers_give_what_the_look_up_gives(text: str) -> None:
    tables = tabulate(parse(text))
    numbers = torch.randn((4, 8, 3, 3), generator=torch.Generator().manual_seed(0)) * 3
    found = []
    for module in (TabulatedActivation(tables), GatheredTables(tables)):
        x = numbers.to(torch.bfloat16).requires_grad_()
        y = module(x)
        y.backward(torch.ones_like(y))
        assert x.grad is not None
        found.append((y.detach(), x.grad))
    for tabulated, gathered in zip(*found, strict=True):
        assert torch.equal(tabulated.view(torch.int16), gathered.view(torch.int16))
