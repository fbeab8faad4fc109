"""What is exported to ONNX computes the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import special

from act_bench.functions.expression import Expression, parse
from act_bench.functions.operators import ALL_OPERATORS

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
from act_bench.functions.frameworks import onnx_export

POINTS = torch.cat(
    [
        torch.linspace(-6, 6, 61),
        torch.tensor([0.0, -0.0, 1e-8, 8.0, 8.1, 30.0, -30.0, 100.0, -100.0, 1e4, -1e4]),
        torch.tensor([torch.inf, -torch.inf, torch.nan]),
    ]
)


@pytest.mark.parametrize("order", [0, 1])
def test_the_series_are_the_bessel_functions(order: int) -> None:
    x = torch.cat([torch.linspace(-20, 20, 4001), POINTS])
    truth = (special.i0e, special.i1e)[order](x.double().numpy())
    found = onnx_export.bessel(order, x).numpy()
    assert np.nanmax(np.abs(found - truth)) < onnx_export.ERROR
    np.testing.assert_array_equal(np.isnan(found), np.isnan(truth))
    wide = onnx_export.bessel(order, x.double()).numpy()
    np.testing.assert_allclose(wide, truth, atol=1e-9)
    assert onnx_export.bessel(order, torch.tensor(torch.inf)) == 0


class Each(torch.nn.Module):
    """Every operator of one input."""

    def __init__(self) -> None:
        super().__init__()
        arguments = (parse("x"), parse("tanh(x)"))
        self.expressions = [
            Expression(name, *arguments[: operator.arity or 2])
            for name, operator in ALL_OPERATORS.items()
        ]
        self.functions = torch.nn.ModuleList(each.to_torch() for each in self.expressions)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(function(x) for function in self.functions)


# The exporter and onnx warn of things of their own.
@pytest.mark.filterwarnings("ignore")
def test_every_operator_in_onnxruntime() -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    network = Each()
    program = onnx_export.export_onnx(network, (POINTS,))
    session = runtime.InferenceSession(program.model_proto.SerializeToString())
    outputs = session.run(None, {session.get_inputs()[0].name: POINTS.numpy()})
    wrong = []
    for expression, found in zip(network.expressions, outputs, strict=True):
        with np.errstate(all="ignore"):
            truth = expression.to_numpy()(POINTS.double().numpy()).astype(np.float32)
            close = np.abs(found - truth) <= 1e-6 * np.maximum(1, np.abs(truth))
        same = (found == truth) | (np.isnan(found) & np.isnan(truth))
        if expression.operator == "clamped_sqrt":
            same |= np.isposinf(truth)  # clipped to the largest number before the root is taken
        bad = np.flatnonzero(~close & ~same)
        wrong += [f"{expression} at {POINTS[i]}: {found[i]}" for i in bad]
    assert not wrong, "; ".join(wrong)
