"""The explore page: its data are those of the package, and it fetches nothing."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from act_bench import explore
from act_bench.cli.explore import command
from act_bench.explore.functions import HOW, SHAPES
from act_bench.explore.packing import packed_floats, unpacked_floats
from act_bench.explore.spectra import SPECTRUM_LAYERS, pack_spectra
from act_bench.explore.views import shown_columns
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.catalogued.named import load_named, load_named_runs
from act_bench.tables.distances import distance
from act_bench.tables.loaders import load_table
from act_bench.tables.rates import View
from act_bench.tables.registry import TABLES
from act_bench.tables.runs import load_runs
from act_bench.tables.spectra import LayerSize, Spectra, load_spectra


def unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype).astype(int)


def data_count(data: explore.Payload) -> int:
    return 2913 + len(data["functions"]["outside"])


def test_curves_are_the_functions(data: explore.Payload) -> None:
    shown_functions = data["functions"]
    steps = unpacked(shown_functions["curves"], "<i2").reshape(data_count(data), -1)
    grid = np.linspace(-5, 5, steps.shape[1])
    rng = np.random.default_rng(0)
    for entry in rng.choice(2913, 100, replace=False):
        truth = parse(load_space().representatives[entry]).to_numpy()(grid)
        shown = steps[entry] * shown_functions["curveLimit"] / shown_functions["curveSteps"]
        inside = np.abs(truth) <= 5
        assert np.abs(shown[inside] - truth[inside]).max(initial=0) <= 5 / 8000
        outside = ~(
            np.abs(truth) <= 5 * (1 + 1 / shown_functions["curveSteps"])
        )  # undefined ones too
        assert (np.abs(steps[entry][outside]) > shown_functions["curveSteps"]).all()


def test_metrics_are_those_of_the_table(data: explore.Payload) -> None:
    table = load_table("mlp", rate="own")
    shown = data["tables"]["mlp-full"]["views"]["own"]
    outcomes = unpacked(shown["outcome"], "u1")[:2913]
    assert [data["outcomes"][code] for code in outcomes] == table["outcome"].to_list()
    for name in shown_columns(TABLES["mlp"]):
        ours = unpacked_floats(shown["metrics"][name])[:2913]
        theirs = table[name].cast(float).fill_null(np.nan).to_numpy()
        theirs = np.where(theirs > np.finfo(np.float32).max, np.inf, theirs)  # a loss, shown so
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("table", ["mlp"])
def test_spectra_are_those_of_the_table(data: explore.Payload, table: str) -> None:
    shown = data["spectra"][table]
    spectra = load_spectra(table)
    assert shown["reason"] == [shown["reasons"].index(reason) for reason in spectra.reason]
    codes = unpacked(shown["codes"], "u1").reshape(
        spectra.valid.sum(), len(shown["layers"]), len(shown["shares"])
    )
    low, high = shown["low"], shown["high"]
    points = [round(share * 128 - 0.5) for share in shown["shares"]]
    assert points[0] == 0
    assert points[-1] == 127
    names = [layer.name for layer in spectra.layers]
    layers = [names.index(name) for name in shown["layers"]]
    truth = spectra.quantiles[spectra.valid][:, layers][:, :, points]
    np.testing.assert_array_equal(codes == 0, truth <= -100)
    drawn = np.where(codes > 0, low + (codes - 1) / 254 * (high - low), np.nan)
    nearest = np.where(truth > -100, np.clip(truth, low, high), np.nan)
    np.testing.assert_allclose(drawn, nearest, atol=0.51 * (high - low) / 254 + 1e-3)


def test_of_a_deep_network_some_layers_are_drawn() -> None:
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.normal(size=(4, 56, 128)).astype(np.float32), axis=2)
    quantiles[1] = np.nan
    layers = tuple(LayerSize(f"layer{i}", 100) for i in range(56))
    valid = np.array([True, False, True, True])
    packed = pack_spectra(Spectra(layers, quantiles, valid, ("", "not finite", "", "")))
    assert (packed["layers"][0], packed["layers"][-1]) == ("layer0", "layer55")
    assert len(packed["layers"]) == SPECTRUM_LAYERS
    assert packed["reason"] == [0, 1, 0, 0]
    assert unpacked(packed["codes"], "u1").size == 3 * 9 * 33


def test_the_map_places_every_entry_and_neighbours_are_alike(data: explore.Payload) -> None:
    functions = data["functions"]
    both = [unpacked_floats(functions["x"]), unpacked_floats(functions["y"])]
    assert np.isfinite(both).all()
    places = np.column_stack(both)[:2913].astype(float)
    assert places.shape == (2913, 2)
    assert np.isfinite(places).all()
    # Each entry's nearest in the map is nearer in outputs than a random other one, mostly.
    outputs = np.nan_to_num(np.clip(load_space().outputs, -10, 10))
    apart = np.square(places[:, None] - places[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(1)
    other = np.random.default_rng(0).permutation(2913)
    near, far = (np.square(outputs - outputs[chosen]).sum(1) for chosen in (nearest, other))
    assert (near < far).mean() > 0.9


def test_the_page_is_one_file_that_fetches_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", text, flags=re.S)
    assert len(markup) < 20_000
    assert not re.search(r"<(link|img|iframe|object|embed)\b|\bsrc=|\bhref=|url\(", markup)
    embedded = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert embedded
    assert json.loads(embedded[1])["functions"]["entries"] == 2913
    assert len(text.encode()) < 4_000_000


def test_the_command_writes_the_page(
    tmp_path: Path, data: explore.Payload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore, "collect", lambda: data)  # once is enough for all tests
    result = CliRunner().invoke(command, [str(tmp_path / "map.html"), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["bytes"] == (tmp_path / "map.html").stat().st_size
    missing = CliRunner().invoke(command, [str(tmp_path / "no" / "map.html")])
    assert missing.exit_code == 2


def test_every_spelling_resolves_as_in_the_package(data: explore.Payload) -> None:
    functions, space = data["functions"], load_space()
    entries = unpacked(functions["spellingEntry"], "<u2")
    how = unpacked(functions["spellingHow"], "u1")
    for text, entry, code in zip(space.expressions, entries, how, strict=True):
        assert space.resolve(text) == (entry, HOW[code])
    for text, entry, code in functions["lone"]:
        assert space.resolve(text) == (entry, HOW[code])
    for name in functions["names"]:
        assert CATALOGUE[name["name"]].aliases == tuple(name["aliases"])
        if name["function"] < 2913:
            assert space.resolve(name["name"]).entry == name["function"]
        else:
            assert functions["outside"][name["function"] - 2913] == name["name"]
    assert {"gelu", "mish", "crrelu"} <= set(functions["outside"])


def test_named_functions_beside_the_space_have_their_values(data: explore.Payload) -> None:
    outside = data["functions"]["outside"]
    for rate, view in data["tables"]["mlp-full"]["views"].items():
        rows = load_named("mlp")
        if rate == "tuned":
            rows, column = rows.filter("tuned"), "first_validation_accuracy"
        else:
            rows, column = (
                rows.filter(pl.col("learning_rate") == view["rate"]),
                "validation_accuracy",
            )
        truth = dict(zip(rows["name"], rows[column], strict=True))
        shown = unpacked_floats(view["metrics"]["validation_accuracy"])[2913:]
        for name, value in zip(outside, shown, strict=True):
            expected = truth.get(name)
            assert value == pytest.approx(
                np.nan if expected is None else expected, rel=1e-5, nan_ok=True
            )


def test_rates_and_tuned_are_those_of_the_table(data: explore.Payload) -> None:
    views = data["tables"]["mlp-full"]["views"]
    assert list(views) == ["tuned", "own", "0.1", "0.4", "0.8", "1.6"]
    shown_rates: tuple[tuple[View, str], ...] = (
        (0.4, "validation_accuracy"),
        ("tuned", "fresh_validation_accuracy"),
    )
    for rate, column in shown_rates:
        truth = load_table("mlp", rate=rate, columns=[column])[column]
        shown = unpacked_floats(views[str(rate)]["metrics"][column])[:2913]
        np.testing.assert_allclose(shown, truth.fill_null(np.nan).to_numpy(), rtol=1e-5)


def test_learning_curves_are_medians_over_the_runs(data: explore.Payload) -> None:
    view = data["tables"]["mlp-full"]["views"]["own"]
    curves = unpacked_floats(view["curves"]).reshape(data_count(data), view["epochs"])
    tanh = load_space().resolve("tanh").entry
    runs = load_runs("mlp").filter(pl.col("entry") == tanh)["validation_accuracy_curve"].to_list()
    np.testing.assert_allclose(curves[tanh], np.median(runs, axis=0), rtol=1e-3)
    named = load_named_runs("mlp").filter(
        pl.col("expression") == "gelu(x)", (pl.col("learning_rate") - 0.2).abs() < 1e-9
    )["validation_accuracy_curve"]
    gelu = 2913 + data["functions"]["outside"].index("gelu")
    np.testing.assert_allclose(curves[gelu], np.median(named.to_list(), axis=0), rtol=1e-3)


def test_neighbors_are_the_nearest_by_outputs_and_no_twins(data: explore.Payload) -> None:
    functions, space = data["functions"], load_space()
    near = unpacked(functions["near"], "<u2").reshape(data_count(data), -1)
    apart = unpacked_floats(functions["nearDistance"]).reshape(near.shape)
    relu = space.resolve("relu").entry
    for entry, value in zip(near[relu], apart[relu], strict=True):
        truth = distance("relu(x)", space.representatives[entry])
        assert value == pytest.approx(truth, rel=1e-3)
        assert space.canonical_class[entry] != space.canonical_class[relu]
    assert (np.diff(apart, axis=1) >= 0).all()


def test_shapes(data: explore.Payload) -> None:
    shape = unpacked(data["functions"]["shape"], "u1")

    def of(text: str) -> set[str]:
        code = shape[load_space().resolve(text).entry]
        return {name for bit, name in enumerate(SHAPES) if code >> bit & 1}

    assert of("tanh") == {"origin", "rising", "odd"}
    assert of("relu") == {"origin", "rising", "positive"}
    assert of("abs") == {"origin", "even", "positive"}
    assert of("sigmoid") == {"rising", "positive"}
    assert of("reciprocal(x)") == set(), "it is undefined at 0"


@given(st.lists(st.floats(width=32, allow_infinity=False)))
def test_floats_keep_their_first_digits(values: list[float]) -> None:
    # Packed to 16 binary digits after the first; the largest floats may round up to infinity.
    with np.errstate(over="ignore"):
        kept = unpacked_floats(packed_floats(values))
    for value, shown in zip(values, kept, strict=True):
        if abs(value) < 3.4e38:
            assert shown == pytest.approx(value, rel=2**-17, abs=1e-40, nan_ok=True)
