"""The functions that a search may ask for, and what is known of them without training.

:class:`SearchSpace` is what an optimizer is made from: there is no way from it to the values of
entries that were not queried, nor to test. :class:`TableSpace` is that of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.functions.expression import Expression, parse
from act_bench.search.benchmark import Benchmark, data_behind
from act_bench.search.benchmark_data import SearchData
from act_bench.spaces.edits import alphabet, near
from act_bench.spaces.paper import OUTPUT_BOUND, NotInSpaceError, finite_outputs
from act_bench.tables.registry import TABLES
from surrogates import embeddings
from surrogates.choices import DEFAULT, SPACE_POINTS, Choices, drawn_outputs
from surrogates.features import FEATURES, Features, Part, output_part, spectrum_part
from surrogates.metering import Meter

if TYPE_CHECKING:
    from act_bench.tables.maps import Feature

Float = NDArray[np.float64]


class SearchSpace:
    """The functions that a search may ask for, and what is known of them without training.

    Functions have positions 0 to ``len(space) - 1``, which differ from entry numbers where a table
    covers a part of the space. What is derived, distances and neighbours, is computed when first
    needed and kept, so that many searches over one space share it. A subclass that reads what is
    known when it is first needed overrides :meth:`_entry_of`, :meth:`_spectra`,
    :meth:`_stored_map`, :attr:`epochs` or :attr:`_rates`; one whose features can be made in another
    way than by default, :meth:`_chosen_spectra` too.

    Parameters
    ----------
    entries : sequence of int
        Entry number of each function, ascending.
    spellings : sequence of sequence of str
        The expressions of each function in the space; the first one names it.
    outputs : array of shape (functions, points)
        Finite values of each function at fixed points, as from ``space.finite_outputs``.
    spectra : pair of array, optional
        The Fisher spectra of the functions, as vectors (functions, values) whose Manhattan distance
        is that of Eq. 2, and which of them are valid (functions,). Default: there are none.
    epochs : int, optional
        Number of epochs in a full run. Default: trainings have no parts.
    meter : Meter, optional
        Where features that cost something are charged. Default: they cost nothing.
    rates : sequence of float, optional
        Learning rates that a search may ask for, ascending. Default: none but the benchmark's own.
    own_rate : float, optional
        The benchmark's own.

    Attributes
    ----------
    entries : tuple of int
    expressions : tuple of str
        The first spelling of each function.
    outputs : array of shape (functions, points), float64
    position : dict of int to int
        Entry number to position.
    meter : Meter
        What is asked for within ``meter.metered(...)`` is charged to that call.

    Examples
    --------
    >>> space = SearchSpace([4, 7], [["relu(x)"], ["elu(x)"]], [[0.0, 1.0], [-0.6, 1.0]])
    >>> len(space), space.find("elu(x)"), space.distances(0).round(3).tolist()
    (2, 1, [0.0, 0.424])
    """

    def __init__(
        self,
        entries: Sequence[int],
        spellings: Sequence[Sequence[str]],
        outputs: Sequence[Sequence[float]] | NDArray[np.floating],
        *,
        spectra: tuple[Float, NDArray[np.bool_]] | None = None,
        epochs: int | None = None,
        meter: Meter | None = None,
        rates: Sequence[float] = (),
        own_rate: float | None = None,
    ) -> None:
        self._given_rates = tuple(rates), own_rate
        self.entries = tuple(entries)
        self.expressions = tuple(names[0] for names in spellings)
        self.outputs: Float = np.array(outputs, dtype=np.float64)
        self.position = {entry: position for position, entry in enumerate(self.entries)}
        self.meter = meter or Meter()
        self._spellings = tuple(tuple(names) for names in spellings)
        self._given_spectra, self._given_epochs = spectra, epochs
        self._features: dict[tuple[str, Choices], Features] = {}
        self._maps: dict[tuple[str, Choices], embeddings.Maps] = {}
        self._neighbours: dict[int, tuple[int, ...]] = {}
        if not len(self.entries) == len(self._spellings) == len(self.outputs):
            raise ArgumentError(
                f"got {len(self.entries)} entries, spellings of {len(self._spellings)} functions "
                f"and outputs of {len(self.outputs)}: expected one of each for every function"
            )
        if not np.isfinite(self.outputs).all():
            raise ArgumentError(
                "expected finite outputs: see act_bench.spaces.paper.finite_outputs"
            )

    @classmethod
    def of(cls, source: SearchData | Benchmark) -> SearchSpace:
        """Return the entries that a table covers as a search space, given a benchmark or its data.

        Examples
        --------
        >>> import act_bench
        >>> len(SearchSpace.of(act_bench.Benchmark("mlp")))
        2913
        """
        return TableSpace(data_behind(source) if isinstance(source, Benchmark) else source)

    def _entry_of(self, expression: str) -> int:
        """Return the entry of any spelling. Here only the given spellings are known.

        Raises
        ------
        act_bench.spaces.paper.NotInSpaceError
            It is none of the space.
        """
        raise NotInSpaceError(expression, ())

    def _spectra(self) -> tuple[Float, NDArray[np.bool_]]:
        """Return the Fisher spectra, as vectors, and which are valid.

        Raises
        ------
        ValueError
            There are none.
        """
        if self._given_spectra is None:
            raise ArgumentError("these features need Fisher spectra: this space has none")
        return self._given_spectra

    def _chosen_spectra(self, choices: Choices) -> tuple[Float, NDArray[np.bool_]]:
        """Return the Fisher spectra by other weights or labels than by default.

        Raises
        ------
        act_bench.errors.ArgumentError
            This space has them in one way only.
        """
        raise ArgumentError(
            f"expected the default weighting={DEFAULT.weighting} and labels={DEFAULT.labels}, for "
            f"this space has its Fisher spectra in one way only, got "
            f"weighting={choices.weighting} and labels={choices.labels}"
        )

    def _stored_map(self, kind: str) -> Float | None:  # noqa: ARG002
        """Return the places of the functions on a stored map by ``outputs``, ``fim`` or ``union``.

        None where there is none: then UMAP runs when one is needed.
        """
        return None

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def _functions(self) -> int:
        """How many Fisher spectra the whole space has."""
        return len(self)

    def find(self, expression: str) -> int | None:
        """Return the position of an expression in any spelling, or None if it is not in here."""
        position = self._position_of.get(expression)
        if position is None:
            try:
                position = self.position.get(self._entry_of(expression))
            except NotInSpaceError:
                return None
        return position

    def distances(self, position: int) -> Float:
        r"""Return the distance of a function to every function: (functions,), not to be changed.

        .. math:: d(f, g) = \sqrt{\frac{1}{n} \sum_{i=1}^{n} (f(x_i) - g(x_i))^2}

        (Bingham and Miikkulainen, NeurIPS 2023, Eq. 3.)
        """
        return self.features("outputs").distances(position)

    def features(self, name: str, choices: Choices = DEFAULT) -> Features:
        """Return what models may know of the functions.

        Parameters
        ----------
        name : str
            ``outputs``, ``fim`` (Fisher spectra), or their ``union``; with ``standard-``, ``pca-``
            or ``umap-`` before it, as :mod:`surrogates.embeddings` turns it. Of an embedded table
            ``umap-`` takes the stored map.
        choices : Choices
            How they are made.

        Raises
        ------
        ValueError
            Another name, or this space has no Fisher spectra, or not by these choices.
        act_bench.files.manifest.DataError
            Those of the table are not embedded in this version.
        """
        if name not in FEATURES:
            raise ArgumentError(f"expected features {', '.join(FEATURES)}, got {name!r}")
        chosen = choices.of(name)
        known = self._features.get((name, chosen))
        if known is None:
            known = self._features[name, chosen] = self._make(name, chosen)
        if not name.endswith("outputs"):
            self.meter.spectra(self._functions)
        return known

    def _make(self, name: str, choices: Choices) -> Features:
        view, _, kind = name.rpartition("-")
        if view:
            plain = self.features(kind, choices)
            if view == "standard":
                return embeddings.standardized(plain)
            if view == "pca":
                return embeddings.principal_components(plain)
            return Features((Part(self._places(kind, plain, choices), "euclidean"),), plain.known)
        parts, valid = [], np.ones(len(self), dtype=np.bool_)
        if kind != "fim":
            parts.append(output_part(self._chosen_outputs(choices)))
        if kind != "outputs":
            usual = choices.of("fim") == DEFAULT
            vectors, valid = self._spectra() if usual else self._chosen_spectra(choices)
            parts.append(Part(vectors, "manhattan"))
        return Features(tuple(parts), valid)

    def _chosen_outputs(self, choices: Choices) -> Float:
        """Return finite outputs of the functions: (functions, points)."""
        if choices.points != SPACE_POINTS:
            drawn = drawn_outputs(self.expressions, choices.points)
            return finite_outputs(drawn, choices.bound).astype(np.float64)
        if choices.clip == OUTPUT_BOUND:
            return self.outputs
        return finite_outputs(self._raw_outputs(), choices.bound).astype(np.float64)

    def _raw_outputs(self) -> NDArray[np.floating]:
        """Return the outputs at the points of the space as they are: (functions, points).

        Raises
        ------
        act_bench.errors.ArgumentError
            This space has them clipped only.
        """
        raise ArgumentError(
            f"expected clip={OUTPUT_BOUND:g}: this space has its outputs clipped to that only"
        )

    def _places(self, kind: str, plain: Features, choices: Choices) -> Float:
        """Return the places of the functions on a map; zeros for those without the features."""
        usual = choices == DEFAULT
        stored = self._stored_map(kind) if usual else None
        if stored is not None:
            return stored
        some = [Part(part.vectors[plain.known], part.metric) for part in plain.parts]
        if choices.map:
            key = kind, replace(choices, map=0)
            maps = self._maps.get(key)
            if maps is None:
                maps = self._maps[key] = embeddings.Maps(some)
            found = maps.places(choices.map)
        else:
            found = embeddings.cached_places(some)
        places = np.zeros((len(self), found.shape[1]))
        places[plain.known] = found
        return places

    def together(self, position: int) -> tuple[int, ...]:
        """Return the positions whose Fisher spectrum is that of ``position``, itself among them.

        More than one only where a space has a function at several learning rates.
        """
        return (position,)

    def neighbours(self, position: int) -> tuple[int, ...]:
        """Return the functions one edit away from any spelling of a function, ascending.

        Two functions are neighbours when some spelling of the one becomes some spelling of the
        other by one of the :func:`~act_bench.spaces.edits.edits`: walking between the spellings of
        one function costs no step.
        """
        known = self._neighbours.get(position)
        if known is None:
            texts = near(map(self._tree, self._spellings[position]), self.operators)
            found = {self._position_of.get(text) for text in texts}
            known = tuple(sorted(p for p in found if p is not None and p != position))
            self._neighbours[position] = known
        return known

    @cached_property
    def epochs(self) -> int:
        """Number of epochs in a full run; a ValueError where there are no learning curves."""
        if self._given_epochs is None:
            raise ArgumentError("this space has no learning curves, so trainings have no parts")
        return self._given_epochs

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rates that a search may ask for, ascending; none but the benchmark's own."""
        return self._rates[0]

    @property
    def own_rate(self) -> float | None:
        """The benchmark's own learning rate; None where it is not known."""
        return self._rates[1]

    @cached_property
    def _rates(self) -> tuple[tuple[float, ...], float | None]:
        return self._given_rates

    @cached_property
    def _position_of(self) -> dict[str, int]:
        return {text: p for p, names in enumerate(self._spellings) for text in names}

    @cached_property
    def operators(self) -> dict[int, tuple[str, ...]]:
        """The operators of the spellings by their number of arguments, sorted."""
        return alphabet(map(self._tree, self._position_of))

    def _tree(self, spelling: str) -> Expression:
        """Return one of the spellings as an expression."""
        return parse(spelling)


class TableSpace(SearchSpace):
    """The entries that a table covers; spectra, curves and maps are read when first needed."""

    def __init__(self, data: SearchData) -> None:
        space = data.space
        spellings: dict[int, list[str]] = {entry: [] for entry in data.covered}
        for text, entry in space.entry_of.items():
            if entry in spellings:
                spellings[entry].append(text)
        super().__init__(
            data.covered,
            list(spellings.values()),
            finite_outputs(space.outputs[list(data.covered)]),
            meter=Meter(TABLES[data.table].spectrum_s if data.table in TABLES else None),
        )

        def read_epochs() -> int:
            return data.curves.epochs

        def read_rates() -> tuple[tuple[float, ...], float | None]:
            return data.rates, data.learning_rate(data.covered[0])

        # Not the data themselves: optimizers hold the space, and must not see what was not queried.
        self._covered = list(data.covered)
        self._table, self._edition = data.table, data.edition
        self._resolve, self._read_epochs = space.resolve, read_epochs
        self._read_rates = read_rates
        self._unclipped = space.outputs

    def _entry_of(self, expression: str) -> int:
        return self._resolve(expression).entry

    def _spectra(self) -> tuple[Float, NDArray[np.bool_]]:
        """Return the Fisher spectra of what the table covers; zeros where one is not valid."""
        from act_bench.tables.upstream import cdf_vectors

        if self._edition == "upstream":
            return cdf_vectors(self._table, self._covered)
        return self._chosen_spectra(DEFAULT)

    def _chosen_spectra(self, choices: Choices) -> tuple[Float, NDArray[np.bool_]]:
        """Return the Fisher spectra by some weights and labels."""
        from act_bench.tables.distances import layer_weights
        from act_bench.tables.spectra import load_spectra

        if self._edition == "upstream":
            return super()._chosen_spectra(choices)  # the authors' have one weighting
        spectra = load_spectra(self._table, choices.labels)
        valid = spectra.valid[self._covered]
        weights = layer_weights([layer.weights for layer in spectra.layers], choices.weighting)
        quantiles = np.where(valid[:, None, None], spectra.quantiles[self._covered], 0.0)
        return spectrum_part(quantiles, weights).vectors, valid

    def _raw_outputs(self) -> NDArray[np.floating]:
        return self._unclipped[self._covered]

    def _stored_map(self, kind: str) -> Float | None:
        from act_bench.tables.files import table_files
        from act_bench.tables.maps import load_map, map_name

        if kind != "outputs" and (
            self._edition == "upstream" or map_name(self._table) not in table_files(self._table)
        ):
            return None
        places = load_map(self._table, cast("Feature", kind)).places[self._covered]
        return np.nan_to_num(places.astype(np.float64))

    @cached_property
    def _rates(self) -> tuple[tuple[float, ...], float | None]:
        return self._read_rates()

    @cached_property
    def epochs(self) -> int:
        """Number of epochs in a full run; a ValueError where there are no learning curves."""
        return self._read_epochs()
