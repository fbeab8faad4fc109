"""Search beyond a table, on a small file of the shape of the large space."""

import dataclasses
import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from act_bench.files.manifest import DataError
from act_bench.functions.expression import parse
from act_bench.spaces import large as large_space
from act_bench.spaces.paper import finite_outputs, load_space
from regenerate.recipes import find
from surrogates.live import Budget, Confirmation, search, table_problem
from surrogates.live.large import NotInLargeSpaceError, open_large_space
from surrogates.live.replay import verify_search
from surrogates.live.transfer import Transfer
from tests.surrogates.results import result_of

TINY = dataclasses.replace(find("mlp", "full"), epochs=1, widths=(8,), train_images=100)
OUTER = ("tanh", "sigmoid", "erf", "softsign", "swish")
INNER = ("elu", "relu", "exp", "square", "sinh", "cosh", "arctan", "selu")


@pytest.fixture(autouse=True)
def _small_large_space(tmp_path, monkeypatch):
    """Two entries of the table, and forty functions that are none."""
    monkeypatch.setenv("ACT_BENCH_CACHE", str(tmp_path))
    space = load_space()
    names = ["relu(x)", "elu(x)", *(f"{f}({g}(x))" for f in OUTER for g in INNER)]
    outputs = np.stack([parse(name).to_numpy()(space.points) for name in names])
    entries = [space.resolve(name).entry for name in names[:2]] + [None] * 40
    frame = pl.DataFrame(
        {
            "class": pl.Series(range(len(names)), dtype=pl.UInt32),
            "expression": names,
            "expressions": pl.Series([1] * len(names), dtype=pl.UInt32),
            "entry": pl.Series(entries, dtype=pl.Int16),
            "outputs": pl.Series(outputs.astype(np.float32), dtype=pl.Array(pl.Float32, 80)),
        }
    )
    frame.write_parquet(large_space.outputs_file())


def transfer(folder, **settings):
    space = open_large_space().search_space("mlp", "full", folder)
    return space, Transfer(space, 0, **settings)


def test_any_spelling_resolves_and_others_are_refused(tmp_path):
    space = open_large_space()
    assert space.resolve("tanh( elu(x) )") == (2, "exact")
    assert space.resolve("max(x,mul(relu(x),one(x)))") == (0, "numerical")
    with pytest.raises(NotInLargeSpaceError, match="the nearest by outputs"):
        space.resolve("pow(cosh(x),x)")


def test_it_asks_beyond_the_table_and_for_nothing_twice(tmp_path):
    space, optimizer = transfer(tmp_path, short_list=10, rescan=3, trees=4, apart=0.05)
    known = finite_outputs(load_space().outputs)
    asked = []
    for _ in range(8):
        text = optimizer.ask()
        asked.append(text)
        optimizer.tell(result_of(space.find(text), 0.5))
    assert len(set(asked)) == 8
    values = finite_outputs(np.stack([parse(t).to_numpy()(load_space().points) for t in asked]))
    for number, value in enumerate(values):
        others = np.concatenate([known, values[:number]])
        assert np.sqrt(np.mean((others - value) ** 2, axis=1)).min() >= 0.05 - 1e-6


def test_it_prefers_what_the_table_says_is_good(tmp_path):
    _, optimizer = transfer(tmp_path, trees=8, apart=0.0)
    first = optimizer.ask()
    # By the table, on inputs of this size bounded monotone functions train, cosh and square do not.
    assert not any(inner in first for inner in ("square", "cosh", "exp"))


def test_spectra_of_the_short_list_are_computed_charged_and_kept(tmp_path):
    space, optimizer = transfer(tmp_path, features="union", short_list=3, trees=4)
    text, charges = space.meter.metered(optimizer.ask)
    (reason,) = charges
    assert reason == "Fisher spectra of 3 functions of the short list"
    again_space, again = transfer(tmp_path, features="union", short_list=3, trees=4)
    assert again_space.meter.metered(again.ask) == (text, charges)  # read, not measured again


def test_a_search_over_the_large_space_goes_on_and_is_verified(tmp_path):
    problem = table_problem("mlp", seeds=[0], space="large", recipe=TINY)
    arguments: dict[str, Any] = {
        "method": "transfer:short_list=5:trees=2",
        "confirmation": Confirmation(1, 1),
    }
    out = tmp_path / "out"
    first = search(problem, out, budget=Budget(2), reveal=False, **arguments)
    found = search(problem, out, budget=Budget(3), **arguments)
    assert found.evaluated[:2] == first.evaluated
    assert found.confirmed[-1].candidate.role == "best of the table"
    header = json.loads((out / "trace.jsonl").read_text().splitlines()[0])
    assert header["optimizer"]["settings"] == {
        "features": "outputs",
        "short_list": 5,
        "rescan": 10,
        "trees": 2,
        "apart": 0.05,
    }
    assert [check.passed for check in verify_search(out / "trace.jsonl")] == [True] * 4
    other = search(problem, tmp_path / "b", method="random", budget=Budget(1), reveal=False)
    assert len(other.evaluated) == 1  # any optimizer can search there


def test_a_space_that_was_not_built_says_how(tmp_path):
    large_space.outputs_file().unlink()
    with pytest.raises(DataError, match="act-bench space build"):
        open_large_space()
