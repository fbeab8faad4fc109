"""Networks with these functions as ONNX: what ONNX has no operator for, in terms of what it has.

PyTorch's exporter translates every operator of this package but the Bessel functions, and the
logarithm of the sigmoid it makes the logarithm of 0 below -17. The Bessel functions are replaced by
Chebyshev series of what is smooth in them: of e^-z I_0(z) and of e^-z I_1(z) / z up to
z = :data:`SWITCH`, and beyond of the same functions times sqrt(z), in powers of 1 / z (Abramowitz
and Stegun 9.7.1; 1 / z = 0 is in the interval, so the limits at infinity are exact).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebinterpolate
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from act_bench.errors import needs_extra

SWITCH: Final = 8.0
"""Where one series ends and the other begins."""
ERROR: Final = 5e-7
"""By as much the series in float32 may be off the Bessel functions, which are at most 1."""
_DEGREES: Final = (20, 10)
"""Of the two series: the first term that is left out is below 1e-10."""


@cache
def _coefficients(order: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the coefficients of both series of exp(-z) I_order(z), the constant term first."""
    function = (special.i0e, special.i1e)[order]

    def near(t: NDArray[np.float64]) -> Any:
        z = SWITCH * (t + 1) / 2
        return function(z) / z**order

    def far(t: NDArray[np.float64]) -> Any:
        z = 2 * SWITCH / (t + 1)
        return function(z) * np.sqrt(z)

    first, second = (
        tuple(map(float, chebinterpolate(each, degree)))
        for each, degree in zip((near, far), _DEGREES, strict=True)
    )
    return first, second


def _series(coefficients: tuple[float, ...], t: Tensor) -> Tensor:
    """Return the sum of a Chebyshev series by Clenshaw's recurrence, for t in [-1, 1]."""
    after = current = torch.zeros_like(t)
    for coefficient in reversed(coefficients[1:]):
        current, after = coefficient + 2 * t * current - after, current
    return coefficients[0] + t * current - after


def bessel(order: int, x: Tensor) -> Tensor:
    """Return exp(-abs(x)) I_order(x) for the order 0 or 1 by series; see the module.

    Examples
    --------
    >>> [round(value, 5) for value in bessel(0, torch.tensor([0.0, -2.0])).tolist()]
    [1.0, 0.30851]
    """
    near, far = _coefficients(order)
    size = x.abs()
    small, large = size.clamp(max=SWITCH), size.clamp(min=SWITCH)
    low = _series(near, small * (2 / SWITCH) - 1) * (x if order else 1.0)
    high = _series(far, 2 * SWITCH / large - 1) / large.sqrt()
    return torch.where(size > SWITCH, high * x.sign() if order else high, low)


def _log_sigmoid(x: Tensor) -> Tensor:
    return -torch.nn.functional.softplus(-x, threshold=40)


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Return what ``torch.export.ExportedProgram.run_decompositions`` takes: operator -> function.

    Examples
    --------
    >>> [str(operator) for operator in decompositions()]
    ['aten.special_i0e.default', 'aten.special_i1e.default', 'aten.log_sigmoid.default']
    """
    return {
        torch.ops.aten.special_i0e.default: lambda x: bessel(0, x),
        torch.ops.aten.special_i1e.default: lambda x: bessel(1, x),
        torch.ops.aten.log_sigmoid.default: _log_sigmoid,
    }


def export_onnx(
    network: torch.nn.Module,
    inputs: tuple[Tensor, ...],
    path: str | Path | None = None,
    **options: Any,
) -> Any:
    """Export a network with functions of this package to ONNX.

    Parameters
    ----------
    network : torch.nn.Module
        An expression's module, or a network that has some; it is exported as it evaluates, and
        stays in the mode that it is in.
    inputs : tuple of Tensor
        Inputs of the right shapes.
    path : str or Path, optional
        Where the model goes. Default: it is only returned.
    **options
        Of ``torch.export.export``, such as ``dynamic_shapes``.

    Returns
    -------
    torch.onnx.ONNXProgram
        ``model_proto`` is the model.

    Raises
    ------
    act_bench.errors.MissingExtraError
        onnx or onnxscript is not installed.
    """
    with needs_extra("export_onnx"):
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    modes = [(module, module.training) for module in network.modules()]
    try:
        program = torch.export.export(network.eval(), inputs, **options)
        program = program.run_decompositions(decompositions())
        return torch.onnx.export(program, f=path, dynamo=True, verbose=False)
    finally:
        for module, training in modes:
            module.training = training
