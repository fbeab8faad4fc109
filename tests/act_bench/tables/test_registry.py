"""What a record of a table must say; that a good one is found everywhere: tests/fifth_table."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from act_bench.tables.registry import (
    BUILT_IN,
    TABLES,
    RegistrationError,
    import_own_tables,
    register,
)

GOOD = dataclasses.replace(TABLES["mlp"], name="other")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "mlp"}, "taken by Act-Bench-MLP"),
        ({"name": "my-table"}, "lower-case letters, digits and _"),
        ({"name": "Mine"}, "lower-case letters, digits and _"),
        ({"name": "space"}, "another file"),
        ({"default_fidelity": "proxy"}, "default fidelity of full"),
        ({"fidelities": "full"}, "fidelities as a tuple of names, got 'full'"),
        ({"sampled": "long"}, "sampled as a tuple"),
        ({"chance": 10.0}, "a fraction between 0 and 1, such as 0.1"),
        ({"metric": "test_accuracy"}, "metric of validation_accuracy, validation_loss"),
        ({"higher_is_better": False}, "higher_is_better=True for validation_accuracy"),
        ({"metric": "validation_loss", "floor": -2.3}, "higher_is_better=False"),
        ({"metric": "validation_loss", "higher_is_better": False}, "expected a floor"),
    ],
)
def test_what_cannot_be_registered_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(RegistrationError, match=says):
        register(dataclasses.replace(GOOD, **change))
    assert tuple(TABLES) == BUILT_IN


def test_scores_are_to_be_maximized() -> None:
    loss = dataclasses.replace(
        GOOD, metric="validation_loss", higher_is_better=False, floor=-2.3, trained_margin=0.25
    )
    assert loss.score(0.5) == -0.5
    assert (loss.worst_score, loss.trained_score) == (-2.3, -2.05)
    assert (loss.test_metric, loss.score_in_words) == ("test_loss", "minus validation loss")
    assert GOOD.score(0.5) == 0.5
    assert (GOOD.worst_score, GOOD.test_metric) == (GOOD.chance, "test_accuracy")


def test_a_module_of_tables_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACT_BENCH_TABLES", "no_such_module")
    with pytest.raises(RegistrationError, match="no_such_module, which cannot be found"):
        import_own_tables()
