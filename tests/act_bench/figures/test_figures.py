"""Figures by name, and the commands that draw them and judge surrogates."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from matplotlib.axes import Axes

from act_bench import figures
from act_bench.cli import evaluate_surrogates, plot
from act_bench.figures import FIGURES, FigureError, FigureSpec, Request, draw, maps, tables
from act_bench.figures.searches import finals_figure, regret_time_figure, significance_figure
from act_bench.figures.style import panels, save
from act_bench.figures.surrogates import surrogates_figure
from act_bench.figures.tables import Accuracies, read_accuracies
from act_bench.tables.maps import load_map
from act_bench.tables.schema import UnknownNameError
from act_bench.tables.spectra import load_spectra
from surrogates.significance import pairwise


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def _texts(axes: Axes) -> set[str]:
    return {text.get_text() for text in axes.texts}


def test_the_histogram_counts_every_function_once() -> None:
    figure = draw("accuracies", Request(("mlp",)))
    (axes,) = figure.axes
    found, invalid = read_accuracies("mlp", Request()), ~load_spectra("mlp").valid
    counts = [patch.get_data().values.sum() for patch in axes.patches]  # type: ignore[attr-defined]
    assert sum(counts) == 2913
    assert counts[2] == invalid.sum()
    (edges,) = {patch.get_data().edges.tobytes() for patch in axes.patches}  # type: ignore[attr-defined]
    middles = np.frombuffer(edges)[:-1] + np.diff(np.frombuffer(edges)) / 2
    assert np.abs(middles - 0.1).min() < 1e-9, "chance is in the middle of a bin"
    assert axes.get_xlim()[1] < 0.99, "the axis fits the data"
    styles = {(patch.get_linestyle(), patch.get_fill()) for patch in axes.patches}
    assert len(styles) == 3, "told apart in gray"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        f"trained to the end: {int((~found.diverged & ~invalid).sum()):,}",
        f"diverged, shown at chance: {int((found.diverged & ~invalid).sum()):,}",
        f"no valid Fisher spectrum: {int(invalid.sum()):,}",
    ]
    assert found.score[found.diverged].max() == found.info.worst_score == 0.1


def test_two_tables_are_set_against_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_accuracies("mlp", Request())
    rng = np.random.default_rng(0)
    lost_there = rng.random(2913) < 0.1
    second = Accuracies("another", 1 - first.score, lost_there, first.seeds, first.info)
    known = {"mlp": first, "cnn": second}
    monkeypatch.setattr(tables, "read_accuracies", lambda table, request: known[table])
    (axes,) = draw("scatter", Request(("mlp", "cnn"))).axes
    lost, trained = (len(np.asarray(c.get_offsets())) for c in axes.collections)
    assert trained == ((first.score > 0.15) & (second.score > 0.15)).sum()
    assert lost + trained == 2913
    assert "Spearman -1.00" in axes.get_title(loc="left")
    assert {"relu", "elu", "tanh"} <= _texts(axes)


def test_functions_of_one_seed_are_hollow() -> None:
    first, second = read_accuracies("mlp", Request()), read_accuracies("cnn", Request())
    (axes,) = draw("scatter", Request(("mlp", "cnn"))).axes
    _, alone, several = axes.collections
    trained = first.trained & second.trained
    assert len(np.asarray(alone.get_offsets())) == (trained & (second.seeds == 1)).sum()
    assert len(np.asarray(several.get_offsets())) == (trained & (second.seeds == 3)).sum()
    assert len(alone.get_facecolor()) == 0
    (legend,) = axes.get_figure(root=True).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "does not train in one of the two",
        "one seed in one of the two",
        "several seeds in both",
    ]


def test_panels_of_four_tables_stand_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_accuracies("mlp", Request())
    monkeypatch.setattr(tables, "read_accuracies", lambda table, request: first)
    four = Request(("mlp", "cnn", "resnet", "vit"))
    for figure, columns, count in (("accuracies", 2, 4), ("scatter", 3, 6)):
        places = [axes.get_subplotspec() for axes in draw(figure, four).axes]
        assert len(places) == count
        assert all(place is not None and place.get_gridspec().ncols == columns for place in places)


def test_one_table_alone_cannot_be_set_against_another() -> None:
    with pytest.raises(FigureError, match=r"two or more, got mlp.*import-upstream"):
        draw("scatter", Request(("mlp",)))


def test_tables_without_data_are_left_out() -> None:
    assert "mlp" in tables.tables_with_data(Request())
    assert tables.tables_with_data(Request(fidelity="full"))[0] == "mlp"
    with pytest.raises(FigureError, match="fidelity magic"):
        tables.tables_with_data(Request(fidelity="magic"))


def test_between_the_corners_every_function_shown_is_the_nearest() -> None:
    figure = draw("functions", Request())
    above, *small = (axes for part in figure.subfigs for axes in part.axes)
    assert len(small) == maps.STEPS**2
    titles = {axes.get_title() for axes in small} - {""}
    assert titles == {"softplus", "sigmoid", "tanh", "relu"}
    assert {"relu", "selu", "swish"} <= _texts(above)
    places = load_map("mlp", "outputs").places
    points, crosses = (np.asarray(c.get_offsets()) for c in above.collections)
    np.testing.assert_allclose(points, places)
    # The corner of the grid is the function itself: tanh, above on the left.
    tanh = small[0].lines[0]
    x, y = (np.asarray(each) for each in tanh.get_data())
    np.testing.assert_allclose(y, np.tanh(x), atol=1e-12)
    assert len(crosses) == maps.STEPS**2


def test_maps_are_colored_by_accuracy_and_say_how_continuous_they_are() -> None:
    figure = draw("maps", Request(("mlp",)))
    three = figure.axes[:3]
    found, valid = read_accuracies("mlp", Request()), load_spectra("mlp").valid
    for axes, feature, count in zip(three, ("outputs", "fim", "union"), (2913, 0, 0), strict=True):
        drawn = [np.asarray(c.get_offsets()) for c in axes.collections]
        assert sum(map(len, drawn)) == (count or valid.sum())
        colors = axes.collections[1].get_array()
        assert colors is not None
        assert (np.diff(np.asarray(colors)) >= 0).all()  # the best on top
        places = load_map("mlp", feature).places.astype(float)
        rank = maps.continuity(places[valid], found.score[valid])
        assert axes.get_title(loc="left").endswith(f"{rank:.3f}")


def test_continuity_leaves_out_the_function_itself_even_among_equals() -> None:
    rng = np.random.default_rng(0)
    places = np.repeat(rng.random((40, 2)), 4, axis=0)  # four functions at each place
    score = rng.random(160)
    expected = score.reshape(40, 4).sum(axis=1).repeat(4) - score  # the other three
    found = maps.continuity(places, score)
    assert found == pytest.approx(np.corrcoef(_ranks(score), _ranks(expected))[0, 1], abs=1e-6)


def _ranks(values: np.ndarray) -> np.ndarray:
    return values.argsort().argsort()


def test_a_table_without_maps_says_how_to_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "_has_map", lambda table: False)
    with pytest.raises(FigureError, match=r"builders.embedding --table"):
        draw("maps", Request(("mlp",)))


STEPS = pl.DataFrame(
    {
        "optimizer": ["a"] * 4 + ["b"] * 4,
        "trial": [0, 0, 1, 1] * 2,
        "evaluation": [1, 2] * 4,
        "regret": [0.4, 0.1, 0.2, 0.2, 0.4, 0.0, 0.4, 0.2],
        "elapsed_s": [10.0, 20.0, 10.0, 30.0, 4000.0, 8000.0, 5000.0, 9000.0],
    }
)


def test_regret_against_time_holds_the_best_until_the_next_result() -> None:
    (axes,) = regret_time_figure(STEPS, "a table").axes
    assert axes.get_xlabel().startswith("simulated hours")
    line = next(line for line in axes.lines if line.get_label() == "a")
    x, y = np.asarray(line.get_xdata()) * 3600, np.asarray(line.get_ydata())
    assert (x[0], x[-1]) == pytest.approx((10, 25))  # medians of the first and the last
    before, after = y[x < 19.9], y[x > 20.1]
    assert set(before.round(12)) == {0.3}  # of 0.4 and 0.2
    assert set(after.round(12)) == {0.15}  # of 0.1 and 0.2


def test_ends_stand_from_best_to_worst_with_zero_on_its_tick() -> None:
    (axes,) = finals_figure(STEPS, "a table").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert axes.get_xticklabels()[0].get_text() == "0"
    points = np.concatenate([np.asarray(c.get_offsets())[:, 0] for c in axes.collections])
    assert sorted(points)[1:] == pytest.approx([0.1, 0.2, 0.2])


def test_significance_marks_what_is_sure() -> None:
    pairs = pairwise({"bad": np.full(20, 0.5), "good": np.zeros(20), "fair": np.full(20, 0.5)})
    axes, _ = significance_figure(pairs, "a table").axes
    assert next(label.get_text() for label in axes.get_yticklabels()) == "good"
    assert sorted(text.get_text() for text in axes.texts) == [
        "0•",
        "0•",
        "100•",
        "100•",
        "50",
        "50",
    ]


def test_lines_of_surrogates_are_the_means() -> None:
    rows = [
        ("mlp", features, "knn", size, metric, value * size, 0.0, 1.0)
        for features, value in (("outputs", 0.01), ("umap-union", 0.02))
        for size in (10, 30)
        for metric in ("spearman", "rmse")
    ]
    schema = ["table", "features", "regressor", "size", "metric", "mean", "low", "high"]
    above, below = surrogates_figure(pl.DataFrame(rows, schema=schema, orient="row")).axes
    lines = {str(line.get_label()): line for line in above.lines}
    assert np.asarray(lines["umap-union"].get_ydata()).tolist() == pytest.approx([0.2, 0.6])
    assert lines["umap-union"].get_linestyle() != lines["outputs"].get_linestyle()
    assert below.get_ylabel() == "root mean square error"


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        figure, [[axes]] = panels(1, 1, 2, 2)
        axes.plot([0, 1])
        save(figure, tmp_path / f"{name}.{suffix}")
    first, second = (tmp_path / f"{name}.{suffix}" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(ValueError, match="expected the suffix png, svg, pdf, got 'gif'"):
        save(figure, tmp_path / "a.gif")


ALL = Request(("mlp",), "upstream", "full", Path(), Path(), "relu", "a:b", "a:c")


@pytest.mark.parametrize("name", FIGURES)
def test_what_a_figure_does_not_use_is_refused(name: str) -> None:
    takes = FIGURES[name].takes
    for field in Request._fields:
        request = Request()._replace(**{field: getattr(ALL, field)})
        if field not in takes:
            with pytest.raises(FigureError, match=f"{name} has no use for {field}"):
                draw(name, request)


def test_the_large_space_is_colored_by_one_table() -> None:
    with pytest.raises(FigureError, match="of one table, got mlp, cnn"):
        draw("large-space", Request(("mlp", "cnn")))


def test_a_network_of_ones_own_has_no_fidelity() -> None:
    request = Request(fidelity="full", expression="relu(x)", model="a:b", data="a:c")
    with pytest.raises(FigureError, match="are of a table's network"):
        draw("inputs", request)


def test_a_figure_can_be_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(FIGURES, "mine", FigureSpec(f"{__name__}:_mine", "a line"))
    monkeypatch.setattr(
        figures, "import_module", lambda name: type("module", (), {"_mine": staticmethod(_mine)})
    )
    assert draw("mine", Request(("mlp",))).axes[0].get_title() == "('mlp',)"
    with pytest.raises(UnknownNameError, match="figure 'min'"):
        draw("min", Request())


def _mine(request: Request) -> object:
    figure, [[axes]] = panels(1, 1, 1, 1)
    axes.set_title(str(request.tables))
    return figure


def test_plot_lists_and_draws(tmp_path: Path) -> None:
    listed = run(plot.command).output
    assert all(name in listed for name in FIGURES)
    assert set(json.loads(run(plot.command, "--json").stdout)) == set(FIGURES)
    path = tmp_path / "new" / "accuracies.svg"
    done = run(plot.command, "accuracies", "--table", "mlp", "--output", str(path), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"figure": "accuracies", "file": str(path)}
    assert path.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["scatter", "--table", "mlp"], 2, "expected two or more"),
        (["regret"], 2, "no folder was given"),
        (["regret", "--results", "."], 2, "has no steps.parquet"),
        (["accuracies", "--table", "cnn", "--fidelity", "full"], 3, "no data of it"),
        (["accuracies", "--output", "a.gif"], 2, "expected the suffix"),
        (["pie"], 2, "pie"),
    ],
)
def test_plot_exit_codes(arguments: list[str], code: int, says: str) -> None:
    done = run(plot.command, *arguments)
    assert done.exit_code == code
    assert says in " ".join(done.stderr.split())


def test_evaluate_surrogates_writes_and_answers(tmp_path: Path) -> None:
    arguments = ["mlp", "--features", "umap-outputs,umap-fim,umap-union", "--regressors", "knn"]
    options = ["--sizes", "10,30", "--splits", "3", "--output", str(tmp_path)]
    done = run(evaluate_surrogates.command, *arguments, *options, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["gains"]) == 4
    assert found["verdict"][0].startswith("mlp, umap: the union is ")
    names = ["evaluation.parquet", "summary.parquet", "gains.parquet", "surrogates.png"]
    assert found["files"] == [str(tmp_path / name) for name in names]
    assert pl.read_parquet(tmp_path / "evaluation.parquet").height == 3 * 2 * 3
    again = run(
        plot.command, "surrogates", "--results", str(tmp_path), "--output", str(tmp_path / "b.png")
    )
    assert again.exit_code == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "surrogates.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["mlp", "--features", "magic"], 2, "got magic"),
        (["mlp", "--regressors", "knn,magic"], 2, "got magic"),
        (["mlp", "--sizes", "10,few"], 2, "whole numbers"),
        (["cnn", "--fidelity", "full"], 3, "no data of it"),
    ],
)
def test_evaluate_surrogates_exit_codes(arguments: list[str], code: int, says: str) -> None:
    done = run(evaluate_surrogates.command, *arguments)
    assert done.exit_code == code
    assert says in " ".join(done.stderr.split())
