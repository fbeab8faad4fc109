"""The settings of a GRAFS search, for each table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a search is made; the network, the images and the optimizer are those of a recipe.

    Parameters
    ----------
    stages
        Stages of the search; operators are dropped between them (``shrinking.drop_stages``).
    steps
        Steps of each stage: one of the architecture, one of the weights.
    first_drop
        The stage before which dropping begins.
    warm_start
        Steps of the weights alone, with ReLU for the activation function, before the first stage.
    architecture_rate
        Learning rate of Adam for alphas and gammas.
    betas, architecture_decay
        Of that Adam; the decay is of the alphas alone (Strack et al. 2024).
    """

    stages: int
    steps: int
    first_drop: int
    warm_start: int
    architecture_rate: float
    betas: tuple[float, float] = (0.5, 0.999)
    architecture_decay: float = 1e-3

    @property
    def total(self) -> int:
        """Steps of the weights in all, the warm start included."""
        return self.warm_start + self.stages * self.steps


SETTINGS: Final = {
    "mlp": Settings(stages=20, steps=8, first_drop=2, warm_start=8, architecture_rate=0.01),
}
"""Table -> settings. How they were chosen is told in docs/explanation/grafs.md."""

DEFAULT: Final = Settings(stages=20, steps=10, first_drop=2, warm_start=40, architecture_rate=0.01)
"""For tables that are not named: 240 steps, about half of those of the proxy of ``cnn``."""
