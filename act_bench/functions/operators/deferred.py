"""NumPy, SciPy, PyTorch and JAX, each imported when one of its names is first used.

A record holds the formulas of an operator for every backend; reading an expression needs none of
them, and a user without PyTorch has the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["functional", "jnp", "lightly", "load", "np", "special", "torch"]

_LIGHTLY: ContextVar[bool] = ContextVar("lightly", default=False)


class _Deferred:
    """Stands for a module until a name of it is asked for.

    A ``light`` module has some of its names, for :func:`lightly`.
    """

    def __init__(self, module: str, light: str | None = None) -> None:
        self._module, self._light = module, light

    def __getattr__(self, name: str) -> object:
        # Called only for what is not in the instance.
        if self._light is not None and _LIGHTLY.get() and self._module not in sys.modules:
            found: object = getattr(import_module(self._light), name, None)
            if found is not None:
                return found
        # From now on, everything is.
        module = import_module(self._module)
        vars(self).update(vars(module))
        return getattr(module, name)


@contextmanager
def lightly() -> Iterator[None]:
    """Compute without SciPy in this block, unless it was imported before.

    Special functions have twelve digits then (:mod:`act_bench.functions.operators.light`).
    """
    before = _LIGHTLY.set(True)
    try:
        yield
    finally:
        _LIGHTLY.reset(before)


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
    special = _Deferred("scipy.special", light="act_bench.functions.operators.light")
    torch = _Deferred("torch")
    functional = _Deferred("torch.nn.functional")
    jnp = _Deferred("jax.numpy")
