"""Ladder figures: what is drawn and what is picked, and weights that undo the choice."""

from __future__ import annotations

import numpy as np
import pytest

from builders.reports import ladder
from builders.reports.fisher.report import weighted_correlation
from builders.reports.ladder import Rung
from surrogates.significance import spearman


def test_weights_undo_a_choice_of_the_best() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    table = truth + rng.normal(0, 0.7, 2000)
    order = np.argsort(-table)
    whole = spearman(table, truth)
    errors = {"weighted": [], "as if drawn": []}
    for _ in range(40):
        drawn = rng.choice(order[30:], 60, replace=False)
        rows = [Rung(table[i], truth[i], "picked") for i in order[:30]]
        rows += [Rung(table[i], truth[i], "drawn") for i in drawn]
        weight = ladder.weights(rows, 2000)
        assert weight.sum() == pytest.approx(2000)
        for name, each in {"weighted": weight, "as if drawn": np.ones(len(rows))}.items():
            ranks = (
                ladder.weighted_ranks(np.array([getattr(row, of) for row in rows]), each)
                for of in ("table", "long")
            )
            a, b = ranks
            errors[name].append(weighted_correlation(a, b, each) - whole)
    assert abs(np.mean(errors["weighted"])) < 0.03
    assert np.mean(errors["as if drawn"]) > 0.05


def test_equal_weights_give_spearman() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 9, (2, 50)).astype(float)
    ones = np.ones(50)
    first, second = (ladder.weighted_ranks(each, ones) for each in (a, b))
    assert weighted_correlation(first, second, ones) == pytest.approx(spearman(a, b))


@pytest.mark.parametrize("table", ladder.TABLES)
def test_records_tell_how_functions_came_in(table: str) -> None:
    for reference in ladder.references(table).values():
        rows = ladder.rungs(table, reference)
        kinds = [row.kind for row in rows]
        assert 5 <= kinds.count("baseline") <= 8
        assert kinds.count("drawn") >= 4
        picked = [row.table for row in rows if row.kind == "picked"]
        assert all(value > 0.4 for value in picked)
