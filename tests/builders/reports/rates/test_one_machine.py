"""Seconds at other rates, as if the machine of the recipe's own rate had trained them."""

import numpy as np
import pytest

from act_bench import load_runs
from act_bench.search.loading import load_data
from builders.reports.rates.one_machine import on_one_machine, slowness_of_rates


def test_seconds_at_other_rates_are_divided_and_those_of_runs_filled_in_are_not() -> None:
    data = load_data("cnn")
    even = on_one_machine(data, {0.05: 1.0, 0.1: 0.5, 0.2: 4.0})
    assert even.cost_s == data.cost_s
    assert even.at_rate(0.05).cost_s == data.cost_s
    filled = set(range(2913)) - set(
        load_runs("cnn", columns=["entry", "learning_rate"], rate=0.2)["entry"]
    )
    assert filled
    for entry in range(0, 2913, 7):
        cost = data.at_rate(0.2).cost_s[entry]
        expected = cost if entry in filled else cost / 4
        assert even.at_rate(0.2).cost_s[entry] == pytest.approx(expected)
        assert even.at_rate(0.2).score(entry) == data.at_rate(0.2).score(entry)


def test_on_one_machine_the_same_trainings_take_the_same_time_at_every_rate() -> None:
    slowness = slowness_of_rates("mlp")
    assert slowness[0.2] == 1.0
    data = load_data("mlp", seed=0)
    even = on_one_machine(data, slowness)
    for rate in data.rates:
        both = [
            entry
            for entry in data.covered
            if data.outcome[entry] == data.at_rate(rate).outcome[entry] == "ok"
        ]
        ratio = [even.at_rate(rate).cost_s[entry] / data.cost_s[entry] for entry in both]
        assert np.median(ratio) == pytest.approx(1.0)
