"""Benchmark tables and the functions that load them.

Each public name is loaded on first use, so that ``import act_bench`` itself costs only the standard
library.

Examples
--------
>>> import act_bench
>>> str(act_bench.parse("add( relu(x), tanh(x) )"))
'add(relu(x),tanh(x))'
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if not os.path.isdir(os.path.dirname(__file__)):  # noqa: PTH112, PTH120  (pathlib costs more)
    from act_bench.errors import ArchiveError

    raise ArchiveError(
        f"act_bench cannot be imported from an archive, {__file__}: its data lie in a folder; "
        "fix: pip install act-bench, or unpack the archive"
    )

from act_bench.errors import name_missing_extras as _name_missing_extras

if TYPE_CHECKING:
    from act_bench.functions.expression import Expression, parse
    from act_bench.layers import act_layer
    from act_bench.publishing.citation import cite
    from act_bench.search.benchmark import Benchmark
    from act_bench.search.optimum import optimum
    from act_bench.spaces.paper import load_space
    from act_bench.tables.catalogued.named import load_named
    from act_bench.tables.configurations import load_dataset
    from act_bench.tables.distances import distance
    from act_bench.tables.features import load_features
    from act_bench.tables.files import list_tables
    from act_bench.tables.inputs.distributions import load_inputs
    from act_bench.tables.loaders import load_table
    from act_bench.tables.runs import load_runs
    from act_bench.tables.spectra import load_spectra as load_fisher
    from surrogates import optimizers
    from surrogates.search_space import SearchSpace
    from surrogates.simulation import simulate

    __version__: str

__all__ = [
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
]

# This module is the front door, above every layer: nothing in the packages imports it, so it may
# name what lies in surrogates, and import-linter sees that nothing comes back down through it.
_SOURCES = {
    "Benchmark": "act_bench.search.benchmark:Benchmark",
    "Expression": "act_bench.functions.expression:Expression",
    "SearchSpace": "surrogates.search_space:SearchSpace",
    "act_layer": "act_bench.layers:act_layer",
    "cite": "act_bench.publishing.citation:cite",
    "distance": "act_bench.tables.distances:distance",
    "list_tables": "act_bench.tables.files:list_tables",
    "load_dataset": "act_bench.tables.configurations:load_dataset",
    "load_features": "act_bench.tables.features:load_features",
    "load_fisher": "act_bench.tables.spectra:load_spectra",
    "load_inputs": "act_bench.tables.inputs.distributions:load_inputs",
    "load_named": "act_bench.tables.catalogued.named:load_named",
    "load_runs": "act_bench.tables.runs:load_runs",
    "load_space": "act_bench.spaces.paper:load_space",
    "load_table": "act_bench.tables.loaders:load_table",
    "optimizers": "surrogates.optimizers",
    "optimum": "act_bench.search.optimum:optimum",
    "parse": "act_bench.functions.expression:parse",
    "simulate": "surrogates.simulation:simulate",
}
"""Public name -> where it is: a module, or what a module has."""


_name_missing_extras()


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("act-bench")
    elif name in _SOURCES:
        from importlib import import_module

        module, _, attribute = _SOURCES[name].partition(":")
        value = import_module(module)
        if attribute:
            value = getattr(value, attribute)
    else:
        raise AttributeError(f"module 'act_bench' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
