"""Import of generated files: what gets into the tables, what into the report, and the CLI."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

import act_bench
from act_bench.cli import main
from act_bench.files.manifest import DataError
from act_bench.search.loading import load_data
from act_bench.spaces.paper import load_space
from act_bench.tables import upstream
from act_bench.tables.distances import cdf_distances
from act_bench.tables.schema import ENTRY_COLUMNS, METRICS, names
from builders.upstream.convert import import_file
from builders.upstream.stream import CDF_KEY, UpstreamFormatError
from surrogates.optimizers import OPTIMIZERS
from surrogates.simulation import simulate
from tests.builders.upstream_files import CNN_BINS, FIRST_KEY, write_large, write_upstream

SPACE = load_space()
GOOD = {
    "Train Accuracy": 0.9,
    "Validation Accuracy": 0.8,
    "Train Loss": 0.3,
    "Validation Loss": 0.4,
    "Test Accuracy": 0.7,
    "Test Loss": 0.5,
    "Equivalent Activation Functions": [],
    CDF_KEY: [0.0, 0.5, 1.0],
    "Runtime (s)": 12.5,
}
KEYS = dict(zip(METRICS, ["Train Accuracy", "Validation Accuracy", "Test Accuracy"], strict=False))
KEYS |= {name: name.replace("_", " ").title() for name in METRICS}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test has its own cache, so that nobody's imports are touched."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ACT_BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def file(tmp_path):
    return tmp_path / "act-bench-cnn.json"


def import_document(file, document, table="cnn"):
    file.write_text(json.dumps(document), encoding="utf-8")
    return import_file(file, table)


def test_a_whole_file_becomes_the_table_by_brute_force(file):
    document = write_upstream(file, seed=1)
    report = import_file(file, "cnn")
    table = act_bench.load_table("cnn", edition="upstream")
    assert table.columns == [*names(ENTRY_COLUMNS), "learning_rate"]
    assert table["learning_rate"].null_count() == table.height
    assert table["entry"].to_list() == list(range(2913))
    assert table["expression"].to_list() == list(SPACE.representatives)
    np.testing.assert_array_equal(table["outputs"].to_numpy(), SPACE.outputs)
    rows = {SPACE.entry_of[key]: values for key, values in document.items()}
    assert len(rows) == len(document) == 2913
    for row in table.iter_rows(named=True):
        values = rows[row["entry"]]
        trains = all(math.isfinite(values[key]) for key in KEYS.values())
        assert row["outcome"] == ("ok" if trains else "diverged")
        for column, key in KEYS.items():
            assert row[column] == (values[key] if trains else None)
        assert row["runtime_s"] == values["Runtime (s)"]
        assert (row["runs"], row["diverged_runs"]) == (3, None)
    assert sum(report.matched.values()) == report.keys == 2913
    assert set(report.matched) == {"exact", "commuted", "numerical"}
    assert report.equivalence_agrees == 2913
    assert not report.unmatched
    assert not report.problems
    assert report.outcomes == {
        "ok": table["outcome"].to_list().count("ok"),
        "diverged": table["outcome"].to_list().count("diverged"),
        "missing": 0,
    }


def test_vectors_are_those_of_the_file(file):
    document = write_upstream(file, count=300, seed=2)
    import_file(file, "cnn")
    cdfs = upstream.load_cdfs("cnn")
    wanted = {
        SPACE.entry_of[key]: values[CDF_KEY]
        for key, values in document.items()
        if values.get(CDF_KEY) and np.isfinite(values[CDF_KEY]).all()
    }
    assert cdfs.entries.tolist() == sorted(wanted)
    np.testing.assert_array_equal(
        cdfs.values, np.array([wanted[entry] for entry in sorted(wanted)], np.float32)
    )
    brute = [
        np.abs(np.subtract(wanted[int(e)], wanted[int(cdfs.entries[3])])).sum()
        for e in cdfs.entries
    ]
    [distances] = cdf_distances(cdfs.values[3:4], cdfs.values)
    np.testing.assert_allclose(distances, brute, atol=1e-5)


def test_vectors_of_the_real_length(file):
    write_large(file, 1_000_000, valid=1.0)
    report = import_file(file, "cnn")
    assert report.fim_bins == report.fim_bins_expected == sum(CNN_BINS)
    assert upstream.load_cdfs("cnn").values.shape == (report.fim_valid, 13_683)


def test_searches_run_on_it(file):
    write_upstream(file, seed=3)
    import_file(file, "cnn")
    bench = act_bench.Benchmark("cnn", edition="upstream")
    result = bench.query("max(relu(x), elu(x))")
    row = act_bench.load_table("cnn", edition="upstream").row(result.entry, named=True)
    assert result.validation_accuracy == row["validation_accuracy"]
    assert result.cost_s == 3 * row["runtime_s"]
    assert "edition upstream, fidelity full" in repr(bench)
    data = load_data("cnn", edition="upstream")
    chosen = {name: OPTIMIZERS[name] for name in list(OPTIMIZERS)[:2]}
    simulation = simulate(data, chosen, trials=2, evaluations=10, seed=0)
    assert simulation is not None
    with pytest.raises(ValueError, match="has no single runs, so none with seed 3"):
        act_bench.Benchmark("cnn", edition="upstream", seed=3)
    with pytest.raises(ValueError, match=r"no fidelity of the upstream edition .* 'proxy'"):
        act_bench.load_table("cnn", edition="upstream", fidelity="proxy")


def test_rules_of_outcomes_and_places_in_the_report(file):
    without = {key: value for key, value in GOOD.items() if key != "Test Loss"}
    document = {
        "relu(x)": GOOD,
        "add(zero(x),zero(x))": GOOD | {"Validation Loss": math.nan, "Validation Accuracy": 0.9},
        "add(zero(x),one(x))": GOOD | {"Train Loss": math.inf, "Validation Accuracy": 0.1},
        "add(zero(x),abs(x))": without,
        "elu(x)": GOOD | {"Test Accuracy": 70.0},
        "tanh(x)": GOOD | {"Test Accuracy": "high"},
        "selu(x)": GOOD | {"Runtime (s)": -1.0, "Equivalent Activation Functions": "relu(x)"},
        "swish(x)": GOOD | {"Test Loss": 10**400},
    }
    report = import_document(file, document)
    table = act_bench.load_table("cnn", edition="upstream")

    def outcome(expression):
        return table["outcome"][SPACE.resolve(expression).entry]

    assert [outcome(key) for key in document] == [
        "ok",
        "diverged",
        "diverged",
        "missing",
        "missing",
        "missing",
        "ok",
        "missing",
    ]
    assert report.outcomes == {"ok": 2, "diverged": 2, "missing": 2909}
    assert report.diverged_above_chance == 1
    assert table["runtime_s"][SPACE.resolve("selu(x)").entry] is None
    content = file.read_bytes()
    places = {place.expression: place for place in report.problems}
    for expression, place in places.items():
        assert content[place.offset :].startswith(f'"{expression}"'.encode())
    assert {name: place.what for name, place in places.items()} == {
        "add(zero(x),abs(x))": "the key 'Test Loss' is missing",
        "elu(x)": "'Test Accuracy' is 70.0, expected a fraction",
        "tanh(x)": "'Test Accuracy' is not a number but str",
        "selu(x)": "'Equivalent Activation Functions' is not a list of strings",
        "swish(x)": "'Test Loss' is a number of 401 digits",
    }
    recorded = upstream.load_recorded("cnn")
    row = recorded.row(1, named=True)
    assert math.isnan(row["validation_loss"])  # nothing is dropped from what was recorded
    assert row["validation_accuracy"] == 0.9


def test_keys_outside_the_space_and_twice_the_same_function(file):
    document = {
        "relu(x)": GOOD,
        "max(x,zero(x))": GOOD | {"Test Accuracy": 0.1},
        "sinh(sinh(sinh(x)))": GOOD,
        "relux(x)": GOOD,
        "": GOOD,
    }
    report = import_document(file, document)
    assert [(place.expression, place.offset > 0) for place in report.unmatched] == [
        ("sinh(sinh(sinh(x)))", True),
        ("relux(x)", True),
        ("", True),
    ]
    assert "not one of the functions of the space" in report.unmatched[0].what
    assert "no expression" in report.unmatched[1].what
    [repeated] = report.repeated
    assert (repeated.expression, repeated.what) == ("max(x,zero(x))", "entry 20, as `relu(x)`")
    table = act_bench.load_table("cnn", edition="upstream")
    assert table["test_accuracy"][20] == 0.7  # the first in the file
    assert len(report.entries_without_key) == 2912
    assert upstream.load_recorded("cnn").height == 5
    markdown = report.to_markdown()
    assert "## Not resolved (3)" in markdown
    assert "and 2,892 more in report.json" in markdown


def test_unknown_keys_are_kept_and_counted(file):
    document = {"relu(x)": GOOD | {"Note": {"a": [1]}}, "elu(x)": GOOD | {"Note": 2, "New": 3}}
    report = import_document(file, document)
    assert report.unknown_keys == {"Note": 2, "New": 1}
    extra = [json.loads(text) for text in upstream.load_recorded("cnn")["extra"]]
    assert extra == [{"Note": {"a": [1]}}, {"Note": 2, "New": 3}]


def test_why_vectors_are_invalid(file):
    good = [key for key in GOOD if key != CDF_KEY]
    vectors = {
        "relu(x)": [0.0, 0.5, 1.0],
        "elu(x)": [0.0, 0.25, 1.0],
        "selu(x)": [0.0, 1.0],
        "tanh(x)": [],
        "swish(x)": [0.0, math.nan, 1.0],
        "abs(x)": None,
        "exp(x)": [0.0, "1", 1.0],
    }
    document = {key: GOOD | {CDF_KEY: vector} for key, vector in vectors.items()}
    document["square(x)"] = {key: GOOD[key] for key in good}
    report = import_document(file, document)
    assert (report.fim_valid, report.fim_bins) == (2, 3)
    assert report.fim_problems == {
        "wrong length": 1,
        "empty": 1,
        "not finite": 1,
        "not a list": 1,
        "not a number": 1,
        "missing": 1,
    }
    problems = upstream.load_recorded("cnn")["fim_problem"].to_list()
    assert problems[2] == "wrong length (2, expected 3)"
    assert problems[4] == "not finite (first at index 1)"
    cdfs = upstream.load_cdfs("cnn")
    wanted = {SPACE.resolve(key).entry: vectors[key] for key in ("relu(x)", "elu(x)")}
    assert dict(zip(cdfs.entries.tolist(), cdfs.values.tolist(), strict=True)) == wanted


def test_equivalence_lists_are_compared(file):
    ours = [text for text, entry in SPACE.entry_of.items() if entry == 20]
    listed = [*ours[1:], "add(zero(x), one(x))", "sinh(sinh(sinh(x)))", "no expression("]
    document = {
        "relu(x)": GOOD | {"Equivalent Activation Functions": listed},
        FIRST_KEY: GOOD | {"Equivalent Activation Functions": ["min(selu(x),square(x))"]},
    }
    report = import_document(file, document)
    [difference] = report.equivalence_differs
    assert difference.expression == "relu(x)"
    assert difference.only_theirs == ["add(zero(x),one(x))"]
    assert difference.only_ours == ours[:1]
    assert report.equivalence_agrees == 1
    assert report.equivalent_outside == 2
    assert json.loads(report.to_json())["equivalence_differs"][0]["only_ours"] == ours[:1]


def test_vit_says_that_validation_is_test(file, cache):
    write_upstream(file, count=100, validation_is_test=True)
    report = import_file(file, "vit")
    assert report.validation_equals_test == report.outcomes["ok"]
    assert report.about["validation_is_test"]
    assert set(act_bench.load_table("vit", edition="upstream")["runs"]) == {0, 1}
    stored = json.loads((cache / "upstream" / "vit" / "report.json").read_text())
    assert stored["about"]["source_bytes"] == file.stat().st_size


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "none of its 0 keys"),
        ({"a": GOOD, "b": GOOD}, "none of its 2 keys is an entry"),
        ({"relu(x)": {}}, "the first problem: the key 'Train Accuracy' is missing"),
    ],
)
def test_another_file_is_refused_and_an_earlier_import_stays(file, cache, document, message):
    import_document(file, {"relu(x)": GOOD})
    before = {path.name: path.read_bytes() for path in (cache / "upstream" / "cnn").iterdir()}
    with pytest.raises(UpstreamFormatError, match=message):
        import_document(file, document)
    folder = cache / "upstream"
    assert [path.name for path in folder.iterdir()] == ["cnn"]
    assert {path.name: path.read_bytes() for path in (folder / "cnn").iterdir()} == before


def test_importing_again_replaces_the_table(file, cache):
    import_document(file, {"relu(x)": GOOD})
    import_document(file, {"relu(x)": GOOD | {"Test Accuracy": 0.25}})
    assert act_bench.load_table("cnn", edition="upstream")["test_accuracy"][20] == 0.25
    assert [path.name for path in (cache / "upstream").iterdir()] == ["cnn"]


def test_the_same_file_gives_the_same_table_wherever_it_came_from(file, cache):
    write_upstream(file, count=50)
    paths = [upstream.upstream_name("cnn", kind) for kind in ("entries", "fisher")]
    folder = cache / "upstream" / "cnn"
    import_file(file, "cnn", source="https://one.example")
    before = [(folder / path).read_bytes() for path in paths]
    report = import_file(file, "cnn", source="https://two.example")
    assert [(folder / path).read_bytes() for path in paths] == before
    assert report.about["source"] == "https://two.example"


@pytest.mark.parametrize("kind", ["entries", "recorded", "fisher"])
def test_damage_after_the_import_is_noticed(file, cache, kind):
    import_document(file, {"relu(x)": GOOD})
    path = cache / "upstream" / "cnn" / upstream.upstream_name("cnn", kind)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged.*run `act-bench import-upstream cnn"):
        upstream.upstream_file("cnn", kind)


def test_nothing_derived_is_in_the_package():
    names_in_package = {path.name for path in act_bench.files.manifest.DATA_FOLDER.iterdir()}
    assert not any("upstream" in name for name in names_in_package)


def run(*arguments):
    return CliRunner().invoke(main, ["import-upstream", *map(str, arguments)])


def test_command_wants_the_licence_accepted(file, cache):
    write_upstream(file, count=20)
    result = run("cnn", "--from", file)
    assert result.exit_code == 2
    assert "Academic Public License" in result.stderr
    assert not cache.exists()


def test_command_imports_and_reports(file, tmp_path):
    write_upstream(file, count=20)
    result = run("cnn", "--from", tmp_path, "--accept-licence", "--json")
    assert result.exit_code == 0, result.output
    [document] = json.loads(result.stdout)
    assert (document["table"], document["keys"]) == ("cnn", 20)
    assert "Academic Public License" in result.stderr
    result = run("cnn", "--from", file, "--accept-licence")
    assert "report.md" in result.stdout
    assert file.exists()  # only a download of our own is removed


def test_command_names_the_place_of_damage(file):
    write_upstream(file, count=5)
    file.write_bytes(file.read_bytes()[:-100])
    result = run("cnn", "--from", file, "--accept-licence")
    assert result.exit_code == 3
    assert "truncated" in result.stderr
    assert "byte" in result.stderr
    result = run("cnn", "vit", "--from", file, "--accept-licence")
    assert result.exit_code == 2
    result = run("vit", "--from", file.parent, "--accept-licence")
    assert result.exit_code == 3
    assert "act-bench-vit.json" in result.stderr
