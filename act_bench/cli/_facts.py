"""Everything known about one function: what ``act-bench show`` prints and its JSON has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import polars as pl

    from act_bench.functions.expression import Expression
    from act_bench.functions.named import NamedFunction
    from act_bench.tables.schema import Column

_SHAPE_POINTS = 41


class Curves(TypedDict):
    """Learning curves in validation, epoch by epoch: medians over the runs that are ok.

    Of a fidelity that a sample is trained at they are at the points of its recipe.
    """

    validation_accuracy_curve: list[float]
    validation_loss_curve: list[float]


class Record(Curves):
    """What one table says of an entry, in one edition at one fidelity."""

    table: str
    edition: str
    fidelity: str
    metrics: dict[str, Any]


class AtRate(TypedDict):
    """What a table says of a function at one learning rate."""

    table: str
    fidelity: str
    learning_rate: float
    outcome: str
    validation_accuracy: float | None
    validation_loss: float | None
    test_accuracy: float | None
    test_loss: float | None
    runs: int
    tuned: bool
    """Whether it is the rate that seed 0 chooses."""
    fresh_validation_accuracy: float | None
    """At that rate: the mean over seeds that had no part in the choice, in tables of accuracies."""
    fresh_validation_loss: float | None
    """The same, in tables of losses."""
    fresh_runs: int


class Facts(TypedDict):
    """Everything known about a function; a key is a key of the JSON document.

    Outside the space there is no entry: what tells of it is null or empty.
    """

    expression: str
    operators: dict[str, str]
    shape: list[float]
    entry: int | None
    how_resolved: str | None
    entry_expression: str | None
    equivalent_expressions: list[str]
    canonical_class: int | None
    entries_of_class: list[int]
    records: list[Record]
    rates: list[AtRate]
    published: list[dict[str, object]]


def known_of(text: str) -> Facts:
    """Return everything known about a function, given its expression or name.

    Raises
    ------
    act_bench.functions.expression.ParseError
        The text is neither.
    act_bench.spaces.paper.NotInSpaceError
        It is outside the space, and no paper or table here has it.
    """
    from act_bench.functions.catalogue import read
    from act_bench.functions.named import NamedFunction
    from act_bench.spaces.paper import NotInSpaceError, finite_outputs, load_space
    from act_bench.tables.catalogued.literature import reported

    function = read(text)
    grid = [10 * i / (_SHAPE_POINTS - 1) - 5 for i in range(_SHAPE_POINTS)]
    known: Facts = {
        "expression": str(function),
        "operators": _formulas(function),
        "shape": finite_outputs(function.to_numpy()(grid)).tolist(),
        "entry": None,
        "how_resolved": None,
        "entry_expression": None,
        "equivalent_expressions": [],
        "canonical_class": None,
        "entries_of_class": [],
        "records": [],
        "rates": _named_rates(str(function)),
        "published": reported(function).to_dicts(),
    }
    if isinstance(function, NamedFunction):
        return known
    space = load_space()
    try:
        resolution = space.resolve(function)
    except NotInSpaceError:
        if known["published"] or known["rates"]:
            return known
        raise
    entry = resolution.entry
    name = space.representatives[entry]
    canonical = space.canonical_class[entry]
    found: Facts = {
        **known,
        "entry": entry,
        "how_resolved": resolution.how,
        "entry_expression": name,
        "equivalent_expressions": [
            other for other, e in space.entry_of.items() if e == entry and other != name
        ],
        "canonical_class": canonical,
        "entries_of_class": [e for e, c in enumerate(space.canonical_class) if c == canonical],
        "records": _records(entry),
        "rates": _entry_rates(entry),
    }
    return found


def _named_rates(function: str) -> list[AtRate]:
    """Return what the tables say of a function outside the space, by its spelling or name."""
    from act_bench.tables.catalogued.named import named_rows
    from act_bench.tables.registry import TABLES

    return [
        _at_rate(table, row["fidelity"], row, row)
        for table in TABLES
        for row in named_rows(table, function)
    ]


def _entry_rates(entry: int) -> list[AtRate]:
    """Return what the tables say of an entry at each rate, of those that have several."""
    import polars as pl

    from act_bench.tables.loaders import load_table
    from act_bench.tables.rates import load_rates, table_rates
    from act_bench.tables.registry import TABLES

    found = []
    for table, info in TABLES.items():
        if not table_rates(table):
            continue
        tuned = load_table(table, rate="tuned").row(entry, named=True)
        for row in load_rates(table).filter(pl.col("entry") == entry).iter_rows(named=True):
            if row["outcome"] != "missing":
                chosen = row["learning_rate"] == tuned["learning_rate"]
                fresh = tuned if chosen else {}
                row["tuned"] = chosen
                found.append(_at_rate(table, info.default_fidelity, row, fresh))
    return found


def _at_rate(table: str, fidelity: str, row: Mapping[str, Any], fresh: Mapping[str, Any]) -> AtRate:
    return {
        "table": table,
        "fidelity": fidelity,
        "learning_rate": row["learning_rate"],
        "outcome": row["outcome"],
        "validation_accuracy": row["validation_accuracy"],
        "validation_loss": row["validation_loss"],
        "test_accuracy": row["test_accuracy"],
        "test_loss": row["test_loss"],
        "runs": row["runs"],
        "tuned": row["tuned"],
        "fresh_validation_accuracy": fresh.get("fresh_validation_accuracy"),
        "fresh_validation_loss": fresh.get("fresh_validation_loss"),
        "fresh_runs": fresh.get("fresh_runs", 0),
    }


def _formulas(function: Expression | NamedFunction) -> dict[str, str]:
    """Return the formulas of the operators of an expression, or that of a named function."""
    from act_bench.functions.named import NamedFunction

    if isinstance(function, NamedFunction):
        return {function.name: function.formula}
    return _operators(function)


def _operators(tree: Expression) -> dict[str, str]:
    """Return the formulas of the operators of a tree, outermost first."""
    from act_bench.functions.operators import ALL_OPERATORS

    formulas: dict[str, str] = {}
    level = [tree]
    while level:
        for part in level:
            if part.arguments:
                formulas.setdefault(part.operator, ALL_OPERATORS[part.operator].formula)
        level = [argument for part in level for argument in part.arguments]
    return formulas


def _records(entry: int) -> list[Record]:
    from act_bench.files.manifest import AbsentDataError
    from act_bench.tables.files import embedded_fidelities, runs_file, runs_name, table_files
    from act_bench.tables.ladder.sample import is_sampled, sample_columns, sample_runs_file
    from act_bench.tables.loaders import load_table
    from act_bench.tables.rates import of_metric
    from act_bench.tables.registry import TABLES, UPSTREAM_FIDELITY
    from act_bench.tables.schema import ENTRY_COLUMNS, UnknownNameError

    records: list[Record] = []
    for table, info in TABLES.items():
        every = _metrics(of_metric(ENTRY_COLUMNS, info.metric))
        fidelities = embedded_fidelities(table)
        curves: dict[str, Curves] = {}
        if fidelities and runs_name(table) in table_files(table):
            curves = median_curves(str(runs_file(table)), entry)
        for fidelity in fidelities:
            sampled = is_sampled(table, fidelity)
            metrics = _metrics(sample_columns(table)) if sampled else every
            row = load_table(table, fidelity=fidelity, columns=metrics).row(entry, named=True)
            if sampled and row["outcome"] != "missing":
                path = str(sample_runs_file(table, fidelity))
                curves |= median_curves(path, entry, row["learning_rate"])
            records.append(
                {
                    "table": table,
                    "edition": "regenerated",
                    "fidelity": fidelity,
                    "metrics": row,
                    **curves.get(fidelity, _NO_CURVES),
                }
            )
        try:
            upstream = load_table(table, edition="upstream", columns=every)
        except (AbsentDataError, UnknownNameError):  # not imported here, or the authors have none
            continue
        records.append(
            {
                "table": table,
                "edition": "upstream",
                "fidelity": UPSTREAM_FIDELITY,
                "metrics": upstream.row(entry, named=True),
                **_NO_CURVES,
            }
        )
    return records


_KEYS = ("expression", "entry", "canonical_class")
_NO_CURVES: Curves = {"validation_accuracy_curve": [], "validation_loss_curve": []}


def _metrics(columns: Iterable[Column]) -> list[str]:
    from act_bench.tables.schema import scalar_names

    return [name for name in scalar_names(columns) if name not in _KEYS]


def median_curves(path: str, entry: int, rate: float | None = None) -> dict[str, Curves]:
    """Return, by fidelity, the medians after each epoch of the runs that are ok.

    A file with runs at several learning rates needs the ``rate`` of those that are meant.
    """
    import polars as pl

    from act_bench.tables.aggregation import median

    at_rate = [] if rate is None else [pl.col("learning_rate") == rate]
    runs = (
        pl.scan_parquet(path)
        .filter(pl.col("entry") == entry, pl.col("outcome") == "ok", *at_rate)
        .select("fidelity", *_NO_CURVES)
        .collect()
    )

    def medians(rows: pl.DataFrame, column: str) -> list[float]:
        epochs = zip(*rows[column].to_list(), strict=True)
        return [value for epoch in epochs if (value := median(epoch)) is not None]

    return {
        str(fidelity): {
            "validation_accuracy_curve": medians(rows, "validation_accuracy_curve"),
            "validation_loss_curve": medians(rows, "validation_loss_curve"),
        }
        for (fidelity,), rows in runs.group_by("fidelity")
    }
