"""Estimates of the tuned view against seeds that were hidden from them."""

from pathlib import Path

import numpy as np

from builders.reports.rates.held_out import errors, estimated


def test_hidden_seeds_are_hidden_and_compared() -> None:
    rng = np.random.default_rng(0)
    truth = 0.5 + rng.normal(0, 0.03, 400)
    scores = truth[:, None] + rng.normal(0, 0.01, (400, 3))
    scores[:, 0] += 0.015  # the seed that chose
    scores[200:, 1:] = np.nan
    first, estimate, spread, hidden = errors(scores, np.arange(200), 0.2)
    assert sorted(first) == sorted(scores[:200, 0])
    assert sorted(hidden) == sorted(scores[:200, 1:].mean(axis=1))
    assert abs((first - hidden).mean() - 0.015) < 0.003
    assert abs((estimate - hidden).mean()) < 0.003
    assert np.sqrt(np.mean((estimate - hidden) ** 2)) < np.sqrt(np.mean((first - hidden) ** 2))
    assert 0.003 < spread.mean() < 0.012


def test_the_page_has_what_it_says() -> None:
    page = Path("docs/studies/rates.md").read_text(encoding="utf-8")
    assert "of which most functions have 9, without a prior" in estimated("mlp")
    assert estimated("mlp") in page
    assert estimated("cnn") in page
