"""Configurations of the dataset: names that a loader of Hugging Face can take.

Each is one embedded file, but for the main one of a table: that has the columns of several, the
entries in the table's default view, what is the same in all views, and their Fisher spectra, which
are joined when it is loaded or exported. An export holds them once, in ``{table}.parquet``;
configurations that have some of these columns only name them and have no file of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from act_bench.errors import needs_extra
from act_bench.files.manifest import (
    EMBEDDING_FILE,
    ENTROPY_FILE,
    LICENCE,
    LIMITS_FILE,
    LITERATURE_FILE,
    SPACE_FILE,
    AbsentDataError,
    FileRecord,
    read_manifest,
    read_whole,
    verified,
)
from act_bench.tables.catalogued.named import NAMED_COLUMNS, named_name, named_runs_name
from act_bench.tables.files import (
    entries_name,
    limit_runs_name,
    limits_name,
    runs_name,
    sample_runs_name,
    table_files,
)
from act_bench.tables.inputs.distributions import INPUT_COLUMNS, inputs_name
from act_bench.tables.ladder.sample import is_sampled, sample_columns
from act_bench.tables.rates import (
    RATE_COLUMNS,
    TUNED_COLUMNS,
    choose_view,
    of_metric,
    rate_runs_name,
    rates_name,
    tuned_name,
)
from act_bench.tables.registry import TABLES
from act_bench.tables.schema import (
    EMBEDDING_COLUMNS,
    ENTROPY_COLUMNS,
    ENTRY_COLUMNS,
    LIMIT_COLUMNS,
    LIMIT_ENTRY_COLUMNS,
    LITERATURE_COLUMNS,
    OF_THE_FUNCTION,
    OWN_RATE_RUN_COLUMNS,
    RUN_COLUMNS,
    SPACE_COLUMNS,
    Column,
    UnknownNameError,
    names,
    one_of,
)

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

REPOSITORY = "act-bench"


class Configuration(NamedTuple):
    """A configuration of the dataset.

    Attributes
    ----------
    name
        What ``load_dataset`` takes.
    file
        The embedded file.
    columns
        Its columns.
    description
        One sentence.
    folder
        Where the file lies; None: in this package.
    beside
        Other configurations with the same rows, whose columns come after those of ``file``.
    exported
        The file of an export that has its columns, perhaps among others.
    """

    name: str
    file: str
    columns: tuple[Column, ...]
    description: str
    folder: Path | None = None
    beside: tuple[Configuration, ...] = ()
    exported: str = ""

    def verify(self) -> tuple[Path, ...]:
        """Return the paths of its files, checked against their manifest.

        Raises
        ------
        DataError
            If one is missing or damaged.
        """
        files = (self.file, *(each.file for each in self.beside))
        return tuple(verified(file, self.folder) for file in files)

    @property
    def record(self) -> FileRecord:
        """What the manifest says of the file."""
        return read_manifest(self.folder)[self.file]

    def read(self) -> pa.Table:
        """Return its rows, without the metadata of the files, which are checked as by `verify`."""
        rows, *others = (read_whole(path) for path in self.verify())
        for other in others:
            for name in names(self.columns)[rows.num_columns :]:
                if name in other.column_names:
                    rows = rows.append_column(name, other.column(name))
        return rows.replace_schema_metadata(None)

    def joined(self, other: Configuration, columns: Iterable[Column]) -> Configuration:
        """Return the same with columns of another, which has the same rows, after its own."""
        return self._replace(beside=(*self.beside, other), columns=(*self.columns, *columns))


def known_configurations() -> dict[str, Configuration]:
    """Return every configuration that the registered tables give rise to, embedded or not.

    As files: `configurations` puts the spectra of a table beside its entries.
    """
    from act_bench.tables.maps import MAP_COLUMNS, map_name
    from act_bench.tables.spectra import fisher_columns, fisher_name

    found = []
    for table in TABLES.values():
        subject = f"{table.title}: {table.network} on {table.dataset}"
        by_fidelity = {table.name: table.default_fidelity}
        by_fidelity |= {f"{table.name}-{fidelity}": fidelity for fidelity in table.fidelities}
        for name, fidelity in by_fidelity.items():
            about = f"{subject}; one row per entry; fidelity {fidelity}, edition regenerated."
            file = entries_name(table.name, fidelity)
            columns = of_metric(ENTRY_COLUMNS, table.metric)
            if is_sampled(table.name, fidelity):
                about = f"{about[:-1]}; a sample was trained, each function at its tuned rate."
                columns = sample_columns(table.name)
            found.append(Configuration(name, file, columns, about, table.folder))
        for fidelity in table.sampled:
            about = f"{subject}; one row per run of the sample at fidelity {fidelity}, with curves."
            file = sample_runs_name(table.name, fidelity)
            name = f"{table.name}-{fidelity}-runs"
            found.append(Configuration(name, file, RUN_COLUMNS, about, table.folder))
        about = f"{subject}; one row per run, with curves; all fidelities, edition regenerated."
        runs, file = f"{table.name}-runs", runs_name(table.name)
        found.append(Configuration(runs, file, OWN_RATE_RUN_COLUMNS, about, table.folder))
        for name, file, columns, what in (
            (
                "rates",
                rates_name(table.name),
                of_metric(RATE_COLUMNS, table.metric),
                "entry and learning rate",
            ),
            (
                "tuned",
                tuned_name(table.name),
                of_metric(TUNED_COLUMNS, table.metric),
                "entry, at the rate that suits it",
            ),
            ("rate-runs", rate_runs_name(table.name), RUN_COLUMNS, "training at another rate"),
            (
                "named",
                named_name(table.name),
                of_metric(NAMED_COLUMNS, table.metric),
                "named function, fidelity and rate",
            ),
            (
                "named-runs",
                named_runs_name(table.name),
                RUN_COLUMNS,
                "training of a named function outside the space",
            ),
            (
                "inputs",
                inputs_name(table.name),
                INPUT_COLUMNS,
                "function, moment and place: what enters the function before and after training",
            ),
        ):
            about = f"{subject}; one row per {what}; edition regenerated."
            found.append(Configuration(f"{table.name}-{name}", file, columns, about, table.folder))
        about = f"{subject}; the entries of the configuration limits, trained with the limit."
        name, file = f"{table.name}-limits", limits_name(table.name)
        columns = of_metric(LIMIT_ENTRY_COLUMNS, table.metric)
        found.append(Configuration(name, file, columns, about, table.folder))
        about = f"{subject}; one row per training with the limit at 0 in place of no number."
        runs, file = f"{table.name}-limit-runs", limit_runs_name(table.name)
        found.append(Configuration(runs, file, OWN_RATE_RUN_COLUMNS, about, table.folder))
        if table.spectrum_layers is not None:
            about = f"{subject}; one row per entry: its Fisher spectrum at initialization."
            columns = fisher_columns(table.spectrum_layers)
            file = fisher_name(table.name)
            found.append(Configuration(f"{table.name}-fisher", file, columns, about, table.folder))
            about = f"{subject}; one row per entry: UMAP of its Fisher spectrum, and of the union."
            file = map_name(table.name)
            found.append(
                Configuration(f"{table.name}-embedding", file, MAP_COLUMNS, about, table.folder)
            )
    about = "The 5,103 expressions of the space, their entries, classes and outputs."
    found.append(Configuration("space", SPACE_FILE, SPACE_COLUMNS, about))
    about = "A map of the entries: UMAP of their outputs in two dimensions."
    found.append(Configuration("embedding", EMBEDDING_FILE, EMBEDDING_COLUMNS, about))
    about = "The entropy functional of every entry at Gaussian inputs (Sun et al. 2024)."
    found.append(Configuration("entropy", ENTROPY_FILE, ENTROPY_COLUMNS, about))
    about = "The limit at 0 of the entries whose formula gives no number there."
    found.append(Configuration("limits", LIMITS_FILE, LIMIT_COLUMNS, about))
    about = "Results that papers report for activation functions; one row per printed number."
    found.append(Configuration("literature", LITERATURE_FILE, LITERATURE_COLUMNS, about))
    return {configuration.name: configuration for configuration in found}


def configurations() -> dict[str, Configuration]:
    """Return the configurations whose data are embedded; the first is the default.

    Examples
    --------
    >>> "mlp-runs" in configurations()
    True
    """
    embedded = set(read_manifest()).union(*(table_files(name) for name in TABLES))
    found = {
        name: known._replace(exported=known.file)
        for name, known in known_configurations().items()
        if known.file in embedded
    }
    for table in TABLES:
        if table not in found:
            continue
        main, spectra = _main(table, found), found.get(f"{table}-fisher")
        if spectra is not None:  # all of it but the number of the entry
            about = f"{main.description} With Fisher spectra at initialization."
            main = main.joined(spectra, spectra.columns[1:])._replace(description=about)
        if main.beside:
            found[table] = main
            held = {main.file, *([spectra.file] if spectra else [])}
            for name, each in found.items():
                if each.file in held:
                    found[name] = each._replace(exported=f"{table}.parquet")
    return found


def _main(table: str, found: Mapping[str, Configuration]) -> Configuration:
    """Return the configuration of a table's default view, with what is the same in all views."""
    own = found[table]
    if choose_view(table, None) == "own":
        return own
    tuned = found[f"{table}-tuned"]._replace(name=table)
    known = names(tuned.columns)
    shared = [column for column in own.columns if column.name in OF_THE_FUNCTION - {*known}]
    return tuned.joined(own, shared)


def exported_files() -> dict[str, Configuration]:
    """Return the files of an export by name, each with the configuration that has all its columns.

    Examples
    --------
    >>> exported_files()["mlp.parquet"].name
    'mlp'
    """
    found: dict[str, Configuration] = {}
    for each in configurations().values():
        known = found.setdefault(each.exported, each)
        if len(each.columns) > len(known.columns):
            found[each.exported] = each
    return found


def load_dataset(
    path: str, name: str | None = None, *, split: str | None = None
) -> datasets.Dataset:
    """Load a configuration as a Hugging Face dataset, from the embedded files and without network.

    Needs the extra ``hub``.

    Parameters
    ----------
    path
        ``"act-bench"``, as for ``datasets.load_dataset``.
    name
        A table (``"mlp"``: its default view with its Fisher spectra, as
        ``load_table("mlp", features="union")`` has it), a table at a fidelity and the recipe's own
        rate (``"mlp-full"``), its runs (``"mlp-runs"``), Fisher spectra (``"mlp-fisher"``), maps by
        them (``"mlp-embedding"``) and what else it has, such as ``"mlp-tuned"``; ``"space"``,
        ``"embedding"``, ``"entropy"``, ``"limits"`` or ``"literature"``. :func:`configurations`
        lists all. None takes the default configuration of the exported repository, the first table.
    split
        ``"train"``, the only split there is, or None. Either way one ``Dataset`` is returned, not
        a ``DatasetDict``: the rows are functions, and the splits of the images are columns.

    Returns
    -------
    datasets.Dataset
        Its ``info.description`` says the table, fidelity and edition. ``with_format("numpy")``, or
        ``"torch"`` or ``"jax"``, and ``[:]`` give arrays: numbers that are null are NaN there.

    Raises
    ------
    UnknownNameError
        If there is no such path, configuration or split.
    DataError
        If the configuration has no data here, or its file is missing or damaged.
    act_bench.errors.MissingExtraError
        If ``datasets`` is not installed.

    Examples
    --------
    >>> import act_bench
    >>> dataset = act_bench.load_dataset("act-bench", "mlp")
    >>> dataset.num_rows, dataset.features["outputs"].length
    (2913, 80)
    """
    if path != REPOSITORY:
        meant = path if path in known_configurations() else name or "mlp"
        raise UnknownNameError(
            f"no dataset {path!r}: expected 'act-bench' and then a configuration, as in "
            f"load_dataset('act-bench', {meant!r})"
        )
    if split not in (None, "train"):
        raise UnknownNameError(f"no split {split!r}: every configuration has one split, 'train'")
    configuration = choose_configuration(name)
    with needs_extra("load_dataset"):
        import datasets

    table = configuration.read()
    info = datasets.DatasetInfo(
        description=configuration.description,
        license=LICENCE,
        features=datasets.Features.from_arrow_schema(table.schema),
        dataset_name=REPOSITORY,
        config_name=configuration.name,
    )
    return datasets.Dataset(table, info=info, split=datasets.Split.TRAIN)


def choose_configuration(name: str | None) -> Configuration:
    """Return the configuration called ``name``, or the default one.

    Raises
    ------
    UnknownNameError
        If no table gives rise to it.
    DataError
        If it is known but this version embeds no data of it.
    """
    embedded = configurations()
    if name is None and embedded:
        return next(iter(embedded.values()))
    if name is not None and one_of("configuration", name, known_configurations()) in embedded:
        return embedded[name]
    raise AbsentDataError(
        f"this version of act-bench embeds no data of the configuration {name!r}; it has "
        f"{', '.join(embedded) or 'none at all'}"
    )
