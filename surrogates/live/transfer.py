"""Search beyond a table: what it says of 2,913 functions, carried over to the large space.

A random forest learns validation accuracy from the outputs of the table's entries and predicts it
for all functions of the large space. The most promising are a short list; the search trains the
best of it, the forest learns the result, and now and then looks at the whole space again.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.files.resumable import read_part, write_part
from act_bench.functions.expression import parse
from act_bench.search.events import Result
from act_bench.spaces.distances import output_vectors, to_one
from act_bench.tables.distances import layer_weights
from regenerate.runs.store import SearchFolderError
from surrogates.features import spectrum_part
from surrogates.live.large import LargeSearchSpace
from surrogates.optimizers.each_once import EachOnce
from surrogates.optimizers.model_based import expected_improvement
from surrogates.protocol import SearchSpace, SpaceExhaustedError
from surrogates.regressors import ForestRegressor

Float = NDArray[np.float64]
Positions = NDArray[np.intp]

_FEATURES: Final = ("outputs", "union")
_SPECTRA: Final = "short-list-spectra"


class Transfer(EachOnce):
    """Asks for functions beyond a table that it makes most promising, by expected improvement.

    Functions that the table has are not asked for, nor those that differ from a function that is
    known, of the table or of the search, by less than ``apart``: they would train alike.

    Needs scikit-learn: ``pip install 'act-bench[surrogates]'``.

    Parameters
    ----------
    space : LargeSearchSpace
        Any other search space has no table to learn from.
    seed : int
        Of the forest.
    features : {"outputs", "union"}
        ``union`` computes the Fisher spectra of the short list in the table's network, which costs
        time on the clock; what has no valid spectrum is not asked for. The table must have spectra.
    short_list : int
        Functions on the short list, at least 1. With ``union`` 50 is a good number.
    rescan : int
        After how many results the whole space is looked at again; at least 1.
    trees : int
        Of the forest; at least 2.
    apart : float
        Least distance of outputs (Eq. 3) from what is known.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        features: str = "outputs",
        short_list: int = 1000,
        rescan: int = 10,
        trees: int = 50,
        apart: float = 0.05,
    ) -> None:
        if not isinstance(space, LargeSearchSpace):
            raise ArgumentError("transfer searches beyond a table: it needs the large space")
        if features not in _FEATURES:
            raise ArgumentError(f"expected features {', '.join(_FEATURES)}, got {features!r}")
        if short_list < 1 or rescan < 1 or trees < 2:
            raise ArgumentError(
                "expected short_list and rescan of at least 1 and at least two trees, got "
                f"{short_list}, {rescan}, {trees}"
            )
        super().__init__(space)
        self._seed, self._features = seed, features
        self._size, self._rescan, self._trees, self._apart = short_list, rescan, trees, apart
        self._outputs = space.outputs.astype(np.float32)
        self._open = space.entry_in_table < 0
        self._known_outputs = [space.prior.outputs]
        self._scores: list[float] = space.prior.scores.tolist()
        self._trained: list[int] = []
        self._list: Positions = np.array([], dtype=np.intp)
        self._since = rescan
        self._spectra = _Spectra(space) if features == "union" else None

    def ask(self) -> str:
        """Return the function of the short list with the highest expected improvement."""
        if self._since >= self._rescan or not self._open[self._list].any():
            self._scan()
            self._since = 0
        candidates = self._list[self._open[self._list]]
        if not candidates.size:
            raise SpaceExhaustedError("every function of the large space is known")
        worth = self._worth(candidates, spectra=self._spectra is not None)
        position = int(candidates[np.argmax(worth)])
        return self._take(position)

    def tell(self, result: Result) -> None:
        """Learn a result, and keep away from functions that hardly differ from this one."""
        learned = self._learned(result)
        if learned is None:
            return
        position, score = learned
        self._trained.append(position)
        self._scores.append(score)
        self._known_outputs.append(self._outputs[position][None])
        apart = to_one(output_vectors(self._outputs[self._list]), self._vector(position))
        near = apart < self._apart
        self._open[self._list[near]] = False
        self._since += 1

    def _scan(self) -> None:
        """Make the short list anew: the most promising functions that differ from what is known."""
        everything = np.flatnonzero(self._open)
        order = everything[np.argsort(-self._worth(everything), kind="stable")]
        known = output_vectors(np.concatenate(self._known_outputs))
        chosen: list[int] = []
        for position in order:
            if len(chosen) == self._size:
                break
            if to_one(known, self._vector(position)).min() < self._apart:
                self._open[position] = False
            else:
                chosen.append(int(position))
        self._list = np.array(chosen, dtype=np.intp)

    def _vector(self, position: int) -> Float:
        return output_vectors(self._outputs[position])

    def _worth(self, positions: Positions, *, spectra: bool = False) -> Float:
        """Return the expected improvement of functions; -inf for what has no valid spectrum."""
        known, asked = np.concatenate(self._known_outputs), self._outputs[positions]
        scores, usable = np.array(self._scores), np.ones(len(positions), dtype=np.bool_)
        if spectra and self._spectra is not None:
            names = [self._space.expressions[p] for p in (*self._trained, *positions)]
            ours, valid = self._spectra.of(names)
            split = len(self._trained)
            learnt = np.concatenate([self._spectra.table_valid, valid[:split]])
            theirs = np.concatenate([self._spectra.table, ours[:split]])
            known, scores = np.hstack([known, theirs])[learnt], scores[learnt]
            asked, usable = np.hstack([asked, ours[split:]]), valid[split:]
        model = ForestRegressor(
            self._trees, max_features=1 / 3, min_samples_leaf=2, random_state=self._seed
        )
        mean, deviation = model.fit(known, scores).predict(asked, return_std=True)
        worth = expected_improvement(mean, deviation, max(self._scores))
        return np.where(usable, worth, -np.inf)


_PART: Final = pa.schema(
    [
        ("expression", pa.string()),
        ("seconds", pa.float64()),
        ("quantiles", pa.list_(pa.list_(pa.float32()))),
    ]
)
"""Of a file with the spectrum of one function."""


class _Spectra:
    """Fisher spectra in the table's network: the table's own, and others as they are asked for."""

    def __init__(self, space: LargeSearchSpace) -> None:
        from act_bench.tables.spectra import load_spectra

        self._space = space
        spectra = load_spectra(space.table)
        self._weights = layer_weights([layer.weights for layer in spectra.layers])
        self.table_valid = spectra.valid[space.prior.entries]
        quantiles = spectra.quantiles[space.prior.entries]
        self.table = self._vectors(np.where(self.table_valid[:, None, None], quantiles, 0.0))
        self._shape = quantiles.shape[1:]
        self._kept: dict[str, NDArray[np.float32] | None] = {}

    def of(self, expressions: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the vectors of functions, and which are valid; computes what is not kept."""
        missing = [text for text in expressions if text not in self._kept]
        if missing:
            self._load(missing)
        found = [self._kept[text] for text in expressions]
        valid = np.array([each is not None for each in found])
        quantiles = [np.zeros(self._shape, np.float32) if each is None else each for each in found]
        return self._vectors(np.array(quantiles)), valid

    def _vectors(self, quantiles: NDArray[np.floating]) -> NDArray[np.float32]:
        return spectrum_part(quantiles, self._weights).vectors.astype(np.float32)

    def _load(self, expressions: list[str]) -> None:
        """Read the spectra of functions from the search's folder, or compute and write them."""
        from regenerate.fisher.features import fisher_feature
        from regenerate.fisher.networks import setting

        folder = self._space.folder / _SPECTRA
        folder.mkdir(exist_ok=True)
        network = None
        spent = 0.0
        for text in expressions:
            path = folder / f"{self._space.find(text)}.parquet"
            if not path.exists():
                network = network or setting(self._space.table)
                start = perf_counter()
                quantiles = fisher_feature(parse(text), network).quantiles
                stored = {
                    "expression": text,
                    "seconds": perf_counter() - start,
                    "quantiles": None if quantiles is None else quantiles.tolist(),
                }
                write_part(path, pa.Table.from_pylist([stored], schema=_PART), SearchFolderError)
            spent += self._keep(path, text)
        reason = f"Fisher spectra of {len(expressions)} functions of the short list"
        self._space.meter.charge(reason, spent)

    def _keep(self, path: Path, text: str) -> float:
        table, _ = read_part(path, SearchFolderError)
        try:
            (found,) = table.select(_PART.names).cast(_PART).to_pylist()
            rows = None if found["quantiles"] is None else np.array(found["quantiles"], np.float32)
            if found["expression"] != text or (rows is not None and rows.shape != self._shape):
                raise ArgumentError(f"expected the spectrum of {text}")
            seconds = float(found["seconds"])
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise SearchFolderError(f"{path} holds no spectrum ({error}); delete it") from error
        self._kept[text] = rows
        return seconds
