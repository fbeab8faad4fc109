"""A made-up table of a user's own: a tiny perceptron on drawn points, searched by its loss.

Its accuracies are turned round, so that what is best by accuracy is worst by the loss: who takes
the one for the other is found out. ``ACT_BENCH_TABLES=fifth`` registers it.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from act_bench.tables.registry import TableInfo, register
from regenerate import data, recipes
from regenerate.fisher import networks
from regenerate.recipes import Recipe
from regenerate.runs.run import Run
from regenerate.training import dispatch

register(
    TableInfo(
        name="fifth",
        title="A fifth table",
        network="Perceptron with eight hidden units",
        dataset="drawn points",
        chance=0.5,
        metric="validation_loss",
        higher_is_better=False,
        floor=-math.log(2),
        fidelities=("tiny",),
        default_fidelity="tiny",
        seeds={"tiny": 3},
        functions_per_part=8,
        spectrum_layers=3,
        spectrum_s=0.001,
        folder=Path(os.environ["FIFTH_FOLDER"]),
    )
)


def load(data_dir: Path | None) -> data.ImageData:
    """Draw points in two classes, which a circle parts, as images of 2 x 2 pixels."""
    del data_dir

    def split(seed: int) -> data.Split:
        pixels = np.random.default_rng(seed).integers(0, 17, (60, 2, 2, 1), dtype=np.uint8)
        far = np.square(pixels.astype(float) - 8).sum(axis=(1, 2, 3)) > 90
        return data.Split(pixels, far.astype(np.int64))

    return data.ImageData("drawn", 2, 16, split(0), split(1), split(2))


def train(recipe: Recipe, expression: Any, seeds: Sequence[int], **options: Any) -> list[Run]:
    """Train as the mlp is trained, and turn the accuracies round."""
    from regenerate.training import stacked_trainer

    own = dataclasses.replace(recipe, network="mlp")
    runs = stacked_trainer.train(own, expression, seeds, **options)
    return [_turned(run, recipe) for run in runs]


def _turned(run: Run, recipe: Recipe) -> Run:
    names = ("train_accuracy", "validation_accuracy", "test_accuracy")
    values = {name: getattr(run, name) for name in names}
    return dataclasses.replace(
        run,
        **{name: None if value is None else 1 - value for name, value in values.items()},
        validation_accuracy_curve=tuple(1 - value for value in run.validation_accuracy_curve),
        recipe_sha=recipe.sha,
    )


data.register("drawn", data.DataSet(load))
dispatch.register("turned", dispatch.NetworkTrainer(train, cpu_only=True, stacked=True))
networks.register("turned", networks.perceptron)
recipes.register(
    Recipe(
        table="fifth",
        fidelity="tiny",
        network="turned",
        dataset="drawn",
        widths=(4, 4),
        epochs=4,
        batch_size=10,
        optimizer="sgd",
        learning_rate=0.2,
        schedule="linear",
        dtype="float64",
    )
)
