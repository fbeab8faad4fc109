"""Many expressions at once: a table of operators whose arguments are rows of earlier layers.

An expression is a **row**: an operator and up to three arguments. Rows lie in layers, and the
arguments of a row are **nodes**, which are chosen rows of the layers before; node 0 is the
variable. A layer is evaluated operator by operator, in blocks that fit a core's cache, on as many
threads as there are cores (NumPy and SciPy release the interpreter's lock).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.equality import Scaled
from act_bench.functions.numeric import Array, apply
from act_bench.functions.operators import ALL_OPERATORS
from builders.space.bounded import bounded_apply

ABSENT: Final = -1
WIDTH: Final = 3
"""Most arguments that a row has."""

_BLOCK: Final = 1 << 15
"""Elements evaluated at a time: two float64 arrays of this size fit the second-level cache."""

_NODE_BITS: Final = 18

Nodes: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float32]


class Rows(NamedTuple):
    """Expressions of one layer.

    Attributes
    ----------
    operator : ndarray, shape (n,)
        uint8, an index into :func:`numbered`.
    arguments : ndarray, shape (n, 3)
        int32 nodes, :data:`ABSENT` where the operator takes fewer.
    """

    operator: NDArray[np.uint8]
    arguments: Nodes

    def take(self, which: NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        return Rows(self.operator[which], self.arguments[which])

    def keys(self, *, commute: bool) -> NDArray[np.int64]:
        """Return one number per row, equal for rows with the same operator and arguments.

        Parameters
        ----------
        commute : bool
            Whether the order of the arguments of a commutative operator is disregarded.
        """
        arguments = self.arguments + 1
        if commute:
            records = enumerate(ALL_OPERATORS.values())
            free = np.isin(self.operator, [i for i, record in records if record.commutative])
            arguments[free] = np.sort(arguments[free], axis=1)
        key = self.operator.astype(np.int64)
        for column in arguments.T:
            key = (key << _NODE_BITS) | column
        return key


def numbered() -> tuple[str, ...]:
    """Return the operators by their number in :class:`Rows`; registered ones come last."""
    return tuple(ALL_OPERATORS)


def product(operators: Sequence[str], *arguments: Nodes) -> Rows:
    """Return all combinations: the operator changes slowest, the last argument fastest.

    Examples
    --------
    >>> rows = product(("sub", "max"), np.array([1, 2], np.int32), np.array([3], np.int32))
    >>> [numbered()[number] for number in rows.operator], rows.arguments[:, :2].tolist()
    (['sub', 'sub', 'max', 'max'], [[1, 3], [2, 3], [1, 3], [2, 3]])
    """
    known = numbered()
    numbers = np.array([known.index(name) for name in operators], np.uint8)
    sizes = [len(numbers), *map(len, arguments)]
    places = np.indices(sizes).reshape(len(sizes), -1)
    columns = np.full((places.shape[1], WIDTH), ABSENT, np.int32)
    for k, argument in enumerate(arguments):
        columns[:, k] = argument[places[k + 1]]
    return Rows(numbers[places[0]], columns)


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several tables as one."""
    return Rows(
        np.concatenate([part.operator for part in parts]),
        np.concatenate([part.arguments for part in parts]),
    )


class Layers:
    """The nodes: the variable, and the rows that were chosen from each layer.

    Examples
    --------
    >>> layers = Layers()
    >>> nodes = layers.add(product(("relu", "square"), np.array([0], np.int32)))
    >>> outer = product(("sub",), nodes[1:], nodes[:1])  # sub(square(x),relu(x))
    >>> layers.bounded(outer, np.array([3.0])).value.tolist()
    [[6.0]]
    """

    def __init__(self) -> None:
        self.layers: list[Rows] = []
        self.size = 1

    def add(self, rows: Rows) -> Nodes:
        """Take rows as nodes and return their numbers."""
        self.layers.append(rows)
        self.size += len(rows.operator)
        return np.arange(self.size - len(rows.operator), self.size, dtype=np.int32)

    def bounded(self, rows: Rows, points: Array) -> Scaled:
        """Evaluate rows in float64 with error bounds, see `builders.space.bounded`.

        Parameters
        ----------
        rows : Rows
            Of any layer whose arguments are nodes.
        points : ndarray, shape (p,)
            float64, taken as exact.

        Returns
        -------
        Scaled
            Two arrays of shape (n, p).
        """
        pool = np.empty((2, self.size, len(points)))
        pool[0, 0], pool[1, 0] = points, 0

        def kernel(operator: str, arguments: list[Array]) -> Array:
            return np.stack(bounded_apply(operator, [Scaled(*pair) for pair in arguments]))

        found = self._run(rows, pool, kernel)
        return Scaled(found[0], found[1])

    def plain(self, rows: Rows, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Evaluate rows in the arithmetic of ``points``, float32 or float64, by IEEE 754.

        Returns
        -------
        ndarray, shape (n, p)
            Of the dtype of ``points``; every operator rounds to it.
        """
        pool = np.empty((1, self.size, len(points)), points.dtype)
        pool[0, 0] = points

        def kernel(operator: str, arguments: list[Array]) -> Array:
            return apply(operator, [argument[0] for argument in arguments])[None]

        values: NDArray[np.floating] = self._run(rows, pool, kernel)[0]
        return values

    def _run(self, rows: Rows, pool: Array, kernel: Callable[[str, list[Array]], Array]) -> Array:
        """Fill the pool of nodes layer by layer, then evaluate the rows."""
        start = 1
        with ThreadPoolExecutor(cores()) as threads:
            for layer in self.layers:
                stop = start + len(layer.operator)
                _fill(pool[:, start:stop], layer, pool, kernel, threads)
                start = stop
            out = np.empty((pool.shape[0], len(rows.operator), pool.shape[2]), pool.dtype)
            _fill(out, rows, pool, kernel, threads)
        return out


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fill(
    out: Array,
    rows: Rows,
    pool: Array,
    kernel: Callable[[str, list[Array]], Array],
    threads: ThreadPoolExecutor,
) -> None:
    step = max(1, _BLOCK // pool.shape[2])
    known = numbered()

    def block(operator: int, which: NDArray[np.intp]) -> None:
        columns = rows.arguments[which]
        arguments = [pool[:, columns[:, k]] for k in range(WIDTH) if columns[0, k] != ABSENT]
        with np.errstate(all="ignore"):
            out[:, which] = kernel(known[operator], arguments)

    tasks = []
    for operator in np.unique(rows.operator):
        whole = np.flatnonzero(rows.operator == operator)
        tasks += [
            threads.submit(block, int(operator), whole[start : start + step])
            for start in range(0, len(whole), step)
        ]
    for task in tasks:
        task.result()
