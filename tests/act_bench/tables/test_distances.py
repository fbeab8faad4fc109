"""Distances against SciPy's and against Eq. 2 and 3 written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

import act_bench
from act_bench.errors import ArgumentError
from act_bench.functions.catalogue import CATALOGUE
from act_bench.spaces.paper import NotInSpaceError, load_space
from act_bench.tables import distances
from act_bench.tables.distances import (
    cdf_bins,
    cdf_distances,
    fim_distances,
    layer_weights,
    output_distances,
    quantile_function,
    reference_cdf,
)
from act_bench.tables.schema import UnknownNameError
from act_bench.tables.spectra import load_spectra

ALL_CNN_C = (2688, 83040, 83040, 166080, 331968, 331968, 331968, 37056, 1930)


def spectrum(seed: int, size: int = 4160) -> NDArray[np.float64]:
    """Log eigenvalues of two random factors, some of them zero: sorted, with mass at the floor."""
    rng = np.random.default_rng(seed)
    a = rng.normal(rng.uniform(-8, 0), rng.uniform(0.5, 3), 65)
    a[: rng.integers(0, 20)] = -np.inf
    g = rng.normal(-3, 1, size // 65)
    return np.sort(np.maximum(np.add.outer(a, g), -100.0).ravel())


def test_w1_from_quantiles_is_within_one_percent() -> None:
    worst = 0.0
    for seed in range(200):
        a, b = spectrum(2 * seed), spectrum(2 * seed + 1)
        exact = wasserstein_distance(a, b)
        kept = fim_distances([[quantile_function(a)]], [[quantile_function(b)]])[0, 0]
        worst = max(worst, abs(kept - exact) / exact)
    assert worst < 0.01


@settings(max_examples=50)
@given(hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-100, 100)))
def test_quantile_function_is_ascending_and_keeps_the_mean(values: NDArray[np.float64]) -> None:
    values = np.sort(values)
    found = quantile_function(values).astype(np.float64)
    assert (np.diff(found) >= -1e-4).all()
    assert found.mean() == pytest.approx(values.mean(), rel=1e-5, abs=1e-4)
    assert values[0] - 1e-4 <= found[0]
    assert found[-1] <= values[-1] + 1e-4


def test_quantile_function_of_as_many_values_is_the_values() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=128))
    np.testing.assert_allclose(quantile_function(values), values, rtol=1e-6)


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_quantiles_never_say_more_than_w1(seed: int) -> None:
    """Averages over cells can lose where the quantile functions cross, and never gain."""
    a, b = spectrum(seed), spectrum(seed + 1)
    kept = fim_distances([[quantile_function(a)]], [[quantile_function(b)]])[0, 0]
    assert kept <= wasserstein_distance(a, b) * (1 + 1e-5)


def test_eq_2_by_hand() -> None:
    rng = np.random.default_rng(1)
    a, b = np.sort(rng.normal(size=(2, 3, 4, 128)), axis=-1)
    sizes = [4160, 650, 83040, 1930]
    weights = layer_weights(sizes, "inverse_size")
    found = fim_distances(a, b, weights)
    for i in range(3):
        for j in range(3):
            layers = [wasserstein_distance(a[i, k], b[j, k]) / sizes[k] for k in range(4)]
            assert found[i, j] == pytest.approx(sum(layers))


def test_eq_3_by_hand() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 5, 80)).astype(np.float32)
    expected = np.linalg.norm(a[:, None] - b[None], axis=2) / np.sqrt(80)
    np.testing.assert_allclose(output_distances(a, b), expected, rtol=1e-6)


def test_outputs_that_do_not_exist_are_replaced_by_the_convention() -> None:
    found = output_distances([[np.inf, np.nan]], [[10.0, 0.0]])
    assert found.tolist() == [[0.0]]


def test_all_pairs_are_the_same_in_both_ways() -> None:
    rng = np.random.default_rng(3)
    a = np.sort(rng.normal(size=(6, 2, 128)), axis=-1)
    a[4] = np.nan
    together = fim_distances(a)
    np.testing.assert_allclose(together, fim_distances(a, a))
    assert np.isnan(together[4]).all()
    assert np.isnan(together[:, 4]).all()
    assert together[0, 0] == 0.0


def test_manhattan_of_cdfs_is_weighted_w1() -> None:
    """Values at bin centers, where histograms lose nothing."""
    rng = np.random.default_rng(4)
    sizes = [4160, 650]
    a, b = (
        [rng.choice(_centers(size), 50) for size in sizes],
        [rng.choice(_centers(size), 70) for size in sizes],
    )
    first, second = reference_cdf(a, sizes), reference_cdf(b, sizes)
    w1 = np.array([wasserstein_distance(x, y) for x, y in zip(a, b, strict=True)])
    for weighting in ("reference_code", "uniform", "inverse_size"):
        expected = float(w1 @ layer_weights(sizes, weighting))
        found = cdf_distances([first], [second], sizes, weighting)
        assert found[0, 0] == pytest.approx(expected)
    assert cdf_distances([first, second])[0, 1] == pytest.approx(np.abs(first - second).sum())


def _centers(size: int) -> NDArray[np.float64]:
    edges = np.linspace(-100, 100, size // 100)
    return (edges[1:] + edges[:-1]) / 2


def test_reference_cdf_has_the_length_of_the_authors_vectors() -> None:
    found = reference_cdf([np.zeros(3)] * len(ALL_CNN_C), ALL_CNN_C)
    assert len(found) == 13_683
    assert set(found.tolist()) == {0.0, 1.0}


def test_reference_cdf_against_numpy_bins() -> None:
    values = spectrum(5)
    edges = np.linspace(-100, 100, 4160 // 100)
    density, _ = np.histogram(values, edges, density=True)
    expected = np.cumsum(density * np.diff(edges))
    np.testing.assert_allclose(reference_cdf([values], [4160]), expected, rtol=1e-9)
    assert cdf_bins(4160) == len(expected)


def test_reference_cdf_leaves_out_what_is_out_of_range() -> None:
    assert reference_cdf([[-150.0, 150.0]], [500]).tolist() == [0.0] * 4


def test_wrong_requests_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="needs the sizes"):
        cdf_distances([[0.0]], weighting="uniform")
    with pytest.raises(ValueError, match="sizes give 4 bins, the vectors have 1"):
        cdf_distances([[0.0]], sizes=[500])
    with pytest.raises(ValueError, match=r"expected \(functions, layers, values\)"):
        fim_distances([[0.0]])
    with pytest.raises(ValueError, match="different lengths"):
        output_distances([[0.0]], [[0.0, 1.0]])
    with pytest.raises(UnknownNameError, match="no weighting"):
        layer_weights([500], "unifrom")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="table='mlp'"):
        distances.distance("relu(x)", "elu(x)", "fim")
    with pytest.raises(UnknownNameError, match="no feature"):
        distances.distance("relu(x)", "elu(x)", "outputz")  # type: ignore[arg-type]


def test_distance_by_outputs_agrees_with_the_table() -> None:
    space = load_space()
    outputs = space.outputs[[20, 213]]
    names = [space.representatives[entry] for entry in (20, 213)]
    expected = output_distances(outputs)[0, 1]
    assert act_bench.distance(names[0], names[1]) == pytest.approx(expected, rel=1e-6)
    assert act_bench.distance(*outputs) == pytest.approx(expected, rel=1e-6)


def test_distance_by_spectra_agrees_with_the_table() -> None:
    spectra, space = load_spectra("mlp"), load_space()
    valid = np.flatnonzero(spectra.valid)[[3, 500]]
    names = [space.representatives[entry] for entry in valid]
    weights = layer_weights([layer.weights for layer in spectra.layers], "inverse_size")
    expected = fim_distances(spectra.quantiles[valid], weights=weights)[0, 1]
    for a, b in (names, spectra.quantiles[valid]):
        found = act_bench.distance(a, b, "fim", table="mlp", weighting="inverse_size")
        assert found == pytest.approx(expected)


def test_embedded_spectra_are_whole() -> None:
    spectra = load_spectra("mlp")
    assert spectra.quantiles.shape == (2913, 3, 128)
    assert not spectra.quantiles.flags.writeable
    assert np.array_equal(spectra.valid, np.isfinite(spectra.quantiles).all((1, 2)))
    assert [bool(reason) for reason in spectra.reason] == (~spectra.valid).tolist()
    assert (np.diff(spectra.quantiles[spectra.valid], axis=2) >= 0).all()
    constant = load_space().resolve("one(x)").entry
    assert spectra.reason[constant].startswith("gradient factor of layer")


def test_load_table_joins_what_is_asked_for() -> None:
    spectra = load_spectra("mlp")
    table = act_bench.load_table("mlp", columns=["fim_valid", "expression", "fim_quantiles"])
    assert table.columns == ["fim_valid", "expression", "fim_quantiles"]
    assert table["fim_valid"].to_list() == spectra.valid.tolist()
    assert table["expression"].to_list() == list(load_space().representatives)
    first = int(np.flatnonzero(spectra.valid)[0])
    assert table["fim_quantiles"][first].to_list() == spectra.quantiles[first].ravel().tolist()
    assert table["fim_quantiles"].null_count() == 0
    missing = np.isnan(table["fim_quantiles"].to_numpy())
    assert missing.all(axis=1).tolist() == missing.any(axis=1).tolist()
    assert missing.all(axis=1).tolist() == (~spectra.valid).tolist()
    assert act_bench.load_table("mlp", columns=["fim_reason"]).columns == ["fim_reason"]
    assert "fim_valid" not in act_bench.load_table("mlp").columns
    asked = ["flat", "entry", "fim_valid", "outcome"]
    assert act_bench.load_table("mlp", columns=asked).columns == asked
    table = act_bench.load_table("mlp", columns=["entropy_nats", "expression"])
    known = act_bench.load_dataset("act-bench", "entropy")["entropy_nats"]
    assert table["entropy_nats"].to_list() == list(known)
    assert act_bench.load_table("mlp", columns=[]).columns == []


def test_functions_have_names_numbers_and_spellings() -> None:
    space = load_space()
    relu, swish = (space.resolve(name).entry for name in ("relu", "swish"))
    expected = act_bench.distance("relu(x)", "swish(x)")
    for one, other in (
        ("relu", "swish"), (relu, np.int64(swish)), ("ReLU", act_bench.parse("swish(x)")),
        (CATALOGUE["relu"], CATALOGUE["swish"]),
    ):  # fmt: skip
        assert act_bench.distance(one, other) == expected
        by_spectra = act_bench.distance(one, other, "fim", table="mlp")
        assert by_spectra == act_bench.distance("relu(x)", "swish(x)", "fim", table="mlp")
    assert act_bench.distance("golu", "gelu") < act_bench.distance("golu", "relu")
    with pytest.raises(NotInSpaceError):
        act_bench.distance("golu", "gelu", "fim", table="mlp")
    with pytest.raises(ArgumentError, match="from 0 to 2,912, got 2913"):
        act_bench.distance(2913, "relu")
