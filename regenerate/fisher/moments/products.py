"""Products of float64 matrices and eigenvalues, by the library that is the faster here.

Torch brings Intel's MKL, NumPy an OpenBLAS. On a processor of Intel's, MKL multiplies small and
middle-sized matrices faster, and takes half the time for eigenvalues; on others OpenBLAS is the
faster. Which one is used hangs on the processor alone, so that results repeat on a machine.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regenerate.runs.environment import processor

WIDE: Final = 128
"""Columns from which half of a matrix by OpenBLAS takes less time than a whole one by MKL."""


@cache
def mkl_is_faster() -> bool:
    """Return whether torch's own library is the one to use on this machine's CPU."""
    available: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return available and "Intel" in processor()


def product(one: Tensor, other: Tensor) -> Tensor:
    """Return the product of two matrices, or of each two of two stacks.

    Examples
    --------
    >>> product(torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[3.0], [4.0]]).double())
    tensor([[11.]], dtype=torch.float64)
    """
    if one.device.type != "cpu" or mkl_is_faster():
        return one @ other
    return torch.from_numpy(one.numpy() @ other.numpy())


def add_product(total: Tensor, one: Tensor, other: Tensor) -> None:
    """Add the product of two matrices to a third.

    Examples
    --------
    >>> total = torch.ones((1, 1), dtype=torch.float64)
    >>> add_product(total, 2.0 * total, 3.0 * total)
    >>> total.item()
    7.0
    """
    if one.device.type != "cpu" or mkl_is_faster():
        total.addmm_(one, other)
    else:
        total += product(one, other)


def gram(tall: Tensor) -> Tensor:
    """Return a tall matrix, transposed, times itself.

    NumPy computes but half of that.

    Examples
    --------
    >>> gram(torch.tensor([[1.0, 2.0]]).double())
    tensor([[1., 2.],
            [2., 4.]], dtype=torch.float64)
    """
    if tall.device.type != "cpu" or (mkl_is_faster() and tall.shape[1] < WIDE):
        return tall.T @ tall
    matrix = tall.numpy()
    return torch.from_numpy(matrix.T @ matrix)


def eigenvalues(matrices: Tensor) -> NDArray[np.float64]:
    """Return the eigenvalues of symmetric matrices (blocks, n, n), ascending: (blocks, n).

    Examples
    --------
    >>> eigenvalues(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).double())
    array([[-1.,  1.]])
    """
    if matrices.device.type == "cpu" and not mkl_is_faster():
        return np.linalg.eigvalsh(matrices.numpy())
    found: NDArray[np.float64] = torch.linalg.eigvalsh(matrices).cpu().numpy()
    return found
