"""The columns of the tables: names, types, units and meanings. Standard library only.

This is the one place that says what a column is. The builders write with it, the loaders check
against it, the dataset card and ``docs/reference/tables.md`` are made from it.

Accuracies are fractions in [0, 1], losses are in nats, times in seconds. Metrics and
curves of losses are float64, for a loss may pass 3.4e38 on the way to a good end; curves of
accuracies and outputs are float32.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from act_bench.errors import ActBenchError, ArgumentError, ExitCode, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

ENTRIES: Final = 2913
EXPRESSIONS: Final = 5103
OUTPUT_POINTS: Final = 80


class UnknownNameError(ActBenchError, ValueError):
    """A table, fidelity, edition, column or configuration that does not exist."""

    exit_code = ExitCode.USAGE


class Column(NamedTuple):
    """One column of a table.

    Attributes
    ----------
    name
        Its name in Parquet, polars and datasets.
    dtype
        ``string``, ``int32``, ``int64``, ``float32`` or ``float64``; ``list<T>`` for a list of any
        length and ``T[n]`` for one of n values.
    unit
        The unit of its values, empty where it has none.
    meaning
        What it says, in one sentence; also when it is null, if it can be.
    """

    name: str
    dtype: str
    unit: str
    meaning: str

    @property
    def is_scalar(self) -> bool:
        """Whether a cell holds one value and not a list."""
        return "<" not in self.dtype and "[" not in self.dtype


ENTRY_COLUMNS: Final = (
    Column("expression", "string", "", "First spelling of the function in the order of the space."),
    Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
    Column(
        "canonical_class",
        "int32",
        "",
        "Class of the functions that are equal in exact arithmetic; entries of one class differ "
        "by rounding, or in points at which their formula gives no number (limit_at_zero).",
    ),
    Column(
        "equivalent_expressions",
        "list<string>",
        "",
        "The other spellings of the same entry in the space, in its order; may be empty.",
    ),
    Column(
        "train_accuracy",
        "float64",
        "fraction",
        "Accuracy on the training data after the last epoch (of image networks the first 2,000 "
        "images), median over the runs.",
    ),
    Column(
        "validation_accuracy",
        "float64",
        "fraction",
        "Accuracy on the validation data, median over the runs: what a search may see.",
    ),
    Column(
        "test_accuracy",
        "float64",
        "fraction",
        "Accuracy on the test data, which are not the validation data, median over the runs.",
    ),
    Column(
        "train_loss",
        "float64",
        "nats",
        "Mean loss on the same training data as train_accuracy, median.",
    ),
    Column("validation_loss", "float64", "nats", "Mean loss on the validation data, median."),
    Column("test_loss", "float64", "nats", "Mean loss on the test data, median."),
    Column(
        "validation_accuracy_std",
        "float64",
        "fraction",
        "Standard deviation (n - 1) of the validation accuracy over the runs that did not diverge; "
        "null if these are fewer than two or the entry is not ok.",
    ),
    Column(
        "runtime_s",
        "float64",
        "seconds",
        "Mean cost of one run, diverged ones included; null if missing.",
    ),
    Column(
        "outcome",
        "string",
        "",
        "ok; diverged: at least half of the runs had a non-finite loss; missing: never trained. "
        "The metrics are null unless ok.",
    ),
    Column("runs", "int32", "runs", "Number of runs, one per seed."),
    Column("diverged_runs", "int32", "runs", "How many of them diverged."),
    Column(
        "outputs",
        f"float32[{OUTPUT_POINTS}]",
        "",
        "Values of the function at the points of the space; may be infinite or NaN.",
    ),
)

OF_THE_FUNCTION: Final = frozenset(
    ("expression", "entry", "canonical_class", "equivalent_expressions", "outputs")
)
"""Those of `ENTRY_COLUMNS` that no training has a part in: the same at every fidelity and rate."""

LIMIT_ENTRY_COLUMNS: Final = tuple(
    column._replace(meaning="Number of the function, 0 to 2912.")
    if column.name == "entry"
    else column
    for column in ENTRY_COLUMNS
)
"""Of ``{table}-limits.parquet``, which has some entries only."""

RUN_COLUMNS: Final = (
    Column("expression", "string", "", "The function, spelled as its entry is."),
    Column("entry", "int32", "", "Number of the function, 0 to 2912."),
    Column(
        "fidelity", "string", "", "Name of the recipe of this table: proxy, reduced, long or full."
    ),
    Column(
        "learning_rate",
        "float64",
        "",
        "Peak of the learning rate: the recipe's own or another; null where it is not known.",
    ),
    Column(
        "seed", "int64", "", "Seed of the initial weights and of the order of the training data."
    ),
    Column(
        "outcome",
        "string",
        "",
        "ok, or diverged: a loss was not finite. The metrics are null if diverged.",
    ),
    Column(
        "train_accuracy",
        "float64",
        "fraction",
        "On the training data (of image networks the first 2,000 images), after the last epoch.",
    ),
    Column(
        "validation_accuracy",
        "float64",
        "fraction",
        "On the validation data, after the last epoch.",
    ),
    Column("test_accuracy", "float64", "fraction", "On the test data, after the last epoch."),
    Column(
        "train_loss",
        "float64",
        "nats",
        "Mean on the same training data as train_accuracy, after the last epoch.",
    ),
    Column(
        "validation_loss", "float64", "nats", "Mean on the validation data, after the last epoch."
    ),
    Column("test_loss", "float64", "nats", "Mean on the test data, after the last epoch."),
    Column(
        "train_loss_curve",
        "list<float64>",
        "nats",
        "Mean loss over the steps of each epoch; stops where a diverged run stopped. Infinite in "
        "some older runs of mlp, where a finite loss above 3.4e38 was not kept.",
    ),
    Column(
        "validation_loss_curve",
        "list<float64>",
        "nats",
        "Mean loss on the validation data after each epoch; infinite as in train_loss_curve.",
    ),
    Column(
        "validation_accuracy_curve",
        "list<float32>",
        "fraction",
        "Accuracy on the validation data after each epoch.",
    ),
    Column(
        "runtime_s",
        "float64",
        "seconds",
        "Training and evaluation: processor time on one CPU thread, else wall time.",
    ),
    Column(
        "images_seen",
        "int64",
        "images",
        "Training images, or sequences of characters, seen; repeats counted again.",
    ),
    Column("device", "string", "", "Where it ran: cpu, or the name of the GPU."),
    Column("recipe_sha", "string", "", "First 12 hex digits of the SHA-256 of the recipe's JSON."),
    Column("versions", "string", "", "JSON of the libraries, processor and threads."),
)

OWN_RATE_RUN_COLUMNS: Final = tuple(
    column for column in RUN_COLUMNS if column.name != "learning_rate"
)
"""Of ``{table}-runs.parquet``, whose runs are all at the learning rates of their recipes."""

SPACE_COLUMNS: Final = (
    Column("expression", "string", "", "One of the 5,103 spellings, in the order of enumeration."),
    Column("entry", "int32", "", "Number of its entry, 0 to 2912, in order of first appearance."),
    Column(
        "canonical_class",
        "int32",
        "",
        "Class of the functions that are equal in exact arithmetic, in order of first appearance.",
    ),
    Column(
        "outputs",
        f"float32[{OUTPUT_POINTS}]",
        "",
        "Values of the function at the points of the space; may be infinite or NaN.",
    ),
)

ANY_ENTRY: Final = Column(
    "entry", "int32", "", "Number of the function in the space; null outside it."
)
"""Where a row may be of a function outside the space."""

FIDELITY: Final = Column("fidelity", "string", "", "Name of the recipe of this table.")

LITERATURE_COLUMNS: Final = (
    Column("row", "int32", "", "Number of the result in the transcription, from 1."),
    Column(
        "source",
        "string",
        "",
        "Citation key of the paper: a key of act_bench.functions.catalogue.SOURCES.",
    ),
    Column("table", "string", "", "Table or figure of the paper."),
    Column(
        "read_from",
        "string",
        "",
        "What was transcribed: paper, poster (of the paper) or slides (that reprint its tables).",
    ),
    Column(
        "function", "string", "", "The function: a key of act_bench.functions.catalogue.CATALOGUE."
    ),
    Column("printed", "string", "", "Its name or formula as printed, in plain text."),
    Column(
        "expression",
        "string",
        "",
        "The function in the notation of the space; null where it has none.",
    ),
    ANY_ENTRY,
    Column("architecture", "string", "", "The network."),
    Column("setting", "string", "", "What else was varied; null if nothing."),
    Column("dataset", "string", "", "The data it was trained on."),
    Column("split", "string", "", "The data it was measured on; null if not stated."),
    Column(
        "metric",
        "string",
        "",
        "top1_accuracy, top5_accuracy, bleu, dpo_accuracy, dpo_loss or dpo_margin_reward.",
    ),
    Column("value", "float64", "", "The result, in the unit of the column unit."),
    Column("unit", "string", "", "fraction, BLEU, or raw where the paper names no unit."),
    Column("precision", "float64", "", "One unit of the last printed digit of the value."),
    Column("run", "int32", "", "Rank of the run by top-1 accuracy, from 1; null if not a run."),
    Column("runs", "int32", "runs", "Number of runs behind the statistic; null if not stated."),
    Column("statistic", "string", "", "median, single or ranked run; null if not stated."),
    Column("selection", "string", "", "What was chosen by the result; null if nothing."),
    Column(
        "flags",
        "list<string>",
        "",
        "Doubts about the transcription: repaired, inferred, imprecise, contradicted; see "
        "docs/reference/literature.md. Empty for most.",
    ),
)

ENTROPY_COLUMNS: Final = (
    Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
    Column(
        "entropy_nats",
        "float64",
        "nats",
        "Entropy functional of Sun et al. (2024) at Gaussian inputs, over where the function rises "
        "or falls; null where that is nowhere.",
    ),
    Column("flat", "float64", "fraction", "Probability of inputs at which it is constant."),
)

LIMIT_COLUMNS: Final = (
    Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
    Column(
        "limit_at_zero",
        "float64",
        "",
        "Limit of the function at 0, where its formula as written gives no number there for the "
        "value or the slope, as 0/0 does: such an entry diverges as soon as an input is exactly 0. "
        "Null for all other entries.",
    ),
    Column(
        "slope_at_zero",
        "float64",
        "",
        "Limit of its slope at 0, the mean of those from the two sides; null where the other is.",
    ),
)

EMBEDDING_COLUMNS: Final = (
    Column("entry", "int32", "", "Number of the function, 0 to 2912; the row number."),
    Column("x", "float32", "", "First coordinate in the map: UMAP of the outputs, no unit."),
    Column("y", "float32", "", "Second coordinate."),
)

METRICS: Final = (
    "train_accuracy",
    "validation_accuracy",
    "test_accuracy",
    "train_loss",
    "validation_loss",
    "test_loss",
)


def one_of(kind: str, name: str, choices: Iterable[str]) -> str:
    """Return ``name`` if it is one of ``choices``.

    Raises
    ------
    UnknownNameError
        If it is not; the message lists the choices and offers the nearest.

    Examples
    --------
    >>> one_of("metric", "test_los", METRICS[-2:])
    Traceback (most recent call last):
        ...
    act_bench.tables.schema.UnknownNameError: no metric 'test_los'; choose from validation_loss,
    test_loss; did you mean 'test_loss'?
    """
    known = list(choices)
    if name in known:
        return name
    hint = did_you_mean(name, known)
    raise UnknownNameError(
        f"no {kind} {name!r}; choose from {', '.join(known)}" + (f"; {hint}" if hint else "")
    )


def names(columns: Iterable[Column]) -> list[str]:
    """Return the names of ``columns``."""
    return [column.name for column in columns]


def scalar_names(columns: Iterable[Column]) -> list[str]:
    """Return the names of the columns that hold one value a cell: all but lists and vectors.

    Examples
    --------
    >>> "outputs" in scalar_names(ENTRY_COLUMNS)
    False
    """
    return [column.name for column in columns if column.is_scalar]


_DTYPE = re.compile(r"list<(?P<item>\w+)>|(?P<vector>\w+)\[(?P<length>\d+)\]|(?P<scalar>\w+)")


def split_dtype(dtype: str) -> tuple[str, Literal["scalar", "list"], int | None]:
    """Split a dtype word into the type of its values, whether it is a list, and its fixed length.

    Examples
    --------
    >>> split_dtype("float32[80]"), split_dtype("list<string>"), split_dtype("int32")
    (('float32', 'list', 80), ('string', 'list', None), ('int32', 'scalar', None))
    """
    match = _DTYPE.fullmatch(dtype)
    if match is None:
        raise ArgumentError(f"no such dtype {dtype!r}: expected T, list<T> or T[n]")
    if match["vector"]:
        return match["vector"], "list", int(match["length"])
    if match["item"]:
        return match["item"], "list", None
    return match["scalar"], "scalar", None


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the Arrow schema of ``columns``; imports pyarrow.

    Examples
    --------
    >>> arrow_schema(ENTRY_COLUMNS).field("outputs").type
    FixedSizeListType(fixed_size_list<item: float>[80])
    """
    import pyarrow as pa

    fields = []
    for column in columns:
        item, kind, length = split_dtype(column.dtype)
        value = getattr(pa, item)()
        if kind == "list":
            value = pa.list_(value) if length is None else pa.list_(value, length)
        fields.append(pa.field(column.name, value))
    return pa.schema(fields)
