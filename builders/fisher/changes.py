"""Which embedded spectra depend on the slopes of `regenerate.fisher.slopes`, and what they become.

Slopes are replaced only where automatic differentiation has none. There a gradient is NaN and the
spectrum invalid: so a spectrum that is valid, or invalid for its forward pass, stays as it is, and
those to make again are the ones that are invalid for their gradients.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from act_bench.files import resumable
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
    20
    """
    reasons = load_spectra(table).reason
    return [entry for entry, reason in enumerate(reasons) if reason.startswith(_WITHOUT)]


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
