"""CoAtNet with 31 operators: Table 3 of the poster, and a search."""

from __future__ import annotations

from typing import Final

from builders.reports.studies.record import Comparison, Section
from builders.reports.studies.searches import Place, Searches
from builders.reports.studies.trainings import Trainings
from builders.reports.studies.transfer import POSTER
from regenerate.fisher.networks import image_setting
from regenerate.recipes import coatnet

DISCOVERIES: Final = (
    "erfc_softplus_squared", "min_softplus_squared_minus_x", "arcsinh_elu_swish",
)  # fmt: skip
BASELINES: Final = (
    "elish", "elu", "gelu", "hard_sigmoid", "leaky_relu", "mish", "relu", "selu", "sigmoid",
    "softplus", "softsign", "swish", "tanh",
)  # fmt: skip
"""Those that Table 3 prints."""
RATES: Final = (0.001, 0.002, 0.004)


def functions() -> Comparison:
    """Return the study of the discoveries of Table 3 beside its baselines."""
    return Comparison(
        name="coatnet",
        title="The discoveries in CoAtNet",
        claim="in CoAtNet on Imagenette, what AQuaSurF discovered outperforms all baselines",
        source=f"{POSTER}, Table 3: 0.8907 for erfc(Softplus(x))^2 against 0.8841 for GELU",
        question="Are the three functions discovered for CoAtNet better than the baselines of "
        "Table 3, when all are tuned?",
        setting="CoAtNet-0 at a quarter of its channels on Imagenette at 64 pixels, by the recipe "
        "`proxy` of `regenerate.recipes.coatnet`.",
        minutes=80,
        sections=(
            Section(
                name="coatnet-proxy",
                trainings=Trainings(coatnet.PROXY, (*DISCOVERIES, *BASELINES), RATES, 4),
                candidates=DISCOVERIES,
            ),
        ),
        counting="discoveries",
    )


def searched() -> Searches:
    """Return the study of one search of 40 trainings over the space of 31 operators."""
    return Searches(
        name="coatnet-search",
        title="AQuaSurF in CoAtNet over 31 operators",
        claim="AQuaSurF discovers functions for CoAtNet that outperform all baselines",
        source=f"{POSTER}, Table 3",
        question="Does one search of 40 trainings over the large space of 31 operators find a "
        "function that beats all tuned baselines in CoAtNet?",
        minutes=60,
        places=(
            Place(
                recipe=coatnet.PROXY,
                rates=RATES,
                space="31",
                baselines=BASELINES,
                setting=image_setting,
            ),
        ),
        methods=("aquasurf",),
        searches=1,
        budget=40,
    )
