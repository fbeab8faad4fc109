"""The options of ``act-bench search``, and which of them exclude each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

GRAFS: Final = "grafs"
"""The method that descends by gradients, which is no optimizer of a live search."""


@dataclass(frozen=True)
class SearchOptions:
    """What the command is told.

    Raises
    ------
    click.UsageError
        If options exclude each other, or one needs another.
    """

    table: str | None
    fidelity: str | None
    model: str | None
    data: str | None
    train_model: str | None
    floor: float | None
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    fisher: bool
    space: str
    method: str | None
    budget: int | None
    seconds: float | None
    seed: int
    seeds: int | None
    workers: int
    confirm_text: str
    sealed: bool
    out: Path | None
    device: str
    data_dir: Path | None
    as_json: bool

    def __post_init__(self) -> None:
        if (self.table is None) == (self.model is None):
            raise click.UsageError("give either --table, or --model and --data of your own network")
        if self.model is not None and (self.fidelity is not None or self.data_dir is not None):
            raise click.UsageError(
                "--fidelity and --data-dir are for a --table: your own network is trained on what "
                "--data returns, as --epochs, --learning-rate and --batch-size say"
            )
        if self.model is not None and self.data is None:
            raise click.UsageError("--model needs --data: a function that returns the data")
        settings = (self.epochs, self.learning_rate, self.batch_size)
        changed = any(value is not None for value in settings)
        if self.table is not None and (self.data or self.train_model or self.fisher or changed):
            raise click.UsageError(
                "--data, --train, --fisher, --epochs, --learning-rate and --batch-size are for "
                "your own network: give --model in place of --table"
            )
        if self.train_model is not None and changed:
            raise click.UsageError("--train is your own training: it has no --epochs and the like")
        if self.train_model is not None and self.floor is None:
            raise click.UsageError(
                "--train returns a score of your own: --floor must state a score that no trained "
                "function is below, such as 0 for an accuracy; what diverged has it"
            )
        if self.floor is not None and self.train_model is None:
            raise click.UsageError("--floor is the floor of your own --train: give both")
        if self.method == GRAFS and (self.space != "paper" or self.workers > 1):
            raise click.UsageError(
                "grafs searches a space of its own, of 22,667,121 cells, in one process: it has no "
                "--space and no --workers"
            )

    @property
    def by_grafs(self) -> bool:
        """Whether GRAFS searches a whole table's network, once, with no budget."""
        unlimited = self.budget is None and self.seconds is None
        return self.method == GRAFS and self.table is not None and unlimited
