"""What a Fisher spectrum depends on besides the network and the function, in one frozen record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from act_bench.arguments import plain_fields
from act_bench.errors import ArgumentError, excerpt


class Labels(StrEnum):
    r"""Where the labels of the Fisher information come from.

    With class probabilities p and g(y) the gradient of -log p_y, the Fisher information is
    E[g g^T] over labels y from

    Attributes
    ----------
    PREDICTED
        the model's prediction, y ~ p (Eq. 1 of Bingham and Miikkulainen, arXiv 2301.05785), by
        exact expectation: :math:`\sum_y p_y g(y) g(y)^T` is :math:`S S^T` at the class scores, so
        one backward pass for each column of S, as many as there are classes. No noise.
    PREDICTED_SAMPLE
        the model's prediction, one label for each image by fixed uniform numbers: one backward
        pass, unbiased. The numbers are the same for every function, so functions that predict
        alike draw alike, and noise hardly enters their distance.
    TRUE
        the data set (the "empirical Fisher", what the reference code computes): one backward pass.
    """

    PREDICTED = "predicted"
    PREDICTED_SAMPLE = "predicted_sample"
    TRUE = "true"


@dataclass(frozen=True, kw_only=True)
class FisherConvention:
    """Everything that defines a Fisher spectrum except the network and the activation function.

    Some kinds of layers have no part in any spectrum:
    :data:`regenerate.fisher.coverage.EXCLUDED`.

    Parameters
    ----------
    table
        The table whose network, data set and recipe's initialization are meant.
    labels
        Where labels come from.
    batch
        Which images: the first and the one after the last index in the data set's training split,
        in its published order.
    batch_fingerprint
        :func:`fingerprint` of these images and labels; empty does not check.
    initialization
        Distribution of the initial weights, as ``regenerate.recipes.Recipe`` calls it.
    seed
        Seed of the initial weights, and of whatever else a network draws in its pass.
    label_seed
        Seed of the uniform numbers that draw labels.
    dtype
        Arithmetic of the passes. Factors and eigenvalues are float64.
    zero
        An eigenvalue of a factor counts as zero at or below this many times the machine epsilon
        of float64 times the factor's largest eigenvalue: what rounding makes of a zero, of either
        sign. 64 gives 2^-46, the square of float32's epsilon, so that it holds for what passes in
        float32 make of a zero, too.
    floor
        Log of a zero eigenvalue, and least log of any.
    excluded
        Names of modules and parameters of the network that have no part in the spectra besides:
        embeddings, and weights that are tied to them.

    Raises
    ------
    act_bench.errors.ArgumentError
        The batch has no image, the labels are of no known source, or the dtype is another; a
        ValueError.

    Examples
    --------
    >>> convention = FisherConvention(table="mlp", batch=(0, 64))
    >>> convention.labels.value, convention.sha == FisherConvention(table="mlp", batch=(0, 32)).sha
    ('predicted', False)
    """

    table: str
    batch: tuple[int, int]
    batch_fingerprint: str = ""
    labels: Labels = Labels.PREDICTED
    initialization: str = "he"
    seed: int = 0
    label_seed: int = 0
    dtype: Literal["float64", "float32"] = "float64"
    zero: float = 64.0
    floor: float = -100.0
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Turn the values into those of Python, so that they can be stored; refuse what is none."""
        plain_fields(self)
        if self.labels not in list(Labels):
            known = ", ".join(each.value for each in Labels)
            raise ArgumentError(f"labels must be one of {known}, got {excerpt(self.labels)}")
        object.__setattr__(self, "labels", Labels(self.labels))
        first, last = self.batch
        if not 0 <= first < last:
            raise ArgumentError(
                f"batch must be the first index and the one after the last, got {first} and {last}"
            )

    def canonical_json(self) -> str:
        """Return the convention as JSON with sorted keys; exclusions only where some are named."""
        settings = dataclasses.asdict(self)
        if not self.excluded:
            del settings["excluded"]
        return json.dumps(settings, sort_keys=True, separators=(",", ":"))

    @property
    def sha(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]
