"""Do functions that were found on one table help on another? Tables 1 and 2 of the poster."""

from __future__ import annotations

from typing import Final

from act_bench.functions.operators import BASELINES
from builders.reports.studies.record import Comparison, Section
from builders.reports.studies.trainings import Trainings
from regenerate.recipes import Recipe, find
from regenerate.recipes import cifar100 as on_cifar100

BY_NETWORK: Final = {
    "cnn": ("hard_sigmoid_twice_elu", "sigmoid_softsign_elu", "swish_over_selu_1"),
    "resnet": ("swish_minus_2x", "selu_sinh_exp_arctan", "x_erfc_elu"),
    "vit": ("minus_x_sigmoid_hard_sigmoid", "elu_swish_minus_x", "swish_erfc_bessel_i0e"),
}
"""Table -> what AQuaSurF discovered for its network (Table 1 of the poster)."""
DISCOVERIES: Final = tuple(name for names in BY_NETWORK.values() for name in names)

LONG_BASELINES: Final = ("elu", "relu", "softplus", "swish")
"""Of the eight, those that train best in some table, and ReLU: for trainings of minutes."""

RATES: Final = {
    "cnn": (0.05, 0.1, 0.2),
    "resnet": (0.05, 0.1, 0.2),
    "vit": (0.001, 0.002, 0.004),
}
"""Table -> rates: the pilot found none of the functions that train best beyond these."""

POSTER: Final = "Bingham and Miikkulainen 2023, poster"


def transfer() -> Comparison:
    """Return the study of the nine discoveries on three tables, at ``proxy`` and on ``long``."""
    return Comparison(
        name="transfer",
        title="Transfer of the paper's discoveries",
        claim="functions that AQuaSurF discovered for one task outperform the baselines on another",
        source=f"{POSTER}, Table 2: eight of nine outperform ReLU in ResNet-50 on ImageNet",
        question="Do the nine functions that AQuaSurF discovered for three networks train better "
        "than the baselines of the tables `cnn`, `resnet` and `vit`, when all are tuned? And in "
        "longer training?",
        setting="The recipes `proxy` and `long` of the tables; `long` takes the rates that "
        "`proxy` chose, and of the baselines "
        f"{', '.join(f'`{each}`' for each in LONG_BASELINES)}.",
        minutes=350,
        sections=(
            *(_section(find(table, "proxy"), RATES[table], 4) for table in RATES),
            *(_section(find(table, "long"), RATES[table], 2, "proxy") for table in RATES),
        ),
        counting="discoveries",
    )


def _section(
    recipe: Recipe,
    rates: tuple[float, ...],
    fresh: int,
    rates_of: str | None = None,
    *,
    discoveries: tuple[str, ...] = DISCOVERIES,
    chance: float = 0.1,
) -> Section:
    baselines = BASELINES if rates_of is None else LONG_BASELINES
    return Section(
        name=f"{recipe.table}-{recipe.fidelity}",
        trainings=Trainings(recipe, (*discoveries, *baselines), rates, fresh),
        candidates=discoveries,
        chance=chance,
        rates_of=None if rates_of is None else f"{recipe.table}-{rates_of}",
    )


def cifar100() -> Comparison:
    """Return the study of Table 1 on CIFAR-100 at a proxy scale."""
    return _cifar100("cifar100", "proxy", 3, 50)


def cifar100_full() -> Comparison:
    """Return the same with the whole networks and trainings, for GPUs."""
    return _cifar100("cifar100-full", "full", 2, 100_000)


def _cifar100(name: str, fidelity: str, fresh: int, minutes: float) -> Comparison:
    chosen = [each for each in on_cifar100.RECIPES if each.fidelity == fidelity]
    return Comparison(
        name=name,
        title=f"Table 1 on CIFAR-100, recipes `{fidelity}`",
        claim="on CIFAR-100, what AQuaSurF discovered for All-CNN-C and ResNet-56 outperforms all "
        "baselines",
        source=f"{POSTER}, Table 1",
        question="Do the functions discovered for All-CNN-C and ResNet-56 on CIFAR-100 beat the "
        "eight baselines there, when all are tuned?",
        setting="All-CNN-C and ResNet-56 on CIFAR-100, its 100 fine classes, by the "
        f"recipes `{fidelity}` of `regenerate.recipes.cifar100`.",
        minutes=minutes,
        sections=tuple(
            _section(
                recipe,
                RATES[table],
                fresh,
                discoveries=BY_NETWORK[table],
                chance=0.01,
            )
            for recipe in chosen
            for table in [recipe.table.removesuffix("_cifar100")]
        ),
        counting="discoveries",
    )
