"""What spectra say of training, counted by hand; what 128 quantiles lose, on four functions."""

from __future__ import annotations

import dataclasses
import re
import sys

import numpy as np
import polars as pl
import pytest
import torch

from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.registry import TABLES
from act_bench.tables.spectra import LayerSize, Spectra
from builders.reports.fisher import report as fisher_report
from builders.reports.fisher import rounding as fisher_rounding
from builders.reports.fisher import storage as fisher_storage
from regenerate.fisher.convention import Labels
from regenerate.fisher.networks import setting
from regenerate.fisher.spectrum import label_draws


def _spectra(quantiles: np.ndarray, reason: dict[int, str] | None = None) -> Spectra:
    told = [(reason or {}).get(entry, "") for entry in range(len(quantiles))]
    values = quantiles.astype(np.float32)
    values[[bool(why) for why in told]] = np.nan
    valid = np.array([not why for why in told])
    return Spectra((LayerSize("a", 10), LayerSize("b", 1000)), values, valid, tuple(told))


def test_validity_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = ["ok", "ok", "ok", "diverged", "diverged", "missing"]
    entries = pl.DataFrame(
        {"outcome": outcome, "validation_accuracy": [0.8, 0.14, 0.12, None, None, None]}
    )
    reason = {1: "overflow of layer a", 3: "overflow of layer b", 5: "zero factor of layer a"}
    fisher_report.validity(entries, _spectra(np.zeros((6, 2, 128)), reason), TABLES["mlp"])
    said = capsys.readouterr().out
    assert "invalid: 3 of 6 (50.0%): 2 overflow, 1 zero factor" in said
    # Of the two known and invalid one diverged, of the two that diverged one is invalid.
    assert "| diverged | 2 | 0.500 | 0.500 |" in said
    assert "| diverged or at chance | 4 | 1.000 | 0.500 |" in said


def test_a_function_and_its_negative_are_found_and_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    space = load_space()
    count = len(space.representatives)
    rng = np.random.default_rng(0)
    levels = rng.normal(size=count)
    for first, second in (("tanh(x)", "sub(zero(x),tanh(x))"), ("abs(x)", "sub(zero(x),abs(x))")):
        one, other = space.resolve(first).entry, space.resolve(second).entry
        levels[other] = levels[one]
    accuracy = np.full(count, 0.5)
    accuracy[space.resolve("tanh(x)").entry] = 0.1
    entries = pl.DataFrame({"outcome": ["ok"] * count, "validation_accuracy": accuracy})
    known = {space.resolve(f"{name}(x)").entry for name in ("tanh", "abs")}
    known |= {space.resolve(f"sub(zero(x),{name}(x))").entry for name in ("tanh", "abs")}
    reason = {entry: "unknown" for entry in range(count) if entry not in known}
    values = np.broadcast_to(levels[:, None, None], (count, 2, 128))
    fisher_report.signs(entries, _spectra(values, reason), TABLES["mlp"])
    said = capsys.readouterr().out
    pairs = re.search(r"f and -f: (\d+) pairs of entries; both valid 2, one only \d+; (.*)", said)
    assert pairs is not None, said
    assert pairs[2] == f"both train {int(pairs[1]) - 1}, one only 1"
    assert "| f and -f | 0.000 (0.000) | 0.000 |" in said


def test_weights_of_pairs_are_as_good_as_repeating_them() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    times = rng.integers(0, 4, size=50)
    repeated = np.corrcoef(np.repeat(a, times), np.repeat(b, times))[0, 1]
    found = fisher_report.weighted_correlation(a, b, times.astype(float))
    assert found == pytest.approx(repeated, abs=1e-12)


def test_a_distance_that_is_the_difference_of_accuracy_correlates_fully(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fisher_report, "PAIRS", 2000)
    monkeypatch.setattr(fisher_report, "SAMPLES", 5)
    count = len(load_space().representatives)
    accuracy = np.random.default_rng(0).uniform(0.0, 1.0, size=count)
    entries = pl.DataFrame({"outcome": ["ok"] * count, "validation_accuracy": accuracy})
    values = np.broadcast_to(10 * accuracy[:, None, None], (count, 2, 128))
    fisher_report.distances(entries, _spectra(values), TABLES["mlp"])
    lines = [line for line in capsys.readouterr().out.splitlines() if "entries that train" in line]
    assert len(lines) == 1
    assert lines[0].endswith("| 1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] |")


def test_what_quantiles_lose_is_measured_on_fresh_spectra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["fisher_storage.py", "mlp", "--functions", "4", "--pairs", "5"]
    monkeypatch.setattr(sys, "argv", arguments)
    fisher_storage.main()
    said = capsys.readouterr().out
    assert "mlp: 5 pairs of 4 functions" in said
    worst = re.findall(r"at most ([\d.]+) % off", said)
    assert len(worst) == 2
    assert all(0 < float(each) < 5 for each in worst)


def test_rounding_compares_passes_in_float32_with_passes_in_float64() -> None:
    found = setting("mlp")
    drawn = dataclasses.replace(found.convention, labels=Labels.PREDICTED_SAMPLE)
    found = dataclasses.replace(
        found, convention=drawn, images=found.images[:64], labels=found.labels[:64]
    )
    quantiles, probabilities, labels = fisher_rounding.taken(found, "elu(x)", torch.float64)
    scores = found.network(parse("elu(x)"))(found.images).detach().numpy()
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-12)
    # The label that a uniform number u draws is the first at which the cumulated sum exceeds u.
    draws = label_draws(torch.from_numpy(scores), drawn).numpy()
    assert labels.tolist() == (expected.cumsum(1) < draws[:, None]).sum(1).tolist()

    cells = fisher_rounding.row(found, "elu(x)").strip("| ").split(" | ")
    assert cells[:2] == ["`mlp`", "`elu(x)`"]
    change, redrawn, moved, from_embedded = (float(cell) for cell in cells[2:])
    assert 0 < change < 1e-6
    assert (redrawn, moved) == (0, 0)
    # The embedded spectrum of mlp is that of all images and all labels.
    assert from_embedded > 0.01
    assert quantiles.shape == (len(setting("mlp").network(parse("x")).state_dict()) // 2, 128)
