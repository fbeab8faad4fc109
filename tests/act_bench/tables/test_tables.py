"""The loaders: what they return, and what they refuse."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest

import act_bench
from act_bench.errors import ArgumentTypeError
from act_bench.files import manifest
from act_bench.files.manifest import DataError
from act_bench.tables import configurations, schema
from act_bench.tables.rates import TUNED_COLUMNS
from act_bench.tables.schema import UnknownNameError


def test_load_table_has_every_column_and_entry(data_folder):
    table = act_bench.load_table("mlp")
    assert table.columns == [*schema.names(schema.ENTRY_COLUMNS), "learning_rate"]
    assert table["entry"].to_list() == [0, 1, 2, 3]
    assert table["outcome"].to_list() == ["ok", "missing", "ok", "diverged"]
    assert table.schema["outputs"] == pl.Array(pl.Float32, 80)
    assert table.schema["validation_accuracy"] == pl.Float64
    assert table["equivalent_expressions"].to_list() == [[], ["add(one(x),zero(x))"], [], []]


def test_metrics_are_null_and_not_nan_unless_ok(data_folder):
    table = act_bench.load_table("mlp")
    for name in schema.METRICS:
        assert table[name].is_null().to_list() == [False, True, False, True]
        assert table[name].drop_nulls().is_finite().all()


def test_outputs_keep_infinities_and_nan(data_folder):
    outputs = act_bench.load_table("mlp", columns=["outputs"])["outputs"][3]
    assert outputs[0] == math.inf
    assert outputs[1] == -math.inf
    assert math.isnan(outputs[2])


def test_columns_come_in_the_order_asked(data_folder):
    table = act_bench.load_table("mlp", columns=["runs", "expression"])
    assert table.columns == ["runs", "expression"]
    runs = act_bench.load_runs("mlp", fidelity="full", columns=["seed", "entry"])
    assert runs.columns == ["seed", "entry"]
    assert act_bench.load_runs("mlp", columns=["seed"]).columns == ["seed"]


def test_load_runs_is_sorted_and_complete(data_folder):
    runs = act_bench.load_runs("mlp")
    assert runs.columns == schema.names(schema.RUN_COLUMNS)
    assert runs.select("entry", "seed").rows() == [(e, s) for e in (0, 2, 3) for s in range(4)]
    assert runs.equals(act_bench.load_runs("mlp", fidelity="full"))


@pytest.mark.parametrize("load", [act_bench.load_table, act_bench.load_runs])
@pytest.mark.parametrize(
    "make",
    [list, tuple, iter, pl.Series, np.array, dict.fromkeys, lambda names: (n for n in names)],
)
def test_columns_are_any_iterable_of_names_once(data_folder, load, make):
    names = ["outcome", "entry", "outcome"]
    assert load("mlp", columns=make(names)).columns == ["outcome", "entry"]
    with pytest.raises(UnknownNameError, match="no column 'entri'"):
        load("mlp", columns=make(["entry", "entri"]))
    for wrong in ("entry", b"entry", 3, True, np.array("entry"), pl.col("entry")):
        with pytest.raises(ArgumentTypeError, match="expected a list of names"):
            load("mlp", columns=wrong)


def test_runs_of_a_fidelity_that_was_not_trained_are_an_error_as_its_table_is():
    for load in (act_bench.load_table, act_bench.load_runs):
        with pytest.raises(manifest.DataError, match="at fidelity reduced; its embedded fideliti"):
            load("cnn", fidelity="reduced")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: act_bench.load_table("mpl"), r"no table 'mpl'.*did you mean 'mlp'\?"),
        (lambda: act_bench.load_table("mlp", fidelity="ful"), r"no fidelity.*'ful'.*mean 'full'"),
        (lambda: act_bench.load_table("mlp", edition="up"), r"no edition 'up'; choose from reg"),
        (lambda: act_bench.load_table("mlp", "up", rate="tuned"), "no edition 'up'"),
        (
            lambda: act_bench.load_table("mlp", "full"),
            r"write load_table\('mlp', fidelity='full'\)",
        ),
        (lambda: act_bench.load_table("mlp", "up", limits=True), "no edition 'up'"),
        (lambda: act_bench.distance("relu", "elu", edition="up"), "no edition 'up'"),
        (lambda: act_bench.distance("relu", "elu", table="mpl"), "no table 'mpl'"),
        (lambda: act_bench.distance("relu", "elu", weighting="w"), "no weighting 'w'"),  # type: ignore[arg-type]
        (
            lambda: act_bench.load_table("mlp", columns=["val_accuracy"]),
            r"no column 'val_accuracy'.*mean 'validation_accuracy'",
        ),
        (
            lambda: act_bench.load_runs("mlp", fidelity="half"),
            "no fidelity of the table mlp 'half'",
        ),
        (lambda: act_bench.load_runs("mlp", columns=["outputs"]), "no column 'outputs'"),
        (
            lambda: act_bench.load_dataset("act-bench", "mlp-ful"),
            r"no configuration.*mean 'mlp-full'",
        ),
        (lambda: act_bench.load_dataset("act-bench", "mlp", split="test"), "no split 'test'"),
        (lambda: act_bench.load_dataset("mlp-runs"), r"load_dataset\('act-bench', 'mlp-runs'\)"),
        (lambda: act_bench.load_dataset("squad", "mlp"), r"load_dataset\('act-bench', 'mlp'\)"),
    ],
)
def test_unknown_names_are_refused_with_the_choices(data_folder, call, message):
    with pytest.raises(UnknownNameError, match=message):
        call()


def test_limits_have_the_outputs_as_features(data_folder):
    with pytest.raises(ValueError, match="leave out features"):
        act_bench.load_table("mlp", limits=True, features="fim")


def test_a_string_is_no_list_of_columns(data_folder):
    with pytest.raises(TypeError, match="expected a list of names, got the string 'runs'"):
        act_bench.load_table("mlp", columns="runs")


def test_known_tables_without_data_say_so(data_folder):
    with pytest.raises(DataError, match=r"the table cnn .* embeds no data"):
        act_bench.load_table("cnn")
    with pytest.raises(DataError, match=r"the table cnn .* embeds no data"):
        act_bench.load_runs("cnn", fidelity="proxy")
    with pytest.raises(DataError, match=r"no data of the configuration 'cnn-runs'.*mlp, mlp-full"):
        act_bench.load_dataset("act-bench", "cnn-runs")


def test_a_damaged_file_is_never_read(data_folder):
    for name in ("mlp-full.parquet", "mlp-runs.parquet"):
        (data_folder / name).write_bytes((data_folder / name).read_bytes()[:-1])
    for load in (
        lambda: act_bench.load_table("mlp", columns=["runs"]),
        lambda: act_bench.load_runs("mlp", fidelity="full"),
        lambda: act_bench.load_dataset("act-bench", "mlp"),
    ):
        with pytest.raises(DataError, match="is damaged"):
            load()


def test_configurations_are_those_of_the_design(data_folder):
    assert list(configurations.configurations()) == ["mlp", "mlp-full", "mlp-runs", "space"]
    assert set(configurations.known_configurations()) >= {
        "cnn",
        "cnn-proxy",
        "cnn-reduced",
        "cnn-full",
    }


@pytest.mark.parametrize("name", ["mlp", "mlp-full", "mlp-runs", "space"])
def test_load_dataset_has_full_features_and_the_same_rows(data_folder, name):
    dataset = act_bench.load_dataset("act-bench", name, split="train")
    configuration = configurations.configurations()[name]
    assert dataset.column_names == schema.names(configuration.columns)
    for column in configuration.columns:
        item, kind, length = schema.split_dtype(column.dtype)
        feature = dataset.features[column.name]
        if kind == "list":
            assert feature.length == (length or -1)
            feature = feature.feature
        assert feature.dtype == item
    expected = pl.read_parquet(data_folder / configuration.file)
    assert pl.DataFrame(pl.from_arrow(dataset.with_format("arrow")[:])).equals(expected)


def test_load_dataset_says_what_it_is(data_folder):
    dataset = act_bench.load_dataset("act-bench")
    assert str(dataset.split) == "train"
    assert dataset.info.config_name == "mlp"
    assert dataset.info.license == "CC-BY-4.0"
    assert "fidelity full, edition regenerated" in dataset.info.description
    assert dataset[3]["validation_accuracy"] is None
    assert len(dataset[0]["outputs"]) == 80


@pytest.mark.parametrize("name", configurations.configurations())
def test_arrays_of_every_configuration(name):
    dataset = act_bench.load_dataset("act-bench", name)
    with np.errstate(over="ignore"):  # float32, the default of datasets: some losses are beyond it
        arrays = dataset.select(range(min(dataset.num_rows, 400))).with_format("numpy")[:]
    assert list(arrays) == dataset.column_names
    for column in configurations.configurations()[name].columns:
        item, _, length = schema.split_dtype(column.dtype)
        if length is not None:
            assert arrays[column.name].shape == (len(arrays[column.name]), length)
            # The numpy format of datasets has one width for all whole numbers.
            kept = np.float32 if item == "float32" else np.int64
            assert arrays[column.name].dtype == kept
    if "fim_valid" in arrays:
        missing = np.isnan(arrays["fim_quantiles"])
        assert missing.all(axis=1).tolist() == missing.any(axis=1).tolist()
        assert missing.all(axis=1).tolist() == (~arrays["fim_valid"]).tolist()
    for library in ("torch", "jax"):
        if find_spec(library) is not None:
            few = dataset.select(range(min(dataset.num_rows, 30)))
            with np.errstate(over="ignore"):
                same_arrays(few.with_format(library)[:], few.with_format("numpy")[:])


def same_arrays(found, expected):
    """Check that tensors of any library are the same numbers, NaN included."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        if isinstance(values, np.ndarray) and values.dtype.kind in "bif":
            np.testing.assert_array_equal(np.asarray(found[name]), values)
        else:
            assert len(found[name]) == len(values)


def test_main_configurations_hold_the_spectra():
    for table in ("mlp", "cnn", "resnet", "vit"):
        main = configurations.configurations()[table]
        assert schema.names(main.columns)[-3:] == ["fim_quantiles", "fim_valid", "fim_reason"]
        own = [*schema.names(TUNED_COLUMNS), "equivalent_expressions", "outputs"]
        assert schema.names(main.columns)[:-3] == own
        assert main.exported == f"{table}.parquet"
    ours = pl.DataFrame(configurations.configurations()["mlp"].read())
    assert ours.equals(act_bench.load_table("mlp", features="union"))


def test_load_dataset_without_any_data(data_folder):
    (data_folder / "manifest.json").write_text('{"files": {}}')
    with pytest.raises(DataError, match="it has none at all"):
        act_bench.load_dataset("act-bench")


def test_verified_is_asked_for_each_load(data_folder, monkeypatch):
    """A second load in one process notices a file that changed in between."""
    act_bench.load_table("mlp")
    (data_folder / "mlp-full.parquet").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        act_bench.load_table("mlp")
    assert data_folder == manifest.DATA_FOLDER
