"""NumPy, SciPy and PyTorch, each imported when one of its names is first used.

A record holds the formulas of an operator for every backend; reading an expression needs none of
them, and a user without PyTorch has the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["functional", "np", "special", "torch", "torch_power"]


class _Deferred:
    """Stands for a module until a name of it is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> object:
        # Only for what is not in the instance: a name is looked up once.
        found = getattr(import_module(self._module), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import numpy as np
    import torch
    from scipy import special
    from torch.nn import functional

    from act_bench.functions.operators import torch_power
else:
    np = _Deferred("numpy")
    special = _Deferred("scipy.special")
    torch = _Deferred("torch")
    functional = _Deferred("torch.nn.functional")
    torch_power = _Deferred("act_bench.functions.operators.torch_power")
