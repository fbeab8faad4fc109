"""Which tables there are, and where their files lie: by name, fidelity and edition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from act_bench.files.manifest import MANIFEST, AbsentDataError, FileRecord, read_manifest, verified
from act_bench.tables.registry import TABLES, choose_fidelity, table_info


class Coverage(TypedDict):
    """What there is of one table at one fidelity: the keys of `list_tables`."""

    table: str
    title: str
    network: str
    dataset: str
    chance: float
    metric: str
    higher_is_better: bool
    fidelity: str
    is_default: bool
    edition: str
    embedded: bool
    ok: int
    diverged: int
    missing: int
    runs: int
    made: str | None


def list_tables() -> list[Coverage]:
    """Return what there is: one record per table and fidelity, read from the manifests alone.

    Raises
    ------
    DataError
        If a manifest is damaged, or this package has none.

    Examples
    --------
    >>> import act_bench
    >>> defaults = [each for each in act_bench.list_tables() if each["is_default"]]
    >>> [(each["table"], each["fidelity"], each["metric"]) for each in defaults][:2]
    [('mlp', 'full', 'validation_accuracy'), ('cnn', 'proxy', 'validation_accuracy')]
    """
    found: list[Coverage] = []
    for table in TABLES.values():
        records = table_files(table.name)
        for fidelity in table.fidelities:
            sampled = fidelity in table.sampled
            name = sample_runs_name(table.name, fidelity) if sampled else runs_name(table.name)
            runs = records.get(name)
            entries = records.get(entries_name(table.name, fidelity))
            counts = entries.counts if entries else {}
            found.append(
                {
                    "table": table.name,
                    "title": table.title,
                    "network": table.network,
                    "dataset": table.dataset,
                    "chance": table.chance,
                    "metric": table.metric,
                    "higher_is_better": table.higher_is_better,
                    "fidelity": fidelity,
                    "is_default": fidelity == table.default_fidelity,
                    "edition": "regenerated",
                    "embedded": entries is not None,
                    "ok": counts.get("ok", 0),
                    "diverged": counts.get("diverged", 0),
                    "missing": counts.get("missing", 0),
                    "runs": runs.counts.get(fidelity, 0) if runs else 0,
                    "made": entries.made if entries else None,
                }
            )
    return found


def table_files(table: str) -> dict[str, FileRecord]:
    """Return the record of each file that lies where a table's files lie, by its name.

    A table of your own may have none yet; where this package's manifest is missing, that is an
    error.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If the manifest is damaged, or this package has none.

    Examples
    --------
    >>> "mlp-runs.parquet" in table_files("mlp")
    True
    """
    folder = table_info(table).folder
    if folder is not None and not (folder / MANIFEST).exists():
        return {}
    return read_manifest(folder)


def table_file(table: str, name: str) -> Path:
    """Return the path of one of a table's files, checked against its manifest.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    DataError
        If there is no such file, or it is damaged.
    """
    return verified(name, table_info(table).folder)


def optional_file(table: str, name: str, absent: str) -> Path:
    """Return the path of a file that not every table has, checked against its manifest.

    Parameters
    ----------
    table, name
        As of `table_file`.
    absent
        What to say of the table where it has none: a clause after its name.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    if name not in table_files(table):
        raise AbsentDataError(f"the table {table} ({table_info(table).title}) {absent}")
    return table_file(table, name)


def file_of_some(table: str, name_of: Callable[[str], str], what: str, otherwise: str) -> Path:
    """Return the path of a file that some tables have, checked; where it is absent, say which have.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    name_of
        Table -> name of its file.
    what
        What the file holds, in words.
    otherwise
        What to do without it, a sentence.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    name = name_of(table)
    if name not in table_files(table):
        others = [other for other in TABLES if name_of(other) in table_files(other)]
        raise AbsentDataError(
            f"this version of act-bench embeds no {what} of the table {table}; it has those of "
            f"{', '.join(others) or 'none'}. {otherwise}"
        )
    return table_file(table, name)


def entries_name(table: str, fidelity: str) -> str:
    """Return the name of the file with a table's entries at one fidelity."""
    return f"{table}-{fidelity}.parquet"


def runs_name(table: str) -> str:
    """Return the name of the file with a table's runs at all fidelities."""
    return f"{table}-runs.parquet"


def sample_runs_name(table: str, fidelity: str) -> str:
    """Return the name of the file with the runs of a table's sample at a fidelity, at all rates.

    Examples
    --------
    >>> sample_runs_name("cnn", "long")
    'cnn-long-runs.parquet'
    """
    return f"{table}-{fidelity}-runs.parquet"


def limits_name(table: str) -> str:
    """Return the name of the file with the entries trained with their limit at 0 filled in."""
    return f"{table}-limits.parquet"


def limit_runs_name(table: str) -> str:
    """Return the name of the file with the single runs behind `limits_name`."""
    return f"{table}-limit-runs.parquet"


def embedded_fidelities(table: str) -> tuple[str, ...]:
    """Return the fidelities of a table whose entries are embedded, cheapest first."""
    files = table_files(table)
    fidelities = table_info(table).fidelities
    return tuple(name for name in fidelities if entries_name(table, name) in files)


def tables_with_data() -> tuple[str, ...]:
    """Return the names of the registered tables of which any fidelity is embedded.

    Examples
    --------
    >>> tables_with_data()[:2]
    ('mlp', 'cnn')
    """
    return tuple(name for name in TABLES if embedded_fidelities(name))


def entries_file(table: str, fidelity: str | None = None, edition: str = "regenerated") -> Path:
    """Return the path of a table's entries, checked against the manifest.

    Parameters
    ----------
    table
        A key of ``act_bench.tables.registry.TABLES``.
    fidelity
        One of the table's fidelities; None takes its default.
    edition
        ``regenerated``, or ``upstream`` where it was imported (``act-bench import-upstream``).

    Raises
    ------
    UnknownNameError
        If there is no such table, fidelity or edition.
    DataError
        If the table is known and has no data here, or its file is missing or damaged.
    """
    fidelity = choose_fidelity(table, fidelity, edition)
    if edition == "upstream":
        from act_bench.tables.upstream import upstream_file  # a first query does not need it

        return upstream_file(table)
    embedded = embedded_fidelities(table)
    if fidelity not in embedded:
        raise without_data(table, f"at fidelity {fidelity}", embedded)
    return table_file(table, entries_name(table, fidelity))


def runs_file(table: str) -> Path:
    """Return the path of a table's runs, checked against the manifest; raises as entries_file."""
    embedded = embedded_fidelities(table)
    if runs_name(table) not in table_files(table):
        raise without_data(table, "of single runs", embedded)
    return table_file(table, runs_name(table))


def without_data(table: str, what: str, embedded: tuple[str, ...]) -> AbsentDataError:
    """Return the error for a known table that this version embeds no such data of."""
    info = table_info(table)
    there = f"its embedded fidelities: {', '.join(embedded)}"
    if not embedded:
        there = (
            f"it has none at all yet: train it with `act-bench sweep {table}`, and make the data "
            f"with `python -m builders.tables {table} {info.default_fidelity} --runs "
            f"sweeps/{table}-{info.default_fidelity}`"
        )
    return AbsentDataError(
        f"the table {table} ({info.title}) is known, but this version of act-bench "
        f"embeds no data of it {what}; {there}. `act-bench tables` lists what there is"
    )


def limits_file(table: str) -> Path:
    """Return the path of a table's entries as trained with their limit at 0, checked.

    Raises
    ------
    DataError
        If there are none yet, or the file is damaged.
    """
    return _limits_file(table, limits_name(table))


def limit_runs_file(table: str) -> Path:
    """Return the path of the runs behind `limits_file`, checked; raises as it does."""
    return _limits_file(table, limit_runs_name(table))


def _limits_file(table: str, name: str) -> Path:
    return optional_file(
        table,
        name,
        "has no entries trained with their limit at 0 in this version of act-bench: `act-bench "
        f"sweep {table} --limits` trains them, then builders.limits writes them",
    )
