"""Take in runs that others trained, if they are what we would have trained.

``python -m builders.contributions cnn full --runs FOLDER --into sweeps/cnn-full`` reads the parts
of a folder and takes them into ours, unless

* a part is damaged or carries no checksum,
* a run is of another recipe, fidelity or data, or breaks a rule of ``builders.tables``,
* the functions that we have trained too do not agree with ours within noise.

*Agreement* is judged by the functions that train on both sides with the same seeds, at least
`LEAST`: so whoever sends runs has trained the baselines too, from seed 0 on. A seed fixes first
weights and order for all functions alike; with the same seeds that is the same on both sides, and
devices differ by rounding, which training makes as large as the noise between seeds, but no larger.
For each function d is the difference of the two medians of the table's metric over n common seeds.
Its variance is 2 s^2 v(n): v(n) is that of a median of n standard normal numbers, s^2 that of one
run between seeds, pooled over functions of nearest score
(``act_bench.tables.estimates.noise_variance``) and moderated by the function's own spread, to which
the pooled one counts as `PRIOR` degrees of freedom (Smyth 2004, doi 10.2202/1544-6115.1027).

* No shift: the mean of d, weighted by inverse variance, is at most `LARGEST_Z` standard errors.
* No spread: the median of ``|d|`` over its standard error is at most
  1 + `LARGEST_Z` / sqrt(functions) times that of normal noise.
* At most one function in twenty, or one, diverges in all runs of one side and in none of the other.

Runs that we have already, the same function, rate and seed, stay ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import pi, sqrt
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
import polars as pl
from numpy.typing import NDArray

from act_bench.files import resumable
from act_bench.files.manifest import AbsentDataError
from act_bench.spaces.paper import beside_the_space, load_space
from act_bench.tables.catalogued.named import load_named_runs
from act_bench.tables.estimates import noise_variance
from act_bench.tables.registry import TABLES, TableInfo, import_own_tables
from act_bench.tables.runs import load_runs
from act_bench.tables.schema import RUN_COLUMNS, arrow_schema, names
from builders.embedded import BuildError
from builders.tables import check_functions, summaries
from regenerate.recipes import Recipe, find
from regenerate.runs import parts
from regenerate.sweeps.sweep import claim

LARGEST_Z: Final = 3.0
PRIOR: Final = 4.0
LEAST: Final = 5
MIXED: Final = 0.05
"""Share of the common functions that may diverge on one side only."""

Floats = NDArray[np.float64]

SIDES: Final = ("theirs", "ours")


class Agreement(NamedTuple):
    """How runs of others stand to ours.

    Attributes
    ----------
    common
        Functions that both have with the same seeds.
    compared
        Those of them that train on both sides.
    difference
        Weighted mean of the differences, theirs less ours, in the unit of the metric.
    standard_error
        Of it.
    spread
        Median of ``|d|`` over its standard error, as a multiple of that of normal noise.
    one_sided
        Functions that diverge in all runs of one side and in none of the other.
    """

    common: int
    compared: int
    difference: float
    standard_error: float
    spread: float
    one_sided: tuple[str, ...]

    def check(self) -> None:
        """Refuse runs that do not agree.

        Raises
        ------
        BuildError
            The message says in what.
        """
        if self.compared < LEAST:
            raise BuildError(
                f"expected at least {LEAST} functions that train both there and here, found "
                f"{self.compared}: train the baselines on both sides, with seeds from 0 on"
            )
        if len(self.one_sided) > max(1, MIXED * self.common):
            raise BuildError(
                f"expected the outcomes of ours for {self.common} functions; {len(self.one_sided)} "
                f"diverge on one side only, the first is {self.one_sided[0]}"
            )
        if not abs(self.difference) <= LARGEST_Z * self.standard_error:
            raise BuildError(
                f"expected the level of ours; over {self.compared} functions they differ by "
                f"{self.difference:+.4f} on average, standard error {self.standard_error:.4f}"
            )
        largest = 1 + LARGEST_Z / sqrt(self.compared)
        if not self.spread <= largest:
            raise BuildError(
                f"expected the results of ours within noise; over {self.compared} functions they "
                f"differ {self.spread:.1f} times as much, where {largest:.1f} is the limit"
            )


def median_variance(count: int) -> float:
    """Return the variance of the median of so many standard normal numbers; a bound from 3 on.

    Examples
    --------
    >>> median_variance(1), median_variance(2), round(median_variance(3), 3)
    (1.0, 0.5, 0.524)
    """
    return 1 / count if count < 3 else pi / (2 * count)


def agreement(theirs: pl.DataFrame, ours: pl.DataFrame, info: TableInfo) -> Agreement:
    """Compare the functions that two sets of runs have in common.

    Parameters
    ----------
    theirs, ours
        With the run columns, of one recipe.
    info
        The table, whose metric is compared.

    Raises
    ------
    BuildError
        If no function has two seeds on either side, so that there is no noise to compare with.
    """
    keys = list(parts.KEY)
    shared = pl.concat(
        frame.with_columns(side=pl.lit(side))
        for side, frame in zip(
            SIDES,
            (theirs.join(ours, on=keys, how="semi"), ours.join(theirs, on=keys, how="semi")),
            strict=True,
        )
    )
    medians = {
        (row["expression"], row["side"]): row
        for row in summaries(shared, ["expression", "side"], info.metric).iter_rows(named=True)
    }
    common = {text for text, _ in medians}
    one_sided, pairs = [], {}
    for text in sorted(common):
        one, other = (medians[text, side] for side in SIDES)
        shares = sorted(row["diverged_runs"] / row["runs"] for row in (one, other))
        if shares == [0, 1]:
            one_sided.append(text)
        elif one["outcome"] == other["outcome"] == "ok":
            values = [info.score(row[info.metric]) for row in (one, other)]
            if min(values) > info.trained_score:
                pairs[text] = (*values, median_variance(one["runs"]))
    if not pairs:
        return Agreement(len(common), 0, 0.0, 0.0, 0.0, tuple(one_sided))
    here, there, of_median = np.array(list(pairs.values())).T
    noise = _Noise.of(pl.concat([theirs.with_columns(side=0), ours.with_columns(side=1)]), info)
    variance = 2 * of_median * noise.moderated(list(pairs), (here + there) / 2)
    weight = 1 / variance
    normal = 0.6745  # the median of |z|
    return Agreement(
        common=len(common),
        compared=len(pairs),
        difference=(1 if info.higher_is_better else -1)
        * float(np.average(here - there, weights=weight)),
        standard_error=1 / sqrt(float(weight.sum())),
        spread=float(np.median(np.abs(here - there) / np.sqrt(variance)) / normal),
        one_sided=tuple(one_sided),
    )


class _Noise(NamedTuple):
    """What seeds do to the scores of some functions.

    Attributes
    ----------
    scores
        (rows, runs): scores of each function and side with several seeds; NaN where there is none.
    functions
        The function of each row.
    """

    scores: Floats
    functions: list[str]

    @classmethod
    def of(cls, runs: pl.DataFrame, info: TableInfo) -> _Noise:
        """Take it from the runs of both sides."""
        score = pl.col(info.metric) * (1 if info.higher_is_better else -1)
        group = ["expression", "side"]
        several = (
            runs.select(*group, score=score)
            .drop_nulls()
            .filter(
                pl.len().over(group) > 1, pl.col("score").mean().over(group) > info.trained_score
            )
        )
        if several.is_empty():
            raise BuildError(
                "expected some functions with at least two seeds, whose spread is the noise to "
                "compare with; found none: train the baselines with --seeds 3"
            )
        rows = several.group_by(group, maintain_order=True).agg("score")
        values = rows["score"].to_list()
        scores = np.full((len(values), max(map(len, values))), np.nan)
        for row, found in zip(scores, values, strict=True):
            row[: len(found)] = found
        return cls(scores, rows["expression"].to_list())

    def moderated(self, functions: list[str], levels: Floats) -> Floats:
        """Return the variance of one run of each function, of such scores."""
        pooled = noise_variance(self.scores, levels)
        squares = np.nansum(
            np.square(self.scores - np.nanmean(self.scores, axis=1, keepdims=True)), axis=1
        )
        freedom = np.isfinite(self.scores).sum(axis=1) - 1
        known = np.array(self.functions)
        total, degrees = np.array(
            [(squares[known == text].sum(), freedom[known == text].sum()) for text in functions]
        ).T
        return np.asarray((PRIOR * pooled + total) / (PRIOR + degrees), np.float64)


def read_sealed(folder: Path, recipe: Recipe) -> pl.DataFrame:
    """Read the parts that others sent: all with a checksum that is right, all of one recipe.

    Raises
    ------
    BuildError
        If there are none, or one is damaged, unsealed or of another recipe.
    """
    try:
        read = parts.read(folder, recipe)
    except parts.PartError as error:
        raise BuildError(str(error)) from error
    if not read:
        raise BuildError(f"{folder}: expected Parquet parts of a sweep, found none")
    if text := parts.unverified(read):
        raise BuildError(f"expected parts with checksums: {text}")
    frames = [pl.from_arrow(part.table) for part in read]
    return pl.concat(frame for frame in frames if isinstance(frame, pl.DataFrame))


def own_runs(recipe: Recipe, folder: Path, *, named: bool) -> pl.DataFrame:
    """Return the runs of a recipe that are embedded or lie in a folder of ours."""
    columns = names(RUN_COLUMNS)
    empty = pl.from_arrow(arrow_schema(RUN_COLUMNS).empty_table())
    assert isinstance(empty, pl.DataFrame)  # noqa: S101  (a table gives a frame)
    found = [empty]
    with suppress(AbsentDataError):  # nothing is embedded of this fidelity
        load = load_named_runs if named else load_runs
        found.append(load(recipe.table, recipe.fidelity).select(columns))
    if list(folder.glob("*.parquet")):
        found += [read_sealed(folder, recipe)]
    runs = pl.concat(frame.cast(empty.schema) for frame in found)
    return runs.filter(pl.col("recipe_sha") == recipe.sha).unique(
        list(parts.KEY), maintain_order=True
    )


def take_in(source: Path, recipe: Recipe, folder: Path) -> tuple[Agreement, int]:
    """Take in what others trained; return how it agrees with ours and how many runs are new.

    Parameters
    ----------
    source
        Their folder of parts, of entries or of named functions outside the space.
    recipe
        By which all must be trained.
    folder
        Ours, which holds runs of the same kind or is empty; new runs become a part of it.

    Raises
    ------
    BuildError
        If they are refused; nothing is written then.
    """
    theirs = read_sealed(source, recipe)
    named = theirs["entry"].null_count() == theirs.height
    ours = own_runs(recipe, folder, named=named)
    if ours.is_empty():
        raise BuildError(
            f"expected runs of ours of {recipe.table}-{recipe.fidelity} ({recipe.sha}) to compare "
            f"with, found none: train some into {folder}"
        )
    fingerprints = set(ours["versions"].str.json_path_match("$.data"))
    if len(fingerprints) != 1 or None in fingerprints:
        raise BuildError(
            f"expected runs of ours of one data set, got {sorted(map(str, fingerprints))}"
        )
    (data,) = fingerprints
    check_functions(theirs, recipe.fidelity, recipe.sha, str(data), _functions(named))
    found = agreement(theirs, ours, TABLES[recipe.table])
    found.check()
    new = theirs.join(ours, on=list(parts.KEY), how="anti", maintain_order="left")
    claim(folder, recipe, str(data))
    if new.height:
        keys = new.select(parts.KEY).rows()
        table = new.to_arrow().cast(arrow_schema(RUN_COLUMNS))
        parts.write(resumable.part_path(folder, keys), table)
    return found, new.height


def _functions(named: bool) -> Mapping[str, int | None]:
    if named:
        return beside_the_space()
    return {text: entry for entry, text in enumerate(load_space().representatives)}


@click.command()
@click.argument("table")
@click.argument("fidelity")
@click.option(
    "--runs",
    "source",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the parts that others sent.",
)
@click.option(
    "--into",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of our own sweep.",
)
def main(table: str, fidelity: str, source: Path, folder: Path) -> None:
    r"""Take the runs of others into a sweep of ours, if they agree with ours.

    \b
    python -m builders.contributions cnn full --runs received/cnn-full --into sweeps/cnn-full
    """
    import_own_tables()
    try:
        found, new = take_in(source, find(table, fidelity), folder)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(found._asdict()))
    click.echo(f"{folder}: {new:,} new runs")


if __name__ == "__main__":
    main()
