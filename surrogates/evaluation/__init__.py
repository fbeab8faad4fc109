"""How well models predict the scores of functions that they were not told of, by each feature.

A split draws some functions of a table to learn from and predicts all others. The functions are
those with a valid Fisher spectrum, where the table has spectra, so that all features are judged on
the same ones; what diverged has the chance level as its score. Splits are the same for all features
and models, so that two of them can be compared split by split.

Intervals are bootstrap intervals over splits. They say how sure a mean is for this table; they say
nothing of other tables.
"""

from __future__ import annotations

from surrogates.evaluation.judging import (
    CHOSEN,
    METRICS,
    SIZES,
    available_features,
    evaluate,
    judge,
)
from surrogates.evaluation.models import (
    FAILURE_AWARE,
    REGRESSORS,
    LearnsFailure,
    Maker,
    Model,
)
from surrogates.evaluation.summary import (
    save,
    summarize,
    union_gains,
    verdict,
    wins,
)

__all__ = [
    "CHOSEN",
    "FAILURE_AWARE",
    "METRICS",
    "REGRESSORS",
    "SIZES",
    "LearnsFailure",
    "Maker",
    "Model",
    "available_features",
    "evaluate",
    "judge",
    "save",
    "summarize",
    "union_gains",
    "verdict",
    "wins",
]
