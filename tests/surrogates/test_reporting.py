"""The protocol, traces of many searches in one file, and the leaderboard made of them."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.publishing.export import TRACES, _write_traces
from act_bench.search.loading import load_data
from act_bench.search.trace import TraceError
from act_bench.search.trace_table import read_traces, write_traces
from act_bench.search.verify import verdict
from builders.reports.leaderboard import board
from builders.reports.results import figures, kept
from surrogates import reporting

SHORT = reporting.PROTOCOLS[1]._replace(trials=2, evaluations=6)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reporting.PROTOCOLS, 1, SHORT)


@pytest.fixture(scope="module", params=["knn", "hyperband", "aquasurf", "random-rates"])
def searched(request: pytest.FixtureRequest, tmp_path_factory) -> Path:
    """Return a file of traces: whole trainings, parts of them, charges, and rates."""
    path = tmp_path_factory.mktemp("traces") / f"{request.param}.parquet"
    write_traces(path, reporting.run(load_data("mlp"), request.param, SHORT)[1])
    return path


def test_a_file_has_all_of_the_traces(searched: Path, tmp_path: Path) -> None:
    _, traces = reporting.run(load_data("mlp"), searched.stem, SHORT)
    again = read_traces(searched)
    assert [list(each.lines()) for each in again] == [list(each.lines()) for each in traces]
    assert {each.protocol for each in again} == {1}
    assert reporting.breaches(again) == []
    assert {verdict(checks) for checks in reporting.checked(again)} == {"verified"}


def test_figures_are_drawn_from_stored_searches(tmp_path: Path, monkeypatch) -> None:
    data, steps, tests = load_data("mlp"), {}, {}
    for name in ("halving", "aquasurf:features=umap-outputs"):
        simulation, traces = reporting.run(data, name, SHORT)
        path = tmp_path / "mlp-full" / f"{name.replace(':', '-')}.parquet"
        path.parent.mkdir(exist_ok=True)
        write_traces(path, traces)
        steps[name] = simulation.steps
        tests[name] = simulation.finals["test_accuracy"].to_list()
    found = kept.stored_searches(data, tmp_path)
    assert found.keys() == steps.keys()
    assert all(found[name].steps.equals(steps[name]) for name in steps)
    assert found["halving"].test.tolist() == tests["halving"]
    monkeypatch.setattr(figures, "EVALUATIONS", SHORT.evaluations)
    monkeypatch.setattr(figures, "MAIN", tuple(steps))
    figures.draw_searches(data, steps, figures.compared(steps), tmp_path)
    assert len(list(tmp_path.glob("results-mlp-*.png"))) == 4
    with pytest.raises(kept.ForeignTracesError, match="another version of the table"):
        kept.stored_searches(dataclasses.replace(data, sha256="0"), tmp_path)


def changed(path: Path, target: Path, **values: object) -> Path:
    rows = pl.read_parquet(path).to_dicts()
    for name, value in values.items():
        rows[0][name] = value
    pl.DataFrame(rows, schema=pl.read_parquet_schema(path)).write_parquet(target)
    return target


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"clock_s": 1.0}, "clock_s is .*, not 1.0"),
        ({"test_accuracy": 0.99}, "test_accuracy"),
        ({"expressions": ["relux(x)"] * 6}, "relux"),
        ({"table": "nlp"}, "nlp"),
        ({"settings": "{"}, "property name"),
    ],
)
def test_what_is_no_search_of_the_data_is_refused(searched: Path, tmp_path, values, said) -> None:
    with pytest.raises(TraceError, match=said) as caught:
        read_traces(changed(searched, tmp_path / "changed.parquet", **values))
    assert caught.value.line == 1
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "changed.parquet")]).exit_code == 1


def test_another_optimizer_did_not_ask_that(tmp_path: Path) -> None:
    path = tmp_path / "mlp-full" / "knn.parquet"
    path.parent.mkdir()
    write_traces(path, reporting.run(load_data("mlp"), "knn", SHORT)[1])
    changed(path, path, optimizer="random", settings="{}")
    done = CliRunner().invoke(main, ["verify", "--strict", "--json", str(path)])
    assert done.exit_code == 1
    assert json.loads(done.output)["verdict"] == "FAILED"
    with pytest.raises(board.RefusedError, match="not of one optimizer"):
        board.row(path)


def test_breaches_of_the_protocol_are_named() -> None:
    _, traces = reporting.run(load_data("mlp"), "random", SHORT)
    assert reporting.breaches(traces) == []
    assert "expected 2 trials, got 1" in reporting.breaches(traces[:1])
    assert "in order" in reporting.breaches(traces[::-1])[0]
    assert reporting.breaches([traces[0].of_protocol(9)]) == ["there is no protocol 9"]


def test_from_the_command_to_the_board(tmp_path: Path, monkeypatch, one_rate_table: str) -> None:
    folder = tmp_path / "board" / "vit-proxy"
    arguments = ["simulate", one_rate_table, "--protocol", "1", "--output", str(folder)]
    done = CliRunner().invoke(main, [*arguments, "--optimizers", "random,knn,knn-rates"])
    assert done.exit_code == 0, done.output
    assert "knn-rates: not run: vit, fidelity proxy has one learning rate" in done.output
    done = CliRunner().invoke(main, ["verify", "--strict", str(folder / "knn.parquet")])
    assert done.exit_code == 0, done.output
    rows, refused = board.board(folder.parent, [])
    assert refused == []
    assert rows["optimizer"].sort().to_list() == ["knn", "random"]
    assert rows["trials"].to_list() == [2, 2]
    assert (rows["median_regret"] >= 0).all()
    _write_traces(folder.parent, tmp_path / TRACES)
    assert len(read_traces(tmp_path / TRACES)) == 4
    rows.with_columns(trials=7).write_csv(folder.parent / board.BOARD)
    again, _ = board.board(folder.parent, [str(folder / "knn.parquet")])
    assert dict(again.select("optimizer", "trials").iter_rows()) == {"knn": 2, "random": 7}
    (folder / "bad.parquet").write_bytes(b"no Parquet")
    assert "bad.parquet: line 1: expected a Parquet file" in board.board(folder.parent, [])[1][0]
    before = (folder.parent / board.BOARD).read_bytes()
    monkeypatch.setattr("sys.argv", ["leaderboard", "--folder", str(folder.parent), "vit"])
    with pytest.raises(SystemExit, match=r"bad\.parquet.*\nthe board was not written"):
        board.main()
    assert (folder.parent / board.BOARD).read_bytes() == before
    for gone in ("bad", "random"):
        (folder / f"{gone}.parquet").unlink()
    again, _ = board.board(folder.parent, [str(folder / "knn.parquet")])
    assert again["traces"].to_list() == ["vit-proxy/knn.parquet"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--protocol", "1", "--trials", "3", "--seed", "2"], "leave out --trials, --seed"),
        (["--protocol", "7"], "expected 1, got 7"),
    ],
)
def test_the_protocol_sets_its_own_numbers(options: list[str], said: str) -> None:
    done = CliRunner().invoke(main, ["simulate", "mlp", *options])
    assert done.exit_code == 2
    assert said in done.output


def test_an_optimizer_whose_library_is_missing_does_not_apply(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "surrogates.optimizers.tpe", raising=False)
    assert "pip install" in reporting.applies(load_data("mlp"), "tpe")


def test_a_board_of_nothing_is_not_written(tmp_path: Path, monkeypatch) -> None:
    torn = tmp_path / "mlp-full" / "knn.parquet"
    for expected in ("found none", str(torn)):
        monkeypatch.setattr("sys.argv", ["leaderboard", "--folder", str(tmp_path)])
        with pytest.raises(SystemExit, match=expected):
            board.main()
        assert not (tmp_path / board.BOARD).exists()
        torn.parent.mkdir(exist_ok=True)
        torn.write_bytes(b"not Parquet")
