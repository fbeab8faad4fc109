"""The recurrent controller: its gradient against differences, its policy against its draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from surrogates.optimizers.controller import Controller, Lstm
from surrogates.protocol import SearchSpace

EPISODES = np.array([[0, 2, 1], [2, 2, 0], [1, 0, 1], [1, 1, 1]])


def objective(policy: Lstm, slope: np.ndarray, spread: np.ndarray) -> float:
    log_probability, entropy, _ = policy.forward(EPISODES)
    return float(slope @ log_probability + spread @ entropy)


def test_gradient_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    policy = Lstm((3, 2), 4, rng)
    for weights in policy.weights.values():
        weights *= 8  # away from the origin, where most second derivatives vanish
    slope, spread = rng.standard_normal(4), rng.standard_normal(4)
    _, _, kept = policy.forward(EPISODES)
    gradient = policy.gradient(EPISODES, kept, slope, spread)
    for name, weights in policy.weights.items():
        for _ in range(12):
            place = tuple(rng.integers(size) for size in weights.shape)
            before, step = weights[place], 1e-6
            weights[place] = before + step
            above = objective(policy, slope, spread)
            weights[place] = before - step
            below = objective(policy, slope, spread)
            weights[place] = before
            expected = (above - below) / (2 * step)
            assert gradient[name][place] == pytest.approx(expected, rel=1e-5, abs=1e-8), name


def test_draws_have_the_probabilities_of_the_policy() -> None:
    rng = np.random.default_rng(1)
    policy = Lstm((3, 2), 4, rng)
    for weights in policy.weights.values():
        weights *= 10
    everything = np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(2)])
    log_probability, entropy, _ = policy.forward(everything)
    probability = np.exp(log_probability)
    assert probability.sum() == pytest.approx(1)
    drawn = [policy.sample(rng) for _ in range(3000)]
    counts = Counter(episode.operators for episode in drawn)
    for operators, expected in zip(everything.tolist(), probability, strict=True):
        error = np.sqrt(expected * (1 - expected) / 3000)
        assert abs(counts[tuple(operators)] / 3000 - expected) < 4.5 * error
    for episode in drawn[:20]:
        place = everything.tolist().index(list(episode.operators))
        assert episode.log_probability == pytest.approx(log_probability[place])
    assert entropy[0] > 0


def test_the_policy_learns_what_is_paid() -> None:
    """Paid for the first operator on the left, and for the last on the right, it prefers them."""
    names = [[f"add({a}(x),{b}(x))"] for a in ("elu", "relu", "tanh") for b in ("elu", "relu")]
    optimizer = Controller(SearchSpace(range(6), names, [[0.0]] * 6), 0)
    policy, rng = optimizer._policy, np.random.default_rng(0)
    for _ in range(400):
        episode = policy.sample(rng)
        left, right, _ = episode.operators
        optimizer._pay(episode, float(left == 0) + float(right == 2))
    drawn = [policy.sample(rng).operators for _ in range(200)]
    assert np.mean([left == 0 and right == 2 for left, right, _ in drawn]) > 0.8


def test_the_ratio_is_clipped() -> None:
    """Of an episode that became likelier than the clip allows, no more is made; less would be."""
    names = [["add(elu(x),elu(x))"], ["add(relu(x),relu(x))"]]
    optimizer = Controller(SearchSpace([0, 1], names, [[0.0]] * 2), 0, entropy=0.0)
    episode = np.array([[0, 0, 0]])
    now, _, _ = optimizer._policy.forward(episode)
    before = {name: value.copy() for name, value in optimizer._policy.weights.items()}
    optimizer._improve(episode, now - np.log(1.3), np.array([1.0]))
    assert all((optimizer._policy.weights[name] == before[name]).all() for name in before)
    optimizer._improve(episode, now - np.log(1.3), np.array([-1.0]))
    assert optimizer._policy.forward(episode)[0] < now


@pytest.mark.parametrize("name", ["width", "batch", "passes", "patience"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    space = SearchSpace([0], [["add(elu(x),elu(x))"]], [[0.0]])
    with pytest.raises(ValueError, match=name):
        Controller(space, 0, **{name: 0})
