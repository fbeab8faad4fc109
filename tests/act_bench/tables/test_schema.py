"""The schema against the design, the documents and the embedded files."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from act_bench.files.manifest import read_manifest, verified
from act_bench.publishing.export import markdown_columns
from act_bench.tables import registry, schema
from act_bench.tables.catalogued.named import NAMED_COLUMNS
from act_bench.tables.configurations import configurations
from act_bench.tables.files import embedded_fidelities, entries_name
from act_bench.tables.inputs.distributions import INPUT_COLUMNS
from act_bench.tables.ladder.sample import SAMPLE_COLUMNS
from act_bench.tables.maps import MAP_COLUMNS
from act_bench.tables.rates import RATE_COLUMNS, TUNED_COLUMNS
from act_bench.tables.spectra import fisher_columns

ROOT = Path(__file__).parents[3]
ALL_COLUMNS = {
    "entries": schema.ENTRY_COLUMNS,
    "runs": schema.RUN_COLUMNS,
    "rates": RATE_COLUMNS,
    "tuned": TUNED_COLUMNS,
    "sample": SAMPLE_COLUMNS,
    "space": schema.SPACE_COLUMNS,
    "embedding": schema.EMBEDDING_COLUMNS,
    "maps": MAP_COLUMNS,
    "limits": schema.LIMIT_COLUMNS,
    "literature": schema.LITERATURE_COLUMNS,
    "named": NAMED_COLUMNS,
    "inputs": INPUT_COLUMNS,
    "fisher": fisher_columns(registry.TABLES["mlp"].spectrum_layers),
}


def _listed(heading: str) -> list[str]:
    """Names that docs/design.md lists after a heading such as "Entry columns"."""
    text = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    match = re.search(rf"{heading}: `([^`]+)`", text)
    assert match
    return re.split(r",\s+", match[1])


@pytest.mark.parametrize(
    ("heading", "columns"),
    [("Entry columns", schema.ENTRY_COLUMNS), ("Run columns", schema.RUN_COLUMNS)],
)
def test_columns_are_those_of_the_design(heading, columns):
    assert schema.names(columns) == _listed(heading)


def test_run_columns_are_the_fields_of_a_run():
    dataclass = pytest.importorskip("regenerate.runs.run").Run
    assert sorted(schema.names(schema.RUN_COLUMNS)) == sorted(dataclass.__dataclass_fields__)


@pytest.mark.parametrize("document", ["docs/reference/tables.md", "DATASET_CARD.md"])
@pytest.mark.parametrize("kind", ALL_COLUMNS)
def test_documents_list_the_columns(document, kind):
    expected = markdown_columns(ALL_COLUMNS[kind])
    text = (ROOT / document).read_text(encoding="utf-8")
    assert expected in text, f"{document} must hold this table:\n{expected}"


def test_units_and_meanings():
    for columns in ALL_COLUMNS.values():
        assert len(set(schema.names(columns))) == len(columns)
        for column in columns:
            assert column.meaning.endswith(".")
            if "accuracy" in column.name:
                assert column.unit == "fraction"
            elif "loss" in column.name:
                assert column.unit == "nats"
            elif column.name.endswith("_s"):
                assert column.unit == "seconds"


def test_arrow_types():
    made = schema.arrow_schema(
        [schema.Column(word, word, "", "") for word in ("int32", "list<float32>", "float32[3]")]
    )
    assert made.types == [pa.int32(), pa.list_(pa.float32()), pa.list_(pa.float32(), 3)]
    with pytest.raises(ValueError, match="no such dtype"):
        schema.split_dtype("list<float32")


def test_unknown_names_offer_the_nearest():
    with pytest.raises(schema.UnknownNameError, match=r"no table 'CNN'; choose from mlp, cnn"):
        registry.table_info("CNN")
    with pytest.raises(schema.UnknownNameError, match=r"fidelity of the table cnn.*'proxy'\?"):
        registry.choose_fidelity("cnn", "proxi")


@pytest.mark.parametrize("table", registry.TABLES.values(), ids=list(registry.TABLES))
def test_tables_are_consistent(table):
    assert registry.TABLES[table.name] is table
    assert table.default_fidelity in table.fidelities
    assert 0 < table.chance < 1


def test_default_fidelity_is_the_highest_that_covers_every_entry():
    files = read_manifest()
    for table in registry.TABLES.values():
        embedded = embedded_fidelities(table.name)
        counts = {name: files[entries_name(table.name, name)].counts for name in embedded}
        covering = [name for name in embedded if counts[name].get("missing", 0) == 0]
        if covering:
            assert table.default_fidelity == covering[-1]


def test_embedded_files_have_the_columns_rows_and_counts():
    """The data that are shipped, against the schema and the manifest."""
    files = read_manifest()
    rows = {configuration.file: configuration for configuration in configurations().values()}
    assert set(rows) == set(files), "an embedded file belongs to no configuration"
    for name, record in files.items():
        table = pq.read_table(verified(name))
        assert table.schema.equals(schema.arrow_schema(rows[name].columns)), name
        assert table.num_rows == record.rows
        for column in table.columns:  # pyarrow up to 25 cannot read a null vector
            assert not (pa.types.is_fixed_size_list(column.type) and column.null_count), name
        if rows[name].columns is schema.ENTRY_COLUMNS:
            assert table["entry"].to_pylist() == list(range(schema.ENTRIES))
            assert sum(record.counts.values()) == schema.ENTRIES
            assert (
                sum(value == "ok" for value in table["outcome"].to_pylist()) == record.counts["ok"]
            )
        if rows[name].columns is schema.SPACE_COLUMNS:
            assert record.rows == schema.EXPRESSIONS
