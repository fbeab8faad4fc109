"""Which embedded spectra depend on the slopes of `regenerate.fisher.slopes`, and what they become.

``python -m builders.fisher.changes`` lists the entries that have a slope at 0 in training, and none
in automatic differentiation: of all points, a pre-activation is 0 most often.

Slopes are replaced only where automatic differentiation has none. There a gradient is NaN and the
spectrum invalid: so a spectrum that is valid, or invalid for its forward pass, stays as it is, and
those to make again are the ones that are invalid for their gradients.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
import torch

from act_bench.files import resumable
from act_bench.functions.expression import parse
from act_bench.spaces.paper import load_space
from act_bench.tables.spectra import load_spectra
from builders.embedded import BuildError

CHANGES: Final = "changes.csv"
_WITHOUT: Final = "gradients of "
"""How the reason of such a spectrum begins; see `regenerate.fisher.spectrum`."""


def entries_without_gradient(table: str) -> list[int]:
    """Return the entries whose embedded spectrum is invalid for gradients that are not finite.

    Examples
    --------
    >>> len(entries_without_gradient("mlp"))
    17
    """
    return without_gradient(load_spectra(table).reason)


def without_gradient(reasons: Iterable[str | None]) -> list[int]:
    """Return the places of the reasons that are gradients which are not finite."""
    return [entry for entry, reason in enumerate(reasons) if (reason or "").startswith(_WITHOUT)]


def without_slope_at_zero() -> list[int]:
    """Return the entries finite at 0 whose slope there is finite in training, NaN in autograd."""
    found = []
    for entry, text in enumerate(load_space().representatives):
        expression = parse(text)
        if not np.isfinite([expression.to_numpy()(0.0), expression.derivative()(0.0)]).all():
            continue
        zero = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(expression.to_torch()(zero), zero)
        if slope.isnan():
            found.append(entry)
    return found


def write_changes(table: str, expressions: Sequence[str], parts: Path) -> Path:
    """Write which entries have another outcome now, beside their parts.

    Parameters
    ----------
    table
        Whose embedded spectra are compared with.
    expressions
        Of all entries, in entry order.
    parts
        Folder of the parts, as ``builders.fisher.build.build_parts`` writes them.

    Returns
    -------
    Path
        A CSV file with the columns ``entry, expression, before, after``: why the spectrum is not
        valid, empty where it is.
    """
    before = load_spectra(table).reason
    path = parts / CHANGES
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("entry", "expression", "before", "after"))
        for part in sorted(parts.glob("part-*.parquet")):
            rows, _ = resumable.read_part(part, BuildError)
            for entry, reason in zip(
                rows["entry"].to_pylist(), rows["fim_reason"].to_pylist(), strict=True
            ):
                if (reason or "") != before[entry]:
                    writer.writerow((entry, expressions[entry], before[entry], reason or ""))
    return path


if __name__ == "__main__":
    for each in without_slope_at_zero():
        click.echo(f"{each} {load_space().representatives[each]}")
