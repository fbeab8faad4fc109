"""CRReLU in a vision transformer, and the correction that it comes from, for other functions."""

from __future__ import annotations

from typing import Final

from act_bench.tables.loaders import load_table
from act_bench.tables.rates import View, table_rates
from act_bench.tables.registry import table_info
from builders.reports.studies.record import Comparison, Section
from builders.reports.studies.trainings import Trainings
from builders.reports.studies.transfer import RATES
from regenerate.recipes import Recipe, find, vit_tiny

OTHERS: Final = ("relu", "gelu", "elu", "prelu", "celu", "mish", "silu")
"""What the paper compares CRReLU with; CELU at alpha = 1 is ELU, and trained once."""
SOURCE: Final = "Sun et al. 2024"
TOP: Final = 5
EAFO_RATES: Final = {"mlp": (0.1, 0.2, 0.4), **RATES}


def crrelu() -> Comparison:
    """Return the study of Table 1 of the paper at a proxy scale."""
    return _crrelu("crrelu", vit_tiny.PROXY, (5e-4, 1e-3, 2e-3), 4, 95)


def crrelu_full() -> Comparison:
    """Return the same with the paper's training, for GPUs."""
    return _crrelu("crrelu-full", vit_tiny.FULL, (2.5e-4, 5e-4, 1e-3), 2, 60_000)


def _crrelu(
    name: str, recipe: Recipe, rates: tuple[float, ...], fresh: int, minutes: float
) -> Comparison:
    return Comparison(
        name=name,
        title="CRReLU in a vision transformer"
        + ("" if recipe.fidelity == "proxy" else ", the whole training"),
        claim="CRReLU trains ViT-Tiny on CIFAR-10 better than ReLU's other corrections",
        source=f"{SOURCE}, Table 1: 0.802 against 0.786 for PReLU and 0.706 for GELU",
        question="Is CRReLU better than ReLU, GELU, ELU, PReLU, CELU, Mish and SiLU in ViT-Tiny "
        "on CIFAR-10, when each is trained at the rate that suits it?",
        setting="ViT-Tiny of 5,399,818 parameters, the paper's count, by the recipe "
        f"`{recipe.fidelity}` of `regenerate.recipes.vit_tiny`; eps of CRReLU and a of PReLU are "
        "learned, one per layer. CELU at alpha = 1 is ELU and trained once.",
        minutes=minutes,
        sections=(
            Section(
                name=f"vit_tiny-{recipe.fidelity}",
                trainings=Trainings(recipe, ("crrelu", *OTHERS), rates, fresh),
                candidates=("crrelu",),
            ),
        ),
    )


def corrections() -> Comparison:
    """Return the study of EAFO's correction of the best functions of each table."""
    return Comparison(
        name="eafo",
        title="EAFO's correction of the best functions",
        claim="EAFO improves an activation function by its entropy correction",
        source=f"{SOURCE}, Section 4",
        question=f"Are the {TOP} best functions of each table better with the correction of "
        "Eq. 7, with eps learned from 0.01 on? Each is compared with itself.",
        setting="The recipe of each table at its default fidelity. Functions are the first of the "
        "table by validation accuracy, tuned where it has several rates, one of each canonical "
        "class. The correction is for Gaussian inputs.",
        minutes=90,
        sections=tuple(_corrected(table) for table in EAFO_RATES),
        counting="corrections",
    )


def _corrected(table: str) -> Section:
    info = table_info(table)
    best = top(table)
    pairs = {f"eafo({text};gaussian)": text for text in best}
    recipe = find(table, info.default_fidelity)
    return Section(
        name=f"{table}-{recipe.fidelity}",
        trainings=Trainings(
            recipe, (*pairs, *best), EAFO_RATES[table], 10 if table == "mlp" else 3
        ),
        candidates=tuple(pairs),
        chance=info.chance,
        reference_of=pairs,
    )


def top(table: str, count: int = TOP) -> tuple[str, ...]:
    """Return the best functions of a table, tuned if it is, one of each canonical class.

    Examples
    --------
    >>> len(top("mlp"))
    5
    """
    info = table_info(table)
    columns = ["expression", "canonical_class", info.metric]
    rate: View = "tuned" if table_rates(table) else "own"
    rows = load_table(table, columns=columns, rate=rate).drop_nulls()
    rows = rows.sort(info.metric, descending=info.higher_is_better, maintain_order=True)
    rows = rows.unique("canonical_class", keep="first", maintain_order=True)
    return tuple(rows["expression"].head(count).to_list())
