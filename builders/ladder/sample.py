"""Choose which functions of a table are trained longer, so that the sample speaks for the table.

    python -m builders.ladder.sample cnn --out sweeps/cnn-long-sample

Longer training costs too much for every function. This draws a sample with known probabilities
from the tuned table of the default fidelity: some functions are certain to be in it, and the others
are drawn at random from strata. What is counted are *distinct* functions: one entry, the first, of
each canonical class, and of classes whose tables of values and slopes are equal, one again. They
are the same network.

| stratum | which | chosen |
|---|---|---|
| `baseline` | the baselines | all |
| `named` | functions of the catalogue that are in the space | all |
| `best` | the best of the tuned table | :data:`BEST`, those of the strata above counted |
| `decile 1` to `decile 10` | what is left of each tenth of those that train, the best first | \
:data:`EACH_DECILE` of each |
| `chance` | those that end without having learned | :data:`CHANCE` |
| `diverged` | those that diverge at every rate | :data:`DIVERGED` |

Each function is trained at the rate that its seed 0 chose in the tuned table. Twenty functions
(:func:`rate_study`) are trained at every rate: they tell whether that rate suits long training too.

Writes ``sample.csv`` and, for each rate, ``RATE.txt`` with the functions that are trained at it.
Prints the commands that train them. Once they are trained,

    python -m builders.ladder.sample cnn --fresh --runs sweeps/cnn-long --runs sweeps/cnn-long-0.1

writes ``fresh-RATE.txt``: the baselines and the best of the sample by seed 0, which get two more
seeds. The sample stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
import polars as pl

from act_bench.files.atomic import replacing
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.expression import parse
from act_bench.functions.operators import BASELINES
from act_bench.spaces.paper import entry_of, load_space
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import table_rates
from act_bench.tables.registry import TableInfo, import_own_tables, table_info
from builders.command import refusing, runs_option
from builders.embedded import BuildError
from builders.rates import FIRST_SEED
from builders.tables import read_runs
from regenerate.activations.tabulation import CODES, from_float64, tabulate, to_float64
from regenerate.recipes import find
from regenerate.sweeps.sweep import shuffled

BEST: Final = 40
EACH_DECILE: Final = 5
DECILES: Final = 10
CHANCE: Final = 8
DIVERGED: Final = 4
FRESH: Final = 15
"""Functions, the best by seed 0, that get further seeds."""
SEEDS: Final = 3
STUDIED_BEST: Final = 2
"""Functions of the stratum ``best`` that are trained at every rate."""

LONG: Final = "long"
FILE: Final = "sample.csv"
COLUMNS: Final = {
    "expression": pl.String,
    "entry": pl.Int32,
    "canonical_class": pl.Int32,
    "stratum": pl.String,
    "probability": pl.Float64,
    "learning_rate": pl.Float64,
    "every_rate": pl.Boolean,
}
"""Of ``sample.csv``: ``probability`` is that of being in the sample, ``every_rate`` says that the
function is trained at every rate of the table and not only at ``learning_rate``."""


def same_network(expression: str) -> bytes:
    """Return what two functions share if, and only if, they make the same tabulated network.

    Examples
    --------
    >>> same_network("sub(elu(x),zero(x))") == same_network("elu(x)")
    True
    >>> same_network("elu(x)") == same_network("relu(x)")
    False
    """
    tables = tabulate(parse(expression))
    return tables.value.tobytes() + tables.slope.tobytes()


def distinct(tuned: pl.DataFrame, named: Mapping[int, str]) -> pl.DataFrame:
    """Return the rows of a table that stand for its distinct functions, in entry order.

    Parameters
    ----------
    tuned
        As ``load_table(table, rate="tuned")`` gives it.
    named
        Canonical classes that stand for the network that they make, whatever else makes it.
    """
    first = tuned.unique("canonical_class", keep="first", maintain_order=True)
    first = first.sort(~pl.col("canonical_class").is_in(list(named)), maintain_order=True)
    texts = first["expression"].to_list()
    few = [_at_few(text) for text in texts]
    several = {each for each, count in Counter(few).items() if count > 1}
    known: dict[bytes, int] = {}
    for row, (text, each) in enumerate(zip(texts, few, strict=True)):
        # Whole tables only of functions that agree at a few inputs: it takes a tenth of the time.
        known.setdefault(same_network(text) if each in several else each, row)
    return first[list(known.values())].sort("entry")


def _at_few(expression: str) -> bytes:
    """Return a function's values at 256 of the inputs of a table."""
    inputs = to_float64(np.arange(0, CODES, 257, dtype=np.uint16))
    with np.errstate(all="ignore"):
        return from_float64(parse(expression).to_numpy()(inputs)).tobytes()


def draw(stratum: str, functions: pl.DataFrame, count: int) -> pl.DataFrame:
    """Draw so many functions at random, by the order of all sweeps, with their probability."""
    order = shuffled(functions["expression"])[:count]
    share = len(order) / functions.height if functions.height else 0.0
    return functions.filter(pl.col("expression").is_in(order)).with_columns(
        stratum=pl.lit(stratum), probability=pl.lit(share)
    )


def design(
    tuned: pl.DataFrame, info: TableInfo, named: Mapping[int, str], own_rate: float
) -> pl.DataFrame:
    """Return the sample of a table, with the columns :data:`COLUMNS`.

    Parameters
    ----------
    tuned
        As ``load_table(table, rate="tuned")`` gives it: every entry, in entry order.
    info
        The table, whose metric says what is best and what trains.
    named
        Canonical class to ``baseline`` or ``named``.
    own_rate
        The recipe's, for functions that diverge at every rate.

    Raises
    ------
    BuildError
        If an entry was not trained at every rate.
    """
    if missing := (tuned["outcome"] == "missing").sum():
        raise BuildError(
            f"{info.name}: expected a tuned table of every entry, {missing} were not trained at "
            "every rate: finish the sweeps at its rates first"
        )
    score = pl.col(info.metric) * (1 if info.higher_is_better else -1)
    functions = distinct(tuned, named)
    ran = functions.filter(pl.col("outcome") == "ok")
    trains = ran.filter(score > info.trained_score).sort(-score, "entry")
    stratum = [named.get(each) for each in functions["canonical_class"]]
    told = functions.with_columns(pl.Series("stratum", stratum, pl.String))
    best = pl.col("entry").is_in(trains.head(BEST)["entry"].implode())
    sure = (
        told.filter(best | pl.col("stratum").is_not_null())
        .with_columns(pl.col("stratum").fill_null("best"), probability=pl.lit(1.0))
        .sort(score, descending=True, nulls_last=True)
    )
    is_left = ~pl.col("entry").is_in(sure["entry"].implode())
    tenth = pl.col("rank") * DECILES // trains.height + 1
    left = trains.with_row_index("rank").with_columns(decile=tenth).drop("rank").filter(is_left)
    strata = [
        draw(f"decile {each}", left.filter(pl.col("decile") == each).drop("decile"), EACH_DECILE)
        for each in range(1, DECILES + 1)
    ]
    others = functions.filter(is_left)
    weak = others.filter(pl.col("outcome") == "ok", score <= info.trained_score)
    strata.append(draw("chance", weak, CHANCE))
    strata.append(draw("diverged", others.filter(pl.col("outcome") == "diverged"), DIVERGED))
    sample = pl.concat([sure, *strata]).with_columns(pl.col("learning_rate").fill_null(own_rate))
    studied = rate_study(sample)
    return sample.with_columns(every_rate=pl.col("expression").is_in(studied)).select(
        pl.col(name).cast(kind) for name, kind in COLUMNS.items()
    )


def rate_study(sample: pl.DataFrame) -> list[str]:
    """Return the functions that are trained at every rate: twenty.

    They are the baselines, the first of ``best`` and, of each decile, the one that comes first in
    the order of all sweeps.
    """
    chosen = sample.filter(pl.col("stratum") == "baseline")["expression"].to_list()
    chosen += sample.filter(pl.col("stratum") == "best")["expression"].head(STUDIED_BEST).to_list()
    for decile in range(1, DECILES + 1):
        there = sample.filter(pl.col("stratum") == f"decile {decile}")["expression"]
        chosen += shuffled(there)[:1]
    return chosen


def named_classes() -> dict[int, str]:
    """Return the canonical classes of baselines and of named functions of the space."""
    space = load_space()
    found: dict[int, str] = {}
    for function in CATALOGUE.values():
        entry = entry_of(function)
        if entry is not None:
            found[space.canonical_class[entry]] = "named"
    for name in BASELINES:
        found[space.canonical_class[space.resolve(name).entry]] = "baseline"
    return found


def read(path: Path) -> pl.DataFrame:
    """Read a ``sample.csv``.

    Raises
    ------
    BuildError
        If it has other columns.
    """
    found = pl.read_csv(path, schema_overrides=COLUMNS)
    if found.columns != list(COLUMNS):
        raise BuildError(
            f"{path}: expected the columns {', '.join(COLUMNS)}, got {', '.join(found.columns)}: "
            "make it with python -m builders.ladder.sample"
        )
    return found


def fresh(sample: pl.DataFrame, runs: pl.DataFrame, info: TableInfo) -> pl.DataFrame:
    """Return the functions of a sample that get further seeds: baselines, and the best by seed 0.

    Parameters
    ----------
    sample
        With the columns :data:`COLUMNS`.
    runs
        Of long training; those at the rate of the sample count.
    info
        The table, whose metric says what is best.

    Raises
    ------
    BuildError
        If a function of the sample has no run with seed 0 at its rate.
    """
    first = runs.filter(pl.col("seed") == FIRST_SEED).select("entry", "learning_rate", info.metric)
    both = sample.join(first, on=["entry", "learning_rate"], how="inner", maintain_order="left")
    if missing := sample.height - both.height:
        raise BuildError(
            f"{missing} functions of the sample have no run with seed {FIRST_SEED} at their rate: "
            "finish the sweeps first, and name the folders of all with --runs"
        )
    best = both.sort(info.metric, descending=info.higher_is_better, nulls_last=True).head(FRESH)
    chosen = pl.col("entry").is_in(best["entry"].implode())
    return sample.filter(chosen | (pl.col("stratum") == "baseline"))


def write(sample: pl.DataFrame, folder: Path) -> None:
    """Write ``sample.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / FILE) as draft:
        sample.write_csv(draft)


def write_lists(
    functions: pl.DataFrame, rates: Sequence[float], folder: Path, before: str = ""
) -> list[Path]:
    """Write a list of functions for each rate, those that are trained at it; return the paths.

    Parameters
    ----------
    functions
        With ``expression``, ``learning_rate`` and ``every_rate``.
    rates
        Of the table.
    folder
        Where the lists go.
    before
        What their names begin with.
    """
    lists = []
    for rate in rates:
        here = functions.filter(pl.col("every_rate") | (pl.col("learning_rate") == rate))
        lists.append(folder / f"{before}{rate:g}.txt")
        with replacing(lists[-1]) as draft:
            draft.write_text("".join(f"{line}\n" for line in here["expression"]), encoding="utf-8")
    return lists


@click.command()
@click.argument("table")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the sample.  [default: sweeps/TABLE-long-sample]",
)
@click.option(
    "--fresh", "further", is_flag=True, help="List what gets further seeds, by the runs of --runs."
)
@runs_option("a sweep of the sample", several=True, required=False)
def main(table: str, out: Path | None, further: bool, sources: tuple[Path, ...]) -> None:
    r"""Draw the sample of TABLE that is trained long, and print the commands that train it.

    \b
    python -m builders.ladder.sample cnn
    python -m builders.ladder.sample cnn --fresh --runs sweeps/cnn-long --runs sweeps/cnn-long-0.1
    """
    import_own_tables()
    folder = out or Path("sweeps") / f"{table}-{LONG}-sample"
    if further != bool(sources):
        raise click.UsageError(
            "--fresh needs the runs of the sample, --runs, and nothing else does"
        )
    with refusing():
        info, rates = table_info(table), table_rates(table)
        if further:
            runs = pl.concat([read_runs(source) for source in sources])
            chosen = fresh(read(folder / FILE), runs, info)
            chosen = chosen.with_columns(every_rate=pl.lit(value=False))
            lists = write_lists(chosen, rates, folder, "fresh-")
        else:
            own = find(table, info.default_fidelity).learning_rate
            chosen = design(load_table(table, rate="tuned"), info, named_classes(), own)
            write(chosen, folder)
            lists = write_lists(chosen, rates, folder)
    for (stratum,), rows in chosen.group_by("stratum", maintain_order=True):
        click.echo(f"{stratum}: {rows.height}, each with probability {rows['probability'][0]:.3g}")
    several = chosen["every_rate"].sum()
    click.echo(
        f"{folder / FILE}: {chosen.height} functions, {several} at every rate. To train them:"
    )
    train = f"act-bench sweep {table} --fidelity {LONG}" + (f" --seeds {SEEDS}" if further else "")
    for rate, path in zip(rates, lists, strict=True):
        click.echo(f"  {train} --rate {rate:g} --expressions {path}")


if __name__ == "__main__":
    main()
