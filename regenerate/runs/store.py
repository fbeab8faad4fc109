"""The folder of a live search: what was searched, and every run, whole or absent.

``search.json`` says what the search is, so that a folder cannot hold two. ``runs/`` has one Parquet
part for each training, written the moment it ends. A search that was killed asks its folder first
and trains what it does not hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from act_bench.errors import ActBenchError, ExitCode
from act_bench.files import resumable
from regenerate.runs import parts
from regenerate.runs.run import Run

MARKER: Final = "search.json"
RUNS: Final = "runs"
TRACE: Final = "trace.jsonl"


class SearchFolderError(ActBenchError, RuntimeError):
    """A folder that belongs to another search, is damaged or cannot be written to."""

    exit_code = ExitCode.DATA


class RunStore:
    """The runs of one search.

    Parameters
    ----------
    folder
        The search's own; made if need be.
    identity
        What the search is, as values of JSON. A folder with another identity is refused.

    Raises
    ------
    SearchFolderError
        If the folder belongs to another search or cannot be written to.
    regenerate.runs.parts.PartError
        If a part is damaged; the message names it.

    Examples
    --------
    >>> store = RunStore(getfixture("tmp_path"), {"table": "mlp", "seed": 0})
    >>> store.runs("relu(x)", [0, 1])
    []
    """

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.folder = folder
        self.parts_folder = folder / RUNS
        resumable.claim(
            folder,
            MARKER,
            identity,
            holds="a search",
            error=SearchFolderError,
            otherwise="choose another --out, or go on with that search",
        )
        try:
            self.parts_folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SearchFolderError(f"cannot write to {folder}: {error.strerror}") from error
        self._runs: dict[tuple[str, int], Run] = {}
        for part in parts.read(self.parts_folder):
            self.note(Run.from_row(row) for row in part.table.to_pylist())

    def withdraw(self) -> None:
        """Leave a folder in which nothing was written yet to whoever searches there next."""
        with suppress(OSError):  # something was written meanwhile, or all of it is gone
            if {path.name for path in self.folder.iterdir()} == {MARKER, RUNS}:
                self.parts_folder.rmdir()
                (self.folder / MARKER).unlink()

    def note(self, runs: Iterable[Run]) -> None:
        """Remember runs that lie in the folder."""
        self._runs |= {(run.expression, run.seed): run for run in runs}

    def runs(self, expression: str, seeds: Sequence[int]) -> list[Run]:
        """Return the runs of a function that there are, in the order of the seeds."""
        found = (self._runs.get((expression, seed)) for seed in seeds)
        return [run for run in found if run is not None]

    def missing(self, expression: str, seeds: Sequence[int]) -> list[int]:
        """Return the seeds that a function was not trained with yet."""
        return [seed for seed in seeds if (expression, seed) not in self._runs]

    def digest(self, expressions: Iterable[str], seeds: Sequence[int]) -> str:
        """Return the SHA-256 of all that a search over these functions was answered from."""
        digest = hashlib.sha256()
        for expression in sorted(set(expressions)):
            for run in self.runs(expression, seeds):
                answer = [
                    run.expression, run.seed, run.outcome, run.validation_accuracy,
                    run.test_accuracy, run.test_loss, run.runtime_s,
                ]  # fmt: skip
                digest.update(json.dumps(answer).encode() + b"\n")
        return digest.hexdigest()


def write_runs(folder: Path, runs: Sequence[Run]) -> list[Run]:
    """Write the runs of one training of one function as a part; return them as they are read.

    Parquet keeps curves of accuracies in float32: a search must not see other digits after a
    restart.

    Raises
    ------
    SearchFolderError
        If the disk is full or the folder cannot be written to.
    """
    path = resumable.part_path(folder, [(run.expression, run.seed) for run in runs])
    table = parts.to_table(runs)
    resumable.write_part(path, table, SearchFolderError)
    return [Run.from_row(row) for row in table.to_pylist()]


def read_identity(folder: Path) -> dict[str, object]:
    """Return what the search in a folder is.

    Raises
    ------
    SearchFolderError
        If the folder holds no search, or its file is damaged.
    """
    return resumable.read_identity(folder, MARKER, holds="a search", error=SearchFolderError)
