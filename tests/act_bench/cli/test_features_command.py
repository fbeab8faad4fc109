"""``act-bench features``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from act_bench.cli import LazyGroup
from act_bench.files import sealed
from act_bench.files.manifest import DataError
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.spectra import RESOLUTION, load_spectra, read_spectra
from regenerate.fisher import feature_file
from regenerate.fisher.networks import setting


def run(*arguments: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(LazyGroup("act-bench"), ["features", *arguments])
    return found.exit_code, found.stdout, found.stderr


def test_json_is_what_the_table_holds() -> None:
    code, out, _ = run("elu(x)", "--json")
    document = json.loads(out)
    entry = load_space().resolve("elu(x)").entry
    assert code == 0
    assert document["fim_valid"]
    assert [layer["weights"] for layer in document["layers"]] == [4160, 4160, 650]
    expected = load_spectra("mlp").quantiles[entry]
    np.testing.assert_allclose(document["fim_quantiles"], expected, atol=0.02)
    np.testing.assert_allclose(document["outputs"], load_space().outputs[entry], rtol=1e-6)


def test_expression_outside_the_space_has_features() -> None:
    code, out, _ = run("sinh(tanh(erf(x)))")
    assert code == 0
    assert "4,160" in out


def test_invalid_spectrum_is_an_answer_with_its_reason() -> None:
    code, out, _ = run("div(x,zero(x))", "--json")
    document = json.loads(out)
    assert code == 0
    assert not document["fim_valid"]
    assert document["fim_quantiles"] is None
    assert document["fim_reason"] == "inputs of layer 2: not finite"
    assert None in document["outputs"]


def test_a_text_that_is_no_expression_has_exit_code_4() -> None:
    code, _, err = run("relu(")
    assert code == 4
    assert "relu(" in err


def test_many_functions_are_a_json_document_a_line() -> None:
    code, out, _ = run("elu(x)", "zero(x)", "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [each["expression"] for each in documents] == ["elu(x)", "zero(x)"]


def test_file_of_functions_goes_into_a_file_that_is_gone_on_with(tmp_path: Path) -> None:
    functions, out = tmp_path / "mine.txt", tmp_path / "mine.parquet"
    functions.write_text("elu( x )\n\n# a comment\ndiv(x,zero(x))  # invalid\nelu(x)\n")
    code, _, _ = run("--expressions", str(functions), "--out", str(out))
    assert code == 0
    code, printed, _ = run("sinh(tanh(x))", "elu(x)", "--out", str(out), "--json")
    assert code == 0
    document = json.loads(printed)
    assert (document["functions"], document["computed"], document["rows"]) == (2, 1, 3)
    table = pq.read_table(out)
    assert table["expression"].to_pylist() == ["elu(x)", "div(x,zero(x))", "sinh(tanh(x))"]
    assert table["fim_reason"].to_pylist() == [None, "inputs of layer 2: not finite", None]
    spectra, entry = read_spectra(out), load_space().resolve("elu(x)").entry
    assert spectra.layers == load_spectra("mlp").layers
    np.testing.assert_allclose(
        spectra.quantiles[0], load_spectra("mlp").quantiles[entry], atol=RESOLUTION
    )
    outputs = table["outputs"].to_pylist()
    np.testing.assert_allclose(outputs[0], load_space().outputs[entry], rtol=1e-6)
    assert not np.isfinite(outputs[1]).all()


def test_what_a_killed_run_had_saved_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, found = tmp_path / "mine.parquet", setting("mlp")
    functions = [parse(text) for text in ("tanh(x)", "zero(x)", "elu(x)")]
    monkeypatch.setattr(feature_file, "SAVE_SECONDS", 0.0)
    computing = feature_file.extend(out, functions, found)
    assert [next(computing), next(computing)] == [0, 1]
    assert pq.read_table(out)["expression"].to_pylist() == ["tanh(x)"]  # as a kill here leaves it
    computing.close()
    assert list(feature_file.extend(out, functions, found)) == [1, 2, 3]
    assert read_spectra(out).valid.tolist() == [True, False, True]
    vectors = pq.read_table(out)["fim_quantiles"]
    assert vectors.null_count == 0, "pyarrow up to 25 cannot read a null vector"
    assert np.isnan(vectors[1].as_py()).all()


@pytest.mark.skipif(int(pa.__version__.split(".")[0]) < 26, reason="cannot read a null vector")
def test_files_of_older_versions_with_null_for_nan_are_gone_on_with(tmp_path: Path) -> None:
    out, found = tmp_path / "mine.parquet", setting("mlp")
    functions = [parse(text) for text in ("tanh(x)", "zero(x)", "elu(x)")]
    list(feature_file.extend(out, functions[:2], found))
    before, table = read_spectra(out).quantiles, pq.read_table(out)
    position = table.schema.get_field_index("fim_quantiles")
    vectors = table.column(position)
    lists = pa.array([vectors[0].as_py(), None], vectors.type)
    sealed.write(out, table.set_column(position, table.schema.field(position), lists))
    np.testing.assert_array_equal(read_spectra(out).quantiles, before)
    assert list(feature_file.extend(out, functions, found)) == [2, 3]
    np.testing.assert_array_equal(read_spectra(out).quantiles[:2], before)
    assert pq.read_table(out)["fim_quantiles"].null_count == 0


def test_file_without_a_valid_spectrum_is_read(tmp_path: Path) -> None:
    out = tmp_path / "mine.parquet"
    assert run("zero(x)", "--out", str(out))[0] == 0
    assert read_spectra(out).quantiles.shape == (1, 0, 128)
    assert run("tanh(x)", "--out", str(out))[0] == 0
    assert read_spectra(out).quantiles.shape == (2, 3, 128)


def test_bad_files_cost_nothing_and_are_named(tmp_path: Path) -> None:
    functions, out = tmp_path / "mine.txt", tmp_path / "mine.parquet"
    functions.write_bytes(b"elu(x)\n\xff(x)\n")
    code, _, err = run("--expressions", str(functions), "--out", str(out))
    assert code == 4
    assert "mine.txt, line 2" in err
    assert not out.exists()
    assert run()[0] == 2
    functions.write_text("# nothing\n")
    code, _, err = run("--expressions", str(functions), "--out", str(out))
    assert code == 2
    assert "got none" in err
    assert not out.exists()
    code, _, err = run("elu(x)", "--out", str(tmp_path / "none" / "mine.parquet"))
    assert code == 2
    assert "there is no folder" in err
    out.write_bytes(b"PAR1 truncated")
    code, _, err = run("elu(x)", "--out", str(out))
    assert code == 3
    assert "damaged" in err
    assert out.read_bytes() == b"PAR1 truncated"


def test_a_changed_bit_is_never_a_feature(tmp_path: Path) -> None:
    out = tmp_path / "mine.parquet"
    assert run("tanh(x)", "--out", str(out))[0] == 0
    changed = bytearray(out.read_bytes())
    changed[len(changed) // 3] ^= 1
    out.write_bytes(changed)
    code, _, err = run("elu(x)", "--out", str(out))
    assert code == 3
    assert "damaged" in err
    with pytest.raises(DataError, match="damaged"):
        read_spectra(out)


def test_file_of_another_convention_is_refused(tmp_path: Path) -> None:
    out, found = tmp_path / "mine.parquet", setting("mlp")
    other = replace(found, convention=replace(found.convention, floor=-50.0))
    list(feature_file.extend(out, [parse("elu(x)")], other))
    code, _, err = run("elu(x)", "--out", str(out))
    assert code == 3
    assert other.convention.sha in err


def test_a_name_is_its_function_and_one_outside_the_notation_has_features_too() -> None:
    by_name, spelled = (json.loads(run(text, "--json")[1]) for text in ("ReLU", "relu(x)"))
    del by_name["seconds"], spelled["seconds"]
    assert by_name == spelled
    document = json.loads(run("crrelu", "--json")[1])
    assert document["fim_valid"]
    # A learned parameter is at its initial value and no layer of its own.
    assert document["layers"] == spelled["layers"]
