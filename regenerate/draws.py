"""Random draws that no version of any library can change.

NumPy guarantees the raw stream of a bit generator and of ``SeedSequence`` for ever, but not what
the methods of ``Generator`` make of it, and torch guarantees neither. So initial weights and batch
orders are made from the raw stream of PCG64 here, and are the same bits on every machine.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def raw(count: int, seed: int, purpose: str) -> NDArray[np.uint64]:
    """Return ``count`` raw 64-bit draws for a seed and a purpose.

    Parameters
    ----------
    count
        How many draws.
    seed
        The seed of the run, at least 0.
    purpose
        What the draws are for. Different purposes have independent streams, so that a change in
        one place does not move the draws of another.

    Examples
    --------
    >>> raw(2, seed=0, purpose="example") == raw(2, seed=0, purpose="example")
    array([ True,  True])
    """
    words = np.frombuffer(hashlib.sha256(purpose.encode()).digest(), dtype="<u4")
    source = np.random.PCG64(np.random.SeedSequence([seed, *(int(word) for word in words)]))
    draws: NDArray[np.uint64] = source.random_raw(count)
    return draws


def uniform(shape: tuple[int, ...], seed: int, purpose: str) -> NDArray[np.float64]:
    """Return uniform draws from [-1, 1), float64 of the given shape.

    Examples
    --------
    >>> draws = uniform((100, 10), seed=3, purpose="weights 0")
    >>> bool(draws.min() >= -1 and draws.max() < 1), draws.shape
    (True, (100, 10))
    """
    count = int(np.prod(shape))
    mantissas = raw(count, seed, purpose) >> np.uint64(11)  # 53 bits: exact in float64
    return (mantissas.astype(np.float64) * 2.0**-52 - 1.0).reshape(shape)


def permutation(count: int, seed: int, purpose: str) -> NDArray[np.int64]:
    """Return a random permutation of ``range(count)``: the order that sorts raw draws.

    Examples
    --------
    >>> sorted(permutation(5, seed=1, purpose="epoch 0").tolist())
    [0, 1, 2, 3, 4]
    """
    return np.argsort(raw(count, seed, purpose), kind="stable").astype(np.int64)
