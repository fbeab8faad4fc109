r"""What random search gives, exactly: order statistics of sampling without replacement.

Draw :math:`n` of the :math:`N` entries of a table at random, no entry twice. With the scores sorted
so that :math:`v_1 \le \dots \le v_N`, the best of the draw is at most :math:`v_i` when all
:math:`n` come from the lowest :math:`i`:

.. math::

    F_n(i) = \binom{i}{n} \bigg/ \binom{N}{n} = \prod_{j<n} \frac{i - j}{N - j}

(hypergeometric sampling; David and Nagaraja, *Order Statistics*, 3rd ed. 2003, section 3.7). So no
simulation is needed to know random search, and a simulation can be checked against it.

The product is a recurrence over :math:`n` in which nothing is subtracted, and expectations are sums
over the gaps :math:`v_{i+1} - v_i \ge 0`, so that nothing cancels: ties are gaps of zero, and the
diverged entries, which score at chance level, are ties like others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_bench.arguments import whole_number
from act_bench.errors import ArgumentError

Float = NDArray[np.float64]


@dataclass(frozen=True)
class RandomSearchLaw:
    """The best so far of random search without replacement, for each number of evaluations.

    Make it with :func:`random_search_law`.

    Parameters
    ----------
    scores : array of shape (entries,)
        The scores of the table, ascending.
    cumulative : array of shape (evaluations, entries)
        ``cumulative[n - 1, i]`` is the probability that the best of ``n`` draws is at most
        ``scores[i]``, where ties are ordered by position.

    Examples
    --------
    >>> exact = random_search_law([0.1, 0.1, 0.9], evaluations=3)
    >>> exact.expected_best.round(4).tolist()
    [0.3667, 0.6333, 0.9]
    >>> exact.quantile(0.5).tolist()
    [0.1, 0.9, 0.9]
    """

    scores: Float
    cumulative: Float

    @property
    def expected_regret(self) -> Float:
        """Expected difference of the table's best score to the best so far: (evaluations,)."""
        regret: Float = self.cumulative[:, :-1] @ np.diff(self.scores)
        return regret

    @property
    def expected_best(self) -> Float:
        """Expected best score so far after 1, 2, ... evaluations: (evaluations,)."""
        best: Float = self.scores[-1] - self.expected_regret
        return best

    def regret_quartiles(self) -> Float:
        """Return the lower quartile, median and upper quartile of regret: (3, evaluations).

        Examples
        --------
        >>> random_search_law([0.1, 0.5, 0.9], evaluations=3).regret_quartiles().round(1).tolist()
        [[0.0, 0.0, 0.0], [0.4, 0.0, 0.0], [0.8, 0.4, 0.0]]
        """
        # The lower quartile of regret is where the best so far has its upper one.
        best = np.array([self.quantile(probability) for probability in (0.75, 0.5, 0.25)])
        regret: Float = self.scores[-1] - best
        return regret

    def quantile(self, probability: float) -> Float:
        """Return the smallest best score so far that is reached with ``probability``.

        Parameters
        ----------
        probability : float
            In (0, 1]; 0.5 is the (lower) median.

        Returns
        -------
        array of shape (evaluations,)
            For each ``n``, the smallest score whose cumulative probability is at least
            ``probability``.
        """
        if not 0 < probability <= 1:
            raise ArgumentError(f"a probability lies in (0, 1], got {probability}")
        # argmax gives the first True. The last column is 1 exactly: every factor is (N-j)/(N-j).
        reached: Float = self.scores[np.argmax(self.cumulative >= probability, axis=1)]
        return reached


def random_search_law(scores: ArrayLike, evaluations: int) -> RandomSearchLaw:
    """Return the exact law of the best so far of random search without replacement.

    Parameters
    ----------
    scores : array-like of shape (entries,)
        One finite score an entry; higher is better. A diverged entry comes in at chance level.
    evaluations : int
        The longest search of interest, from 1 to the number of entries.

    Returns
    -------
    RandomSearchLaw

    Raises
    ------
    ValueError
        The scores are not a non-empty list of finite numbers, or ``evaluations`` is out of range.

    Examples
    --------
    >>> random_search_law([0.2, 0.4, 0.6], evaluations=2).expected_best.round(4).tolist()
    [0.4, 0.5333]
    """
    evaluations = whole_number(evaluations, "evaluations")
    ascending = np.sort(np.asarray(scores, dtype=np.float64))
    if ascending.ndim != 1 or not ascending.size or not np.isfinite(ascending).all():
        raise ArgumentError(
            f"expected a list of finite scores, got shape {ascending.shape} with "
            f"{np.count_nonzero(~np.isfinite(ascending))} that are not finite: give diverged "
            "entries the chance level and leave missing ones out"
        )
    if not 1 <= evaluations <= ascending.size:
        raise ArgumentError(
            f"evaluations must lie in 1..{ascending.size}, the number of entries, got {evaluations}"
        )
    rank = np.arange(1, ascending.size + 1)
    drawn = np.arange(evaluations)[:, None]
    # (i - j) / (N - j), at least 0: the lowest i cannot hold more than i draws.
    factors = np.maximum(rank - drawn, 0) / (ascending.size - drawn)
    return RandomSearchLaw(ascending, np.cumprod(factors, axis=0))


def evaluations_to_hit(entries: int, targets: int, probability: float = 0.5) -> int:
    r"""Return how many random evaluations hit at least one target with ``probability``.

    Parameters
    ----------
    entries : int
        Number of entries that are drawn from, without replacement.
    targets : int
        How many of them count as a hit; at least 1.
    probability : float
        In (0, 1]; 0.5 gives the median of the first hit.

    Returns
    -------
    int
        The smallest :math:`n` with :math:`1 - \binom{N-K}{n} / \binom{N}{n} \ge p`.

    Examples
    --------
    One in a hundred of 2,913 entries, found by half of all random searches after

    >>> evaluations_to_hit(2913, 30)
    67
    """
    if not 1 <= targets <= entries:
        raise ArgumentError(f"targets must lie in 1..{entries}, got {targets}")
    if not 0 < probability <= 1:
        raise ArgumentError(f"a probability lies in (0, 1], got {probability}")
    drawn = np.arange(entries - targets + 1)
    # After N - K + 1 draws the last factor is 0: a hit is certain.
    missed = np.cumprod((entries - targets - drawn) / (entries - drawn))
    # Not 1 - missed >= p: that rounds to 1, and so "certain", long before it is.
    # Where p is met exactly, 1 - p may have been rounded below what is missed.
    return int(np.argmax(missed <= (1 - probability) * (1 + 1e-12))) + 1
