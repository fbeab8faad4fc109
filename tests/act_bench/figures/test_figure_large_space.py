"""The figure of the large space."""

from __future__ import annotations

import numpy as np
import pytest

from act_bench.figures import FIGURES, Request, draw
from act_bench.figures import space as figure
from act_bench.spaces.large import NotBuiltError


def test_trained_functions_are_colored_and_the_best_drawn_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("surrogates.embeddings.umap_places", lambda parts: parts[0].vectors[:, :2])
    outputs = np.random.default_rng(0).normal(size=(30, 80)).astype(np.float32)
    accuracy = np.full(30, np.nan)
    accuracy[[3, 7, 9]] = 0.5, 0.9, 0.1
    found = figure.draw(outputs, accuracy, "a title", 0.1)
    gray, colored = found.axes[0].collections
    assert np.asarray(gray.get_offsets()).shape == (27, 2)
    assert np.asarray(colored.get_array()).tolist() == [0.1, 0.5, 0.9]
    found_at = np.asarray(colored.get_offsets(), np.float64)
    np.testing.assert_allclose(found_at, outputs[[9, 3, 7], :2].astype(np.float64))


def test_it_is_registered_and_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    assert "large-space" in FIGURES
    with pytest.raises(NotBuiltError, match="act-bench space build"):
        draw("large-space", Request())
