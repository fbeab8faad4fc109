"""Load the embedded tables: as polars frames, or as Hugging Face datasets.

polars, pyarrow and datasets are imported when a function is called, so that each function pays for
its own library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from act_bench.errors import ArgumentError
from act_bench.files.manifest import (
    ENTROPY_FILE,
    LIMITS_FILE,
    verified,
)
from act_bench.tables.columns import asked_columns, check_columns
from act_bench.tables.estimates import ESTIMATE_COLUMNS, TUNED_OWN_FROM, estimates
from act_bench.tables.files import (
    entries_file,
    limits_file,
)
from act_bench.tables.ladder.sample import (
    check_view,
    is_sampled,
    sample_columns,
    sample_file,
)
from act_bench.tables.rates import (
    LEARNING_RATE,
    RATE_COLUMNS,
    TUNED_COLUMNS,
    View,
    as_view,
    choose_rate,
    choose_view,
    load_rates,
    of_metric,
    own_rate,
    table_rates,
    tuned_file,
)
from act_bench.tables.registry import EDITIONS, choose_fidelity, table_info
from act_bench.tables.runs import load_runs
from act_bench.tables.schema import (
    ENTROPY_COLUMNS,
    ENTRY_COLUMNS,
    LIMIT_COLUMNS,
    OF_THE_FUNCTION,
    Column,
    UnknownNameError,
    names,
    one_of,
)

if TYPE_CHECKING:
    import polars as pl

    from act_bench.tables.maps import Feature


def load_table(
    name: str,
    edition: str = "regenerated",
    fidelity: str | None = None,
    columns: Iterable[str] | None = None,
    rate: View | None = None,
    features: Feature | None = None,
    limits: bool = False,
) -> pl.DataFrame:
    """Load a table: one row per entry, in entry order, always all 2,913.

    ``load_table("cnn")`` has what each function reaches when its learning rate is tuned, once all
    are; ``load_table("cnn", fidelity="proxy")`` what it reaches by that recipe.

    Parameters
    ----------
    name
        A key of ``act_bench.tables.registry.TABLES``.
    edition
        ``regenerated``, the data that come with this package, or ``upstream``, the authors' own,
        where ``act-bench import-upstream`` has put them.
    fidelity
        One of the table's fidelities, at the recipe's own rate unless ``rate`` says otherwise; None
        takes its default, the highest that covers every entry (``act-bench tables`` shows it).
        Of one that a sample is trained at, such as ``long``, the columns are those of
        ``act_bench.tables.ladder.sample.SAMPLE_COLUMNS``; entries outside it are ``missing``.
    columns
        Names of the columns to read; None reads all of the table's own, the vector ones included.
        Columns that are the same at every fidelity are joined when they are asked for: those of the
        table's Fisher spectra (``fim_quantiles``, ``fim_valid``, ``fim_reason``), the entropy of
        what the function passes on (``entropy_nats``, ``flat``), and its limit where the formula
        gives no number at 0 (``limit_at_zero``, ``slope_at_zero``). These are this package's own in
        either edition; the authors' spectra come from ``act_bench.tables.upstream.load_cdfs``. So
        is, in the edition ``regenerated``, what the entry would reach with many seeds at the
        recipe's own rate, or in the tuned view at its own (``estimate``, ``estimate_std``;
        ``act_bench.tables.estimates``).
    rate
        ``"own"``, the recipe's own learning rate; a number, another one; or ``"tuned"``, for
        every entry the run with seed 0 at the rate that seed 0 chooses, with columns of its own
        (``act_bench.tables.rates.TUNED_COLUMNS``). Default: the recipe's own where a fidelity is
        named, and else the table's default view, ``tuned`` once every entry is.
    features
        What the rows hold of the functions where ``columns`` is None: ``"outputs"``, the default;
        ``"fim"``, the Fisher spectra in place of the outputs; ``"union"``, both, as the main
        configuration of the dataset does. `act_bench.load_features` gives matrices for models.
    limits
        Only the entries whose formula gives no number at 0, as trained with their limit there; at
        the default fidelity and rate. Their ordinary rows, as the formula is written, stay.

    Returns
    -------
    polars.DataFrame
        The columns of ``act_bench.tables.schema.ENTRY_COLUMNS`` and then ``learning_rate``, which
        is null in the edition ``upstream``; in the tuned view those of
        ``act_bench.tables.rates.TUNED_COLUMNS``, the spellings and the outputs. Or those asked for,
        in that order. Of a table whose metric is a loss the spread over the seeds is
        ``validation_loss_std``.

    Raises
    ------
    UnknownNameError
        If there is no such table, edition, fidelity, column or feature.
    ArgumentError
        If both ``columns`` and ``features`` are given, or ``limits`` and ``features``.
    DataError
        If the table has no data here, or its file is missing or damaged.

    Examples
    --------
    >>> import act_bench
    >>> table = act_bench.load_table("mlp", columns=["expression", "validation_accuracy"])
    >>> table.shape
    (2913, 2)
    """
    from act_bench.tables.spectra import fisher_columns, fisher_file

    asked = asked_columns(columns)
    rate = as_view(rate) if limits else choose_view(name, rate, fidelity, edition)
    if edition in table_info(name).fidelities:
        raise UnknownNameError(
            f"no edition {edition!r}, which is a fidelity of {name}: write "
            f"load_table({name!r}, fidelity={edition!r})"
        )
    one_of("edition", edition, EDITIONS)
    if features is not None and asked is not None:
        raise ArgumentError("columns names all that is read: leave out features, or columns")
    if limits and features is not None:
        raise ArgumentError("limits=True has the outputs as features: leave out features")
    if limits:
        return _load_limits(name, edition, fidelity, asked, rate)
    if edition != "upstream" and is_sampled(name, fidelity):
        return _load_sample(name, str(fidelity), asked, rate, features)
    if rate != "own":
        return _load_view(name, edition, fidelity, asked, rate, features)
    file = entries_file(name, fidelity, edition)
    own_columns = of_metric(ENTRY_COLUMNS, table_info(name).metric)
    sources: tuple[tuple[Sequence[Column], Callable[[], Path]], ...] = (
        (own_columns, lambda: file),
        (fisher_columns(layers=1), lambda: fisher_file(name)),
        (ENTROPY_COLUMNS, lambda: verified(ENTROPY_FILE)),
        (LIMIT_COLUMNS, lambda: verified(LIMITS_FILE)),
    )
    estimated = () if edition == "upstream" else ESTIMATE_COLUMNS
    wanted = asked
    if wanted is None:
        wanted = [*_with_features(names(own_columns), features), LEARNING_RATE.name]
    known = [LEARNING_RATE, *(column for source, _ in sources for column in source), *estimated]
    _refuse_tuned(name, wanted, known)
    check_columns(wanted, known)
    import polars as pl

    own = None if edition == "upstream" else own_rate(name, choose_fidelity(name, fidelity))
    parts, left = [], [column for column in wanted if column != LEARNING_RATE.name]
    for found, source in sources:
        if there := [column for column in left if column in names(found)]:
            parts.append(_read(source(), there))
            left = [column for column in left if column not in there]
    if left:
        parts.append(_estimates(name, choose_fidelity(name, fidelity), entries=_rows(file)))
    if not parts:
        parts.append(_read(file, ["entry"]))
    table = pl.concat(parts, how="horizontal")
    return table.with_columns(pl.lit(own, pl.Float64).alias(LEARNING_RATE.name)).select(wanted)


def _refuse_tuned(name: str, wanted: Iterable[str], known: Iterable[Column]) -> None:
    """Refuse columns that the tuned view alone has, and say so.

    Raises
    ------
    UnknownNameError
        If there are any.
    """
    tuned = names(of_metric(TUNED_COLUMNS, table_info(name).metric))
    if of_tuned := [each for each in wanted if each in {*tuned} - {*names(known)}]:
        raise UnknownNameError(
            f"{', '.join(of_tuned)}: of the tuned view, as in "
            f"load_table({name!r}, columns={of_tuned!r}, rate='tuned')"
        )


def _estimates(name: str, fidelity: str, entries: int) -> pl.DataFrame:
    """Return `ESTIMATE_COLUMNS` of every entry, computed from the runs."""
    info = table_info(name)
    runs = load_runs(name, fidelity, ["entry", "seed", info.metric])
    return estimates(runs, info, entries)


def _rows(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def _load_limits(
    name: str,
    edition: str,
    fidelity: str | None,
    columns: list[str] | None,
    rate: View,
) -> pl.DataFrame:
    """Load the entries that were trained with their limit at 0; see `load_table`."""
    info = table_info(name)
    own = fidelity in (None, info.default_fidelity) and rate == "own"
    if edition == "upstream" or not own:
        raise UnknownNameError(
            f"limits=True has the table {name} at fidelity {info.default_fidelity}, edition "
            "regenerated, at the recipe's own rate: leave out the other settings"
        )
    known = of_metric(ENTRY_COLUMNS, info.metric)
    wanted = names(known) if columns is None else columns
    check_columns(wanted, known)
    return _read(limits_file(name), wanted)


def _load_view(
    name: str,
    edition: str,
    fidelity: str | None,
    columns: list[str] | None,
    rate: View,
    features: Feature | None,
) -> pl.DataFrame:
    """Load a table at another learning rate, or tuned; see `load_table`."""
    import polars as pl

    info = table_info(name)
    if edition == "upstream" or fidelity not in (None, info.default_fidelity):
        at = "" if fidelity is None else f" at fidelity {fidelity}"
        raise UnknownNameError(
            f"{name}{at}, edition {edition}, has one learning rate: leave out rate={rate!r}"
        )
    if not isinstance(rate, str):
        chosen = choose_rate(name, rate)
        if not table_rates(name):  # it is the recipe's own
            return load_table(name, columns=columns, rate="own", features=features)
        table = load_rates(name).filter(pl.col(LEARNING_RATE.name) == chosen)
        own, last = of_metric(RATE_COLUMNS, info.metric), [LEARNING_RATE]
    else:
        table, last = pl.read_parquet(tuned_file(name)), []
        own = of_metric(TUNED_COLUMNS, info.metric)
    of_entry = of_metric(ENTRY_COLUMNS, info.metric)
    shared = [column for column in of_entry if column.name in OF_THE_FUNCTION]
    known = [*of_entry, *last] if last else [*own, *(each for each in shared if each not in own)]
    wanted = _with_features(names(known), features) if columns is None else columns
    if rate == "tuned" and set(wanted) & set(names(ESTIMATE_COLUMNS)):
        table = pl.concat([table, _tuned_estimates(name, table.height)], how="horizontal")
        own = (*own, *ESTIMATE_COLUMNS)
    return _with_shared(table, name, own, wanted)


def _tuned_estimates(name: str, entries: int) -> pl.DataFrame:
    """Return `ESTIMATE_COLUMNS` of every entry at its tuned rate, computed from the runs there."""
    info = table_info(name)
    runs = load_runs(name, columns=["entry", "seed", info.metric], rate="tuned")
    return estimates(runs, info, entries, TUNED_OWN_FROM)


def _load_sample(
    name: str,
    fidelity: str,
    columns: list[str] | None,
    rate: View,
    features: Feature | None,
) -> pl.DataFrame:
    """Load a table at a fidelity that a sample of it is trained at; see `load_table`."""
    import polars as pl

    check_view(name, fidelity, rate)
    own = sample_columns(name)
    table = pl.read_parquet(sample_file(name, fidelity))
    wanted = _with_features([*names(own), "outputs"], features) if columns is None else columns
    return _with_shared(table, name, own, wanted)


def _with_shared(
    table: pl.DataFrame, name: str, own: Sequence[Column], wanted: list[str]
) -> pl.DataFrame:
    """Join to a table's own columns those that are the same at every fidelity and rate.

    What tells of the function, spectra, entropies and limits are; an estimate is of one rate, or of
    the tuned view. What the trainings at the recipe's own rate amount to says nothing of these.
    """
    import polars as pl

    others = [column for column in wanted if column not in names(own)]
    of_trainings = {*names(of_metric(ENTRY_COLUMNS, table_info(name).metric))} - OF_THE_FUNCTION
    if unknown := [column for column in others if column in of_trainings]:
        raise UnknownNameError(
            f"{', '.join(unknown)}: of the trainings at the recipe's own rate and the default "
            f"fidelity, as in load_table({name!r}, columns={unknown!r}, rate='own'). Here each "
            "entry has one run with seed 0, and as many others as the column fresh_runs says"
        )
    if of_own := [column for column in others if column in names(ESTIMATE_COLUMNS)]:
        raise UnknownNameError(
            f"{', '.join(of_own)}: estimated at the default fidelity, at the recipe's own rate and "
            f"in the tuned view only, as in load_table({name!r}, columns={of_own!r}, rate='own')"
        )
    check_columns([column for column in wanted if column in names(own)], own)
    if others:
        rest = load_table(name, columns=others, rate="own")
        table = pl.concat([table, rest], how="horizontal")
    return table.select(wanted)


def _with_features(columns: list[str], features: Feature | None) -> list[str]:
    """Return names of columns with those of the features in the place of the outputs."""
    from act_bench.tables.spectra import fisher_columns

    spectra = names(fisher_columns(layers=1))[1:]
    vectors = {"outputs": ["outputs"], "fim": spectra, "union": ["outputs", *spectra]}
    position = columns.index("outputs")
    chosen = vectors[one_of("feature", features or "outputs", vectors)]
    return [*columns[:position], *chosen, *columns[position + 1 :]]


def _read(path: Path, columns: Sequence[str] | None) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path, columns=None if columns is None else list(columns))
