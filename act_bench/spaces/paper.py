"""The space of the paper: 5,103 expressions, 2,913 entries, and the entry of any expression.

The space is ``binary(unary(x),unary(x))`` over the 27 unary and 7 binary operators of Bingham and
Miikkulainen (NeurIPS 2023, arXiv 2301.05785). It has two partitions. An **entry** is one of the
paper's 2,913 functions: expressions whose float32 outputs are the same, bit by bit. A **canonical
class** is a function: expressions that are equal in exact arithmetic. Every entry lies within one
class, and some classes hold several entries, that differ by float32 rounding only. How both were
established, and the count of classes, stands in ``docs/explanation/space.md``.

Loading the space and looking up one of its expressions needs pyarrow alone; NumPy is imported for
outputs and for formulas that are spelled in another way, SciPy only to say what is nearest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files.manifest import SPACE_FILE, metadata_of, verified
from act_bench.functions.expression import Expression, ParseError
from act_bench.functions.named import NamedFunction
from act_bench.functions.operators import BINARY, COMMUTATIVE, SPACE_UNARY
from act_bench.spaces.protocol import Asked, FunctionSpace, Resolution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


OUTPUT_BOUND: Final = 10.0
_NEAREST: Final = 3


class NotInSpaceError(ActBenchError, KeyError):
    """An expression that is none of the functions of the space.

    Attributes
    ----------
    expression : str
        What was asked for.
    nearest : tuple of (str, float)
        The nearest entries' spellings and their distances (Eq. 3 of the poster: Euclidean over the
        outputs, divided by the root of their number; outputs as in :func:`finite_outputs`).
    """

    exit_code = ExitCode.EXPRESSION

    def __init__(self, expression: str, nearest: tuple[tuple[str, float], ...]) -> None:
        super().__init__(expression, nearest)
        self.expression = expression
        self.nearest = nearest

    def __str__(self) -> str:
        offered = ", ".join(f"{name} (distance {distance:.2g})" for name, distance in self.nearest)
        return (
            f"{self.expression} is none of the 2,913 functions of the space: its values differ "
            f"from each of theirs. Nearest by outputs: {offered}. Query one of these, or train it: "
            f"act-bench regenerate '{self.expression}'{self._entry_of_that_number()}"
        )

    def _entry_of_that_number(self) -> str:
        """Return what a bare number may have meant: as text it is a constant function."""
        spellings = load_space().representatives
        if not self.expression.isdecimal() or int(self.expression) >= len(spellings):
            return ""
        spelled = spellings[int(self.expression)]
        return f". As text a number is a constant; entry {self.expression} is spelled {spelled}"


def enumerate_space() -> tuple[str, ...]:
    """Return the 5,103 expressions in the order that numbers the entries.

    The binary operator changes slowest, the second unary operator fastest.

    Examples
    --------
    >>> len(enumerate_space()), enumerate_space()[:2], enumerate_space()[-1]
    (5103, ('add(zero(x),zero(x))', 'add(zero(x),one(x))'), 'min(hard_sigmoid(x),hard_sigmoid(x))')
    """
    pairs = product(BINARY, SPACE_UNARY, SPACE_UNARY)
    return tuple(f"{binary}({left}(x),{right}(x))" for binary, left, right in pairs)


def finite_outputs(
    outputs: NDArray[np.floating], bound: float = OUTPUT_BOUND
) -> NDArray[np.float32]:
    """Return outputs that a distance or a surrogate can use: clipped to ±bound, NaN as 0.

    The stored outputs keep infinities and NaN. This is the one convention by which features
    replace them: an infinity, like anything beyond, is the bound with its sign, and a value that
    does not exist is 0, so that two functions are no further apart for being undefined.

    Parameters
    ----------
    outputs : ndarray, any shape
        Outputs of functions.
    bound : float
        Largest magnitude kept. Default 10: beyond it a function has exploded, and by how much
        would drown all else in a Euclidean distance.

    Returns
    -------
    ndarray
        float32, the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> finite_outputs(np.array([1.5, np.inf, -1e9, np.nan])).tolist()
    [1.5, 10.0, -10.0, 0.0]
    """
    import numpy as np

    clipped = np.clip(outputs, -bound, bound)
    return np.where(np.isnan(clipped), 0, clipped).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Space(FunctionSpace):
    """The space with its two partitions; :func:`load_space` gives the one that is embedded.

    Attributes
    ----------
    expressions : tuple of str
        The 5,103 expressions in the order of enumeration.
    entry_of : dict of str to int
        The entry of each expression, 0 to 2,912 in order of first appearance.
    representatives : tuple of str
        The first spelling of each of the 2,913 entries.
    canonical_class : tuple of int
        The canonical class of each entry, in order of first appearance.
    path : Path
        The file that holds the outputs and the points.

    Examples
    --------
    >>> space = load_space()
    >>> len(space.expressions), len(space.representatives), len(set(space.canonical_class))
    (5103, 2913, 2791)
    >>> space.resolve("add(relu(x), tanh(x))")
    Resolution(entry=265, how='commuted')
    >>> len(space), "swish" in space, len(space.neighbours("swish"))
    (2913, True, 304)
    """

    expressions: tuple[str, ...]
    entry_of: dict[str, int]
    representatives: tuple[str, ...]
    canonical_class: tuple[int, ...]
    path: Path
    _resolved: dict[str, Resolution] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple[Callable[[Path], Space], tuple[Path]]:
        # A copy in another process reads the file; what was looked up so far is not worth sending.
        return _space_of, (self.path,)

    def resolve(self, expression: Asked) -> Resolution:
        """Return the entry that an expression is, and how it was found.

        An expression of the space is looked up, in well under a microsecond, and so is an operator
        alone, its negative, and a pair with ``x``. Any other is evaluated on :attr:`grid` and is
        the entry whose class it equals within rounding (see :mod:`act_bench.spaces.matching`); that
        takes milliseconds.
        Where float32 rounding split a class into several entries, it is the lowest: the entry of
        the first expression in the enumeration that is this function.

        Parameters
        ----------
        expression : str or Expression or int
            Any spelling, spaces allowed; the name of a function of the catalogue; or the number of
            an entry.

        Returns
        -------
        Resolution

        Raises
        ------
        NotInSpaceError
            No entry is this function, or it learns a parameter, or float64 cannot tell which entry
            it is; the error offers the nearest.
        ParseError
            The text is no expression, and no name.

        Examples
        --------
        >>> space = load_space()
        >>> space.resolve("relu(x)")
        Resolution(entry=20, how='numerical')
        >>> space.representatives[20], space.resolve("ReLU").entry
        ('add(zero(x),relu(x))', 20)
        """
        text = expression if isinstance(expression, str) else self.spelling(expression)
        known = self._resolved.get(text)
        if known is not None:
            return known
        found = self._look_up(text)
        if found is None:
            from act_bench.functions.catalogue import read  # most spellings do not need it

            tree = expression if isinstance(expression, Expression | NamedFunction) else read(text)
            found = self._look_up(str(tree)) or self._match(tree)
        self._resolved[text] = found
        return found

    def _look_up(self, text: str) -> Resolution | None:
        entry = self.entry_of.get(text)
        if entry is None:
            return None
        representative = self.representatives[entry]
        if text == representative:
            return Resolution(entry, "exact")
        return Resolution(entry, "commuted" if _swapped(text) == representative else "numerical")

    def _match(self, expression: Expression | NamedFunction) -> Resolution:
        """Resolve an expression that is spelled as none of the space, or raise NotInSpaceError."""
        # What learns is equal to an entry at its initial value only; the sines are in none.
        if not isinstance(expression, NamedFunction) and not expression.learns:
            from act_bench.spaces.matching import equal_entries, listed

            spelled = listed(expression)
            entries = (
                equal_entries(expression, self) if spelled is None else [self.entry_of[spelled]]
            )
            classes = {self.canonical_class[entry] for entry in entries}
            # Of several classes if so much of it cancels that float64 cannot tell which it is.
            if len(classes) == 1:
                return Resolution(self.canonical_class.index(classes.pop()), "numerical")
        raise NotInSpaceError(str(expression), self._nearest(expression))

    def _nearest(self, expression: Expression | NamedFunction) -> tuple[tuple[str, float], ...]:
        import numpy as np

        from act_bench.spaces.distances import output_vectors, to_one

        asked = output_vectors(finite_outputs(expression.to_numpy()(self.points)))
        distances = to_one(output_vectors(finite_outputs(self.outputs)), asked)
        order = np.argsort(distances, kind="stable")[:_NEAREST]
        return tuple((self.representatives[i], float(distances[i])) for i in order)

    @cached_property
    def outputs(self) -> NDArray[np.float32]:
        """Values of each entry at :attr:`points`, shape (2913, 80), infinities and NaN kept.

        They are float64 values rounded once, so they are more accurate than float32 kernels.
        """
        import numpy as np
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            column = file.read(columns=["outputs"], use_threads=False)["outputs"]
        # By DLPack: ``to_numpy`` imports pandas where it is installed, half a second.
        values = np.concatenate([np.from_dlpack(chunk.values) for chunk in column.chunks])
        row_of = {name: row for row, name in enumerate(self.expressions)}
        rows = [row_of[name] for name in self.representatives]
        outputs: NDArray[np.float32] = values.reshape(len(self.expressions), -1)[rows]
        outputs.setflags(write=False)
        return outputs

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The 80 points of the outputs (poster, Figure 3): clip(N(0,1), -5, 5), in float32 steps.

        Every point is a float32 number, so that a float32 library evaluates at the same inputs.
        """
        return self._stored("points")

    @cached_property
    def grid(self) -> NDArray[np.float64]:
        """The points at which functions are compared, ascending: see docs/explanation/space.md."""
        return self._stored("grid")

    def _stored(self, name: str) -> NDArray[np.float64]:
        import numpy as np

        stored = np.array(metadata_of(self.path)[name], np.float64)
        stored.setflags(write=False)
        return stored


@cache
def load_space() -> Space:
    """Return the embedded space, read once per process.

    Returns
    -------
    Space
        The 5,103 expressions of the paper's space, the 2,913 entries that they spell, the classes
        of these, and their outputs.

    Raises
    ------
    act_bench.files.manifest.DataError
        The file is missing or damaged.

    Examples
    --------
    >>> space = load_space()
    >>> len(space.expressions), len(space), space.outputs.shape
    (5103, 2913, (2913, 80))
    >>> space.resolve("max(relu(x),elu(x))")  # any spelling
    Resolution(entry=20, how='numerical')
    """
    return read_space(verified(SPACE_FILE))


def entry_of(function: NamedFunction) -> int | None:
    """Return the number of a named function in the space, or None outside it; imports SciPy.

    Examples
    --------
    >>> from act_bench.functions.catalogue import find
    >>> load_space().representatives[entry_of(find("silu"))], entry_of(find("crrelu"))
    ('add(zero(x),swish(x))', None)
    """
    if function.expression is None:
        return None
    try:
        return load_space().resolve(function.expression).entry
    except NotInSpaceError:
        return None


def recorded_as(function: str) -> str:
    """Return how records spell a function: an entry by its first spelling, others as they come.

    Examples
    --------
    >>> recorded_as("max(zero(x),x)"), recorded_as("golu")
    ('add(zero(x),relu(x))', 'golu')
    """
    space = load_space()
    try:
        return space.representatives[space.resolve(function).entry]
    except (NotInSpaceError, ParseError):
        return function


def beside_the_space() -> dict[str, None]:
    """Return the functions of the catalogue that are not in the space, spelled as in records.

    Examples
    --------
    >>> found = beside_the_space()
    >>> "gelu(x)" in found, "crrelu" in found, "relu(x)" in found
    (True, True, False)
    """
    from act_bench.functions.catalogue import CATALOGUE

    return {str(each): None for each in CATALOGUE.values() if entry_of(each) is None}


def read_space(path: Path) -> Space:
    """Read a space from a Parquet file with the columns ``entry`` and ``canonical_class``."""
    import pyarrow.parquet as pq

    # ParquetFile, because read_table imports pyarrow.dataset as well.
    with pq.ParquetFile(path) as file:
        table = file.read(columns=["entry", "canonical_class"], use_threads=False)
    expressions = enumerate_space()
    entries: list[int] = table["entry"].to_pylist()
    classes: list[int] = table["canonical_class"].to_pylist()
    representatives: list[str] = []
    canonical_class: list[int] = []
    for expression, entry, number in zip(expressions, entries, classes, strict=True):
        if entry == len(representatives):
            representatives.append(expression)
            canonical_class.append(number)
    return Space(
        expressions=expressions,
        entry_of=dict(zip(expressions, entries, strict=True)),
        representatives=tuple(representatives),
        canonical_class=tuple(canonical_class),
        path=path,
    )


def _space_of(path: Path) -> Space:
    """Return the space of a file, the embedded one as it is known already."""
    space = load_space()
    return space if space.path == path else read_space(path)


def _swapped(text: str) -> str:
    """Swap the arguments of an expression of the space, where that leaves the function the same."""
    operator, _, rest = text.partition("(")
    left, _, right = rest[:-1].partition(",")
    return f"{operator}({right},{left})" if operator in COMMUTATIVE else text
