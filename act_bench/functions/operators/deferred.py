"""NumPy, SciPy, PyTorch and JAX, each imported when one of its names is first used.

A record holds the formulas of an operator for every backend; reading an expression needs none of
them, and a user without PyTorch has the others.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["functional", "jnp", "load", "np", "special", "torch"]


class _Deferred:
    """Stands for a module until a name of it is asked for."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> object:
        # Called only for what is not in the instance: from now on, everything is.
        module = import_module(self._module)
        vars(self).update(vars(module))
        return getattr(module, name)


def load(*modules: ModuleType) -> None:
    """Import deferred modules now."""
    for module in modules:
        _ = module.__name__


if TYPE_CHECKING:
    import jax.numpy as jnp
    import numpy as np
    import torch
    from scipy import special
    from torch.nn import functional
else:
    np = _Deferred("numpy")
    special = _Deferred("scipy.special")
    torch = _Deferred("torch")
    functional = _Deferred("torch.nn.functional")
    jnp = _Deferred("jax.numpy")
