"""Numbers of any library are those of Python, and what only looks like a number is refused."""

# mypy: disable-error-code="arg-type, assignment"
# NumPy's numbers are given where Python's are declared: that is what is tested.

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_bench.arguments import finite_number, plain_settings, whole_number, whole_seeds
from act_bench.errors import EXTRAS, ActBenchError, ArgumentError
from act_bench.functions.catalogue import find
from act_bench.functions.expression import parse
from act_bench.search.benchmark import Benchmark
from act_bench.search.events import Partial, Searcher
from act_bench.search.loading import load_data
from act_bench.search.trace import read_trace
from act_bench.search.verify import verify
from regenerate.recipes import find as find_recipe
from surrogates.optimizers import NAMES, find_optimizer
from surrogates.protocol import SearchSpace, settings_of
from surrogates.searches.single import begin, rerun, run_search, trial_seed
from surrogates.simulation import simulate

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
FLOATS = [np.float16, np.float32, np.float64]
NOT_WHOLE = [
    True,
    False,
    np.True_,
    np.array(True),
    2.5,
    np.float32(0.5),
    math.nan,
    math.inf,
    "3",
    None,
    [3],
    3 + 0j,
    Fraction(1, 2),
]


@given(st.integers(0, 127), st.sampled_from([*INTEGERS, *FLOATS, int, float, np.array, Fraction]))
def test_whole_numbers_of_any_type_are_ints(value, kind):
    found = whole_number(kind(value), "seed")
    assert type(found) is int
    assert found == value


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
def test_what_is_no_whole_number_is_refused_by_name(value):
    with pytest.raises(ArgumentError, match="epochs must be a whole number, got"):
        whole_number(value, "epochs")
    with pytest.raises(ArgumentError, match="seeds must be a whole number, got"):
        whole_seeds([0, value])


def test_ranges_and_long_values_are_sentences():
    with pytest.raises(ArgumentError, match="seed must be at least 0, got -1"):
        whole_number(np.int64(-1), "seed", least=0)
    with pytest.raises(ArgumentError, match="at most 1,000, got 1001"):
        whole_number(1001, "n", most=1000)
    with pytest.raises(ArgumentError) as caught:
        whole_number("x" * 10_000, "seed")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [True, np.False_, math.nan, -math.inf, "1", None, 1j, 10**400])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ArgumentError, match="eps must be a finite number"):
        finite_number(value, "eps")


@pytest.mark.parametrize("seeds", [3, "01", None, [], [0, 0], [np.int64(1), 1], [-1]])
def test_seeds_are_several_different_whole_numbers(seeds):
    with pytest.raises(ArgumentError, match="seeds must be"):
        whole_seeds(seeds)


@pytest.mark.parametrize("seeds", [range(3), np.arange(3), (np.uint8(n) for n in range(3))])
def test_seeds_of_any_iterable(seeds):
    assert whole_seeds(seeds) == (0, 1, 2)


# NumPy's strings end before a final NUL.
TEXTS = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=5)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.booleans().map(np.bool_),
            st.integers(-100, 100).map(np.int64),
            st.floats(allow_nan=False, allow_infinity=False, width=32).map(np.float32),
            TEXTS.map(np.str_),
            st.none(),
        ),
    )
)
def test_settings_are_values_of_json(settings):
    searcher = Searcher("mine", settings, np.int32(3), np.int64(2))
    again = json.loads(json.dumps(searcher._asdict(), allow_nan=False))
    assert again["settings"] == {str(k): v for k, v in settings.items()}
    assert pickle.loads(pickle.dumps(searcher)) == searcher  # noqa: S301


@pytest.mark.parametrize("value", [math.nan, math.inf, [1], {"a": 1}, object(), 1j])
def test_settings_that_no_trace_can_hold_are_refused(value):
    with pytest.raises(ArgumentError, match="setting"):
        plain_settings({"mine": value})


def test_a_trace_of_numpy_scalars_is_saved_and_verified(tmp_path):
    settings = {"neighbours": np.int64(5)}
    searcher = Searcher("knn", settings, seed=np.uint64(7))
    data = load_data("mlp", seed=np.int64(3))
    bench = Benchmark(data, searcher=searcher)
    optimizer = begin(bench, SearchSpace.of(data), find_optimizer("knn"), np.uint64(7), settings)
    run_search(bench, optimizer, np.int64(4))
    bench.charge(np.float32(0.25), "features")
    bench.query("tanh(x)", epochs=np.int64(2))
    bench.query(Partial("tanh(x)", np.int8(3)))
    assert type(bench.clock_s) is float
    bench.trace.save(tmp_path / "trace.jsonl")
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.header.run_seed == 3
    assert trace.events == bench.events
    checks = verify(tmp_path / "trace.jsonl")
    assert all(check.passed for check in checks), checks
    again = rerun(trace._replace(events=trace.events[:4]), data)
    assert again.events == trace.events[:4]


CALLS = {
    "benchmark seed": lambda bad: Benchmark("mlp", seed=bad),
    "epochs": lambda bad: Benchmark("mlp").query("elu(x)", epochs=bad),
    "partial": lambda bad: Benchmark("mlp").query(Partial("elu(x)", bad)),
    "simulate seed": lambda bad: simulate(load_data("mlp"), seed=bad, trials=1, evaluations=1),
    "simulate trials": lambda bad: simulate(load_data("mlp"), trials=bad, evaluations=1),
    "simulate evaluations": lambda bad: simulate(load_data("mlp"), trials=1, evaluations=bad),
    "simulate workers": lambda bad: simulate(load_data("mlp"), workers=bad),
    "trial seed": lambda bad: trial_seed(bad, 0),
    "searcher seed": lambda bad: Searcher("mine", {}, bad),
    "recipe epochs": lambda bad: dataclasses.replace(find_recipe("mlp", "full"), epochs=bad),
    "recipe batch": lambda bad: dataclasses.replace(find_recipe("mlp", "full"), batch_size=bad),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("bad", [True, 1.5, np.float64(0.5), "1"], ids=repr)
def test_booleans_and_fractions_are_refused_wherever_a_whole_number_goes(call, bad):
    with pytest.raises(ArgumentError, match="must be a whole number"):
        CALLS[call](bad)


@pytest.mark.parametrize("bad", [True, math.nan, -1.0, math.inf, "1"], ids=repr)
def test_charges_are_finite_seconds(bad):
    with pytest.raises(ValueError, match="a charge is a finite number"):
        Benchmark("mlp").charge(bad, "x")


WITH_MAPS = ("aquasurf", "aquasurf-rates")


def optimizer_settings():
    for name in NAMES:
        if name not in (*WITH_MAPS, "fisher-filter"):
            yield name, "seed"
        for setting, default in settings_of(find_optimizer(name)).items():
            if isinstance(default, int) and not isinstance(default, bool):
                yield name, setting


@pytest.fixture(scope="module")
def few():
    outputs = np.arange(6.0)[:, None]
    names = [["relu(x)"], ["elu(x)"], ["tanh(x)"], ["max(relu(x),elu(x))"], ["erf(x)"], ["one(x)"]]
    valid = np.ones(6, dtype=bool)
    return SearchSpace(range(6), names, outputs, spectra=(outputs, valid), epochs=9)


@pytest.mark.parametrize(("name", "setting"), list(optimizer_settings()))
def test_settings_of_optimizers_take_numpy_and_refuse_what_is_not_whole(few, name, setting):
    factory = find_optimizer(name)
    for bad in (True, 2.5):
        arguments = {"seed": 0, setting: bad}
        if setting == "neighbours" and name in WITH_MAPS:
            arguments["features"] = "outputs"
        with pytest.raises(ArgumentError, match=f"{setting} must be a whole number"):
            factory(few, **arguments)
    default = 3 if setting == "seed" else settings_of(factory)[setting]
    if name not in WITH_MAPS:  # which want a map of six functions
        factory(few, **{"seed": 0, setting: np.int64(default)}).ask()


def test_recipes_of_numpy_numbers_are_the_same_recipes():
    recipe = find_recipe("mlp", "full")
    same = dataclasses.replace(
        recipe,
        epochs=np.int64(recipe.epochs),
        learning_rate=np.float64(recipe.learning_rate),
        widths=np.array(recipe.widths),
    )
    assert (same, same.sha) == (recipe, recipe.sha)
    with pytest.raises(ArgumentError, match="learning_rate must be a finite number"):
        dataclasses.replace(recipe, learning_rate=math.nan)


def test_benchmarks_and_their_data_are_pickled(tmp_path):
    bench = Benchmark("mlp")
    bench.query("relu(x)")
    bench.query("elu(x)", epochs=2)
    content = pickle.dumps(bench)
    assert len(content) < 2_000_000
    again = pickle.loads(content)  # noqa: S301
    assert again.events == bench.events
    for one in (bench, again):
        one.query("elu(x)")
        one.query("tanh(x)", epochs=3)
    assert again.reveal() == bench.reveal()
    data = pickle.loads(pickle.dumps(load_data("cnn", seed=0)))  # noqa: S301
    assert data.rates == load_data("cnn", seed=0).rates
    assert data.space is load_data("cnn").space


ARRAYS = {
    "complex128": np.array([1j]),
    "datetime64": np.array(["2020-01-01"], "datetime64[D]"),
    "timedelta64": np.array([1], "timedelta64[s]"),
    "<U3": np.array(["1.5"]),
    "masked": np.ma.masked_array([1.0, 2.0], [True, False]),
}


@pytest.mark.parametrize("words", ARRAYS)
def test_arrays_without_real_numbers_are_refused(words):
    functions = [
        parse("tanh(x)").to_numpy(),
        parse("tanh(x)").derivative(),
        find("gelu").to_numpy(),
    ]
    for function in functions:
        with pytest.raises(ActBenchError, match=f"expected real numbers.*{words}"):
            function(ARRAYS[words])


IMPORTS = """
import importlib, pkgutil, sys
import act_bench
from act_bench.errors import EXTRAS, MissingExtraError

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in EXTRAS:
            return self.finder.find_spec(name, path, target)

sys.meta_path[:-1] = [Without(finder) for finder in sys.meta_path[:-1]]
import regenerate, surrogates, builders
bad, named = [], 0
for package in (act_bench, regenerate, surrogates, builders):
    found = pkgutil.walk_packages(package.__path__, package.__name__ + ".", lambda name: None)
    for module in found:
        if "triton" in module.name or module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except MissingExtraError as error:
            named += "pip install 'act-bench[" in str(error)
        except ImportError as error:
            bad.append(f"{module.name}: {error}")
print(named, bad)
"""


def test_every_module_names_the_extra_that_it_needs():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    named, _, bad = done.stdout.partition(" ")
    assert bad.strip() == "[]"
    assert int(named) > 40


def test_others_are_answered_as_ever():
    code = (
        "import sys, act_bench, importlib.util\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        "print(importlib.util.find_spec('torch'))\n"
        "try: import torch\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["None", "No module named 'torch'"], done.stderr
    assert "torch" in EXTRAS
