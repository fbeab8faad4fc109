"""Features of any expressions in one Parquet file, from which a stopped run resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from act_bench.files import sealed
from act_bench.files.manifest import ABOUT, DataError
from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import table_info
from act_bench.tables.schema import OUTPUT_POINTS, Column, arrow_schema
from act_bench.tables.spectra import QUANTILES, LayerSize, fisher_columns, nan_for_null
from regenerate.fisher.convention import FisherConvention
from regenerate.fisher.coverage import EXCLUDED_NAMES
from regenerate.fisher.features import FisherFeature, fisher_feature
from regenerate.fisher.networks import Setting

SAVE_SECONDS: Final = 30.0
"""A kill costs what was computed since the file was last written, at most so long ago."""


class FeatureFileError(DataError):
    """A file that cannot be gone on with: damaged, or of another table or convention."""


def feature_columns(table: str) -> tuple[Column, ...]:
    """Return the columns of a file with features in a table's network.

    Raises
    ------
    FeatureFileError
        If the record of the table does not say how many layers its spectra have.
    """
    layers = table_info(table).spectrum_layers
    if layers is None:
        raise FeatureFileError(
            f"how many layers a spectrum of the table {table} has is not known: register the table "
            "with spectrum_layers"
        )
    _, quantiles, valid, reason = fisher_columns(layers)
    exact = quantiles._replace(
        meaning=f"Quantile function of each layer's log eigenvalues, {QUANTILES} values per layer; "
        "names and sizes of layers are in the file's metadata. NaN if not valid."
    )
    return (
        Column("expression", "string", "", "The function."),
        Column(
            "outputs",
            f"float64[{OUTPUT_POINTS}]",
            "",
            "Its values at the points of the space; may have infinities and NaN.",
        ),
        exact,
        valid,
        reason,
    )


def extend(
    path: Path, expressions: Sequence[Expression | NamedFunction], setting: Setting
) -> Generator[int, None, None]:
    """Compute the features that a file does not hold yet, write it, and yield how many are done.

    The file holds what was there and then the others in their order, every function once. It is
    written whole every :data:`SAVE_SECONDS` and at the end, also when the iteration is stopped.
    ``act_bench.tables.spectra.read_spectra`` reads its spectra.

    Parameters
    ----------
    path
        Parquet; made if it does not exist.
    expressions
        Any, in the space or not.
    setting
        Of the table.

    Yields
    ------
    int
        How many of the expressions the file or the memory holds.

    Raises
    ------
    FeatureFileError
        If the file is damaged, or its features are of another convention.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> from act_bench.tables.spectra import read_spectra
    >>> from regenerate.fisher.networks import setting
    >>> file = getfixture("tmp_path") / "features.parquet"
    >>> functions = [parse("sinh(tanh(x))"), parse("zero(x)")]
    >>> list(extend(file, functions, setting("mlp")))
    [0, 1, 2]
    >>> list(extend(file, [*functions, parse("erf(erf(x))")], setting("mlp")))
    [2, 3]
    >>> read_spectra(file).valid.tolist()
    [True, False, True]
    """
    schema = arrow_schema(feature_columns(setting.convention.table))
    held, layers = _read(path, setting.convention, schema)
    known = set(held["expression"].to_pylist())
    # By spelling, in order, once each.
    wanted = {str(expression): expression for expression in expressions}
    missing = [each for text, each in wanted.items() if text not in known]
    done = len(wanted) - len(missing)
    yield done
    points = load_space().points
    rows: list[dict[str, object]] = []
    saved = time.monotonic()
    try:
        for expression in missing:
            feature = fisher_feature(expression, setting)
            layers = layers or feature.layers
            rows.append(_row(expression, expression.to_numpy()(points).tolist(), feature))
            done += 1
            if time.monotonic() - saved > SAVE_SECONDS:
                held = _write(path, held, rows, setting.convention, layers)
                rows.clear()
                saved = time.monotonic()
            yield done
    finally:
        if rows or not path.exists():
            _write(path, held, rows, setting.convention, layers)


def _row(
    expression: Expression | NamedFunction, outputs: list[float], feature: FisherFeature
) -> dict[str, object]:
    return {
        "expression": str(expression),
        "outputs": outputs,
        "fim_quantiles": None if feature.quantiles is None else feature.quantiles.ravel(),
        "fim_valid": feature.valid,
        "fim_reason": feature.reason or None,
    }


def _write(
    path: Path,
    held: pa.Table,
    rows: Sequence[dict[str, object]],
    convention: FisherConvention,
    layers: Sequence[LayerSize],
) -> pa.Table:
    """Write the rows that were held and the new ones, and return all."""
    about = {
        "table": convention.table,
        "layers": [layer._asdict() for layer in layers],
        "quantiles": QUANTILES,
        "convention": json.loads(convention.canonical_json()),
        "convention_sha": convention.sha,
        "excluded": EXCLUDED_NAMES,
        "made": f"act-bench features --table {convention.table}",
    }
    table = pa.concat_tables([held, pa.Table.from_pylist(list(rows), schema=held.schema)])
    position = table.schema.get_field_index("fim_quantiles")
    lists, length = table.column(position).combine_chunks(), table.schema.types[position].list_size
    table = table.set_column(position, table.schema.field(position), nan_for_null(lists, length))
    described = table.replace_schema_metadata({ABOUT: json.dumps(about, sort_keys=True)})
    sealed.write(path, described)
    return table


def _read(
    path: Path, convention: FisherConvention, schema: pa.Schema
) -> tuple[pa.Table, tuple[LayerSize, ...]]:
    """Return the rows of a file, none if there is no file, and the layers it knows of."""
    if not path.exists():
        return schema.empty_table(), ()
    try:
        table, _ = sealed.read(path)
        about = json.loads((table.schema.metadata or {})[ABOUT])
        sha = about["convention_sha"]
        layers = tuple(LayerSize(**layer) for layer in about["layers"])
        table = table.replace_schema_metadata(None)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FeatureFileError(
            f"{path}: expected a file by act-bench features, got something else or a damaged one "
            f"({error}); move it away or choose another name"
        ) from error
    if sha != convention.sha or table.schema != schema:
        raise FeatureFileError(
            f"{path}: expected features of the convention {convention.sha} of the table "
            f"{convention.table}, got those of {sha} of {about.get('table')}; choose another name"
        )
    return table, layers
