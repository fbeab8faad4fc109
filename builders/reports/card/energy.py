"""What the embedded runs cost: ``python -m builders.reports.card.energy``.

Core-hours are measured: each run says its processor time on one thread. Energy is these times a
power per core that is assumed, not measured, so it is an order of magnitude. Fisher spectra are
counted by the time of one that the registry has. Not counted: trainings that are not embedded, such
as calibrations and long trainings, and everything else that a machine does.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from act_bench.files.manifest import DATA_FOLDER
from act_bench.spaces.paper import load_space
from act_bench.tables.files import table_files
from act_bench.tables.registry import BUILT_IN, TABLES
from act_bench.tables.spectra import fisher_name

WATTS: Final = 10.0
"""Assumed per core in use: the processor's share, memory, power supply and cooling."""


def run_hours(table: str) -> dict[str, float]:
    """Return the core-hours of each file of a table's runs."""
    found = {}
    for name in table_files(table):
        if name.startswith(f"{table}-") and name.endswith("runs.parquet"):
            seconds = pl.read_parquet(DATA_FOLDER / name, columns=["runtime_s"])["runtime_s"].sum()
            found[name] = float(seconds) / 3600
    return found


def spectrum_hours(table: str) -> float:
    """Return the core-hours of a table's Fisher spectra."""
    cost = TABLES[table].spectrum_s
    if cost is None or fisher_name(table) not in table_files(table):
        return 0.0
    return len(load_space().representatives) * cost / 3600


def main() -> None:
    """Print core-hours by table, and the energy that follows."""
    print("| table | runs, core-hours | spectra, core-hours |\n|---|---|---|")
    total = 0.0
    for table in BUILT_IN:
        runs, spectra = sum(run_hours(table).values()), spectrum_hours(table)
        total += runs + spectra
        print(f"| {table} | {runs:.2f} | {spectra:.2f} |")
    energy = total * WATTS / 1000
    print(f"\n{total:.0f} core-hours; at an assumed {WATTS:g} W per core {energy:.2f} kWh.")


if __name__ == "__main__":
    main()
