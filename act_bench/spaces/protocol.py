"""What all spaces share: what a benchmark, a search and a user ask of a finite set of functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, SupportsIndex

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError, excerpt
from act_bench.functions.expression import Expression, ParseError, parse
from act_bench.functions.named import NamedFunction
from act_bench.spaces.edits import alphabet, near

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

How = Literal["exact", "commuted", "numerical"]

Asked = str | Expression | NamedFunction | SupportsIndex
"""What names a function: any spelling, its name in the catalogue, or the number of its entry."""


class Resolution(NamedTuple):
    """The entry of an expression.

    Attributes
    ----------
    entry : int
        Its number in the space, from 0.
    how : {"exact", "commuted", "numerical"}
        How the expression relates to the entry's own spelling (its ``representative``): it is that
        spelling; it is that spelling with the arguments of ``add``, ``mul``, ``max`` or ``min``
        swapped; or it is another formula with the same values.
    """

    entry: int
    how: How


class FunctionSpace:
    """A finite set of functions, numbered from 0; :class:`~act_bench.spaces.paper.Space` is one.

    A space lists its spellings and resolves others; size, membership, draws and neighbours follow
    from that. Nothing in it tells how well a function trains.

    Attributes
    ----------
    representatives : sequence of str
        One spelling of each function, by its number.
    expressions : sequence of str
        Every spelling that the space lists, several of one function perhaps.
    entry_of : mapping of str to int
        The number of each of these spellings.
    outputs : ndarray
        Values of each function at fixed points: (functions, points).

    Examples
    --------
    >>> import numpy as np
    >>> from act_bench.spaces.paper import load_space
    >>> space = load_space()
    >>> len(space), "max(relu(x),elu(x))" in space, "gelu" in space, 2913 in space
    (2913, True, False, False)
    >>> space.sample(np.random.default_rng(0)), next(iter(space))
    ('pow(hard_sigmoid(x),erfc(x))', 'add(zero(x),zero(x))')
    >>> len(space.operators[1]), space.operators[2]
    (27, ('add', 'div', 'max', 'min', 'mul', 'pow', 'sub'))
    >>> neighbours = space.neighbours("relu")
    >>> len(neighbours), "add(zero(x),elu(x))" in neighbours
    (337, True)
    """

    if TYPE_CHECKING:

        @property
        def representatives(self) -> Sequence[str]: ...  # noqa: D102

        @property
        def expressions(self) -> Sequence[str]: ...  # noqa: D102

        @property
        def entry_of(self) -> Mapping[str, int]: ...  # noqa: D102

        @property
        def outputs(self) -> NDArray[np.float32] | NDArray[np.float64]: ...  # noqa: D102

    def resolve(self, expression: Asked) -> Resolution:
        """Return which function an expression is.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            It is none of the space.
        """
        raise NotImplementedError

    @property
    def entries(self) -> Sequence[int]:
        """The numbers of its functions, ascending."""
        return range(len(self.representatives))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[str]:
        return (self.representatives[entry] for entry in self.entries)

    def __contains__(self, function: object) -> bool:
        """Say whether any spelling, a name or the number of an entry is a function of the space."""
        try:
            spelling = self.spelling(function)  # type: ignore[arg-type]  # what names none, raises
            return self.resolve(spelling).entry in self.entries
        except (ParseError, ArgumentError, KeyError):  # NotInSpaceError is a KeyError
            return False

    def spelling(self, function: Asked) -> str:
        """Return a text that names a function: what was given, or the spelling of an entry.

        Parameters
        ----------
        function : str or Expression or NamedFunction or int
            Any spelling, or a name, which is not looked up; or the number of an entry.

        Raises
        ------
        act_bench.errors.ArgumentError
            It is neither, or there is no such entry; a ValueError.

        Examples
        --------
        >>> from act_bench.spaces.paper import load_space
        >>> load_space().spelling(20), load_space().spelling("relu")
        ('add(zero(x),relu(x))', 'relu')
        """
        if isinstance(function, str):
            return function
        if isinstance(function, Expression | NamedFunction):
            return str(function)
        try:
            last = len(self.representatives) - 1
            return self.representatives[whole_number(function, "entry", least=0, most=last)]
        except ArgumentError:
            raise ArgumentError(
                "expected an expression, the name of a function, or the number of an entry from 0 "
                f"to {last:,}, got {excerpt(function)}"
            ) from None

    def sample(self, rng: np.random.Generator | int) -> str:
        """Return a function that is drawn at random, each with the same probability.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            What to draw with; of a seed, a fresh generator.
        """
        import numpy as np

        drawn = int(np.random.default_rng(rng).integers(len(self)))
        return self.representatives[self.entries[drawn]]

    def neighbours(self, function: Asked) -> tuple[str, ...]:
        """Return the functions one edit away from any spelling of a function, in entry order.

        Two functions are neighbours when some spelling of the one becomes some spelling of the
        other by one of the :func:`~act_bench.spaces.edits.edits`.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            The space has no such function.
        """
        own = self.resolve(self.spelling(function)).entry
        texts = near(map(self._tree, self._spellings[own]), self.operators)
        found = {self.entry_of.get(text) for text in texts}
        return tuple(self.representatives[e] for e in self.entries if e in found and e != own)

    @cached_property
    def operators(self) -> dict[int, tuple[str, ...]]:
        """The operators of its spellings by their number of arguments, sorted."""
        return alphabet(map(self._tree, self.expressions))

    @cached_property
    def _spellings(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for text, entry in self.entry_of.items():
            found.setdefault(entry, []).append(text)
        return found

    def _tree(self, text: str) -> Expression:
        """Return a listed spelling as an expression."""
        return parse(text)


class PartOfSpace(FunctionSpace):
    """Some functions of a space, with the numbers that they have there.

    Parameters
    ----------
    whole : FunctionSpace
    entries : sequence of int
        Those that are in it, ascending.

    Examples
    --------
    >>> from act_bench.spaces.paper import load_space
    >>> part = PartOfSpace(load_space(), [20, 265])
    >>> len(part), list(part), 265 in part, "tanh(x)" in part
    (2, ['add(zero(x),relu(x))', 'add(tanh(x),relu(x))'], True, False)
    """

    def __init__(self, whole: FunctionSpace, entries: Sequence[int]) -> None:
        self._whole, self._entries = whole, tuple(entries)
        inside = set(entries)
        self._entry_of = {text: n for text, n in whole.entry_of.items() if n in inside}

    @property
    def entries(self) -> Sequence[int]:
        """The numbers of its functions, ascending."""
        return self._entries

    @property
    def representatives(self) -> Sequence[str]:
        """One spelling of each function of the whole space, by its number."""
        return self._whole.representatives

    @property
    def expressions(self) -> Sequence[str]:
        """Every spelling of its functions that the whole space lists."""
        return tuple(self._entry_of)

    @property
    def entry_of(self) -> Mapping[str, int]:
        """The number of each of these spellings."""
        return self._entry_of

    @property
    def outputs(self) -> NDArray[np.float32] | NDArray[np.float64]:
        """Values of each function of the whole space at fixed points, by its number."""
        return self._whole.outputs

    def resolve(self, expression: Asked) -> Resolution:
        """Return which function of the whole space an expression is."""
        return self._whole.resolve(expression)

    def neighbours(self, function: Asked) -> tuple[str, ...]:
        """Return the functions of this part among the neighbours in the whole space."""
        return tuple(text for text in self._whole.neighbours(function) if text in self._entry_of)

    def _tree(self, text: str) -> Expression:
        return self._whole._tree(text)
