"""Claims that the tables have measured: figures against the runs themselves."""

import numpy as np
import pytest

from act_bench import load_runs
from act_bench.spaces.paper import load_space
from act_bench.tables.rates import View
from builders.reports.studies import measured
from builders.reports.studies.measured import at_own_rate, at_tuned_rate


@pytest.mark.parametrize("rate", ["own", "tuned"])
def test_what_swish_gains_over_relu_is_what_the_runs_say(rate: View) -> None:
    columns = ["entry", "seed", "validation_accuracy"]
    runs = load_runs("mlp", columns=columns, rate=rate)
    values = {}
    for name in ("swish(x)", "relu(x)"):
        rows = runs.filter(entry=load_space().resolve(name).entry).sort("seed")
        found = rows["validation_accuracy"].to_numpy()
        values[name] = found if rate == "own" else found[1:]  # seed 0 chose the rate
    middle = np.median if rate == "own" else np.mean
    gain = at_own_rate("mlp") if rate == "own" else at_tuned_rate("mlp")
    assert gain is not None
    assert gain.mean == pytest.approx(middle(values["swish(x)"]) - middle(values["relu(x)"]))
    squared = [np.var(each, ddof=1) / len(each) for each in values.values()]
    assert gain.error == pytest.approx(np.sqrt(sum(squared)))


def test_of_few_fresh_seeds_the_deviation_is_that_of_all_functions() -> None:
    gain = at_tuned_rate("cnn")
    assert gain is not None
    assert gain.error == pytest.approx(np.sqrt(2) * 0.0043, rel=0.02)  # of the page of rates


def test_a_table_with_one_rate_has_no_tuned_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "table_files", lambda table: {})
    assert at_tuned_rate("cnn") is None
