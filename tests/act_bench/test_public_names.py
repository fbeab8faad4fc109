"""``import act_bench`` is light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import polars
import pytest

import act_bench


def _fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_public_names():
    assert set(act_bench.__all__) == {
        "Benchmark",
        "Expression",
        "SearchSpace",
        "__version__",
        "act_layer",
        "cite",
        "distance",
        "list_tables",
        "load_dataset",
        "load_features",
        "load_fisher",
        "load_inputs",
        "load_named",
        "load_runs",
        "load_space",
        "load_table",
        "optimizers",
        "optimum",
        "parse",
        "simulate",
    }


@pytest.mark.parametrize("name", act_bench.__all__)
def test_each_name_loads_and_is_listed(name):
    assert getattr(act_bench, name) is not None
    assert name in dir(act_bench)


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'laod_table'"):
        act_bench.laod_table  # noqa: B018


def test_import_loads_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import act_bench; "
        "print(*sorted(m.partition('.')[0] for m in set(sys.modules) - before))"
    )
    loaded = set(_fresh(code).split())
    assert loaded - set(sys.stdlib_module_names) == {"act_bench"}


@pytest.mark.parametrize(
    ("first_use", "unwanted"),
    [
        ("act_bench.parse('relu(x)')", {"numpy", "scipy", "polars", "pyarrow", "torch"}),
        ("act_bench.load_table", {"numpy", "polars", "pyarrow", "torch", "datasets"}),
        pytest.param(
            "act_bench.load_table('mlp')",
            {"numpy", "pyarrow"},
            marks=pytest.mark.skipif(
                not hasattr(polars, "read_parquet_metadata"),
                reason="this polars cannot read what a file says of itself, so pyarrow does",
            ),
        ),
        ("act_bench.Benchmark", {"polars", "torch", "datasets", "sklearn"}),
    ],
)
def test_first_use_loads_no_more_than_it_needs(first_use, unwanted):
    code = f"import sys, act_bench; {first_use}; print(*sys.modules)"
    loaded = set(_fresh(code).split())
    assert not loaded & unwanted
