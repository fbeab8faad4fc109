"""The studies by name; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from act_bench.tables.schema import one_of
from builders.reports.studies.record import Study

STUDIES: Final[dict[str, str]] = {
    "transfer": "builders.reports.studies.transfer:transfer",
    "cifar100": "builders.reports.studies.transfer:cifar100",
    "cifar100-full": "builders.reports.studies.transfer:cifar100_full",
    "crrelu": "builders.reports.studies.entropy:crrelu",
    "crrelu-full": "builders.reports.studies.entropy:crrelu_full",
    "eafo": "builders.reports.studies.entropy:corrections",
    "coatnet": "builders.reports.studies.coatnet:functions",
    "coatnet-search": "builders.reports.studies.coatnet:searched",
    "aquasurf": "builders.reports.studies.searches:aquasurf",
}
"""Name -> ``module:function`` that returns the study."""


def find(name: str) -> Study:
    """Return a study.

    Raises
    ------
    act_bench.tables.schema.UnknownNameError
        There is none of that name.

    Examples
    --------
    >>> find("crrelu").title
    'CRReLU in a vision transformer'
    """
    module, function = STUDIES[one_of("study", name, STUDIES)].split(":")
    study: Study = getattr(import_module(module), function)()
    return study
