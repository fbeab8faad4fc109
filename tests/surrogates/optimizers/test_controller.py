"""The recurrent controller: its gradient against differences, its policy against its draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from surrogates.optimizers.controller import Controller, Lstm
from surrogates.protocol import SearchSpace

EPISODES = torch.tensor([[0, 2, 1], [2, 2, 0], [1, 0, 1], [1, 1, 1]])


def test_the_gradient_is_that_of_finite_differences() -> None:
    """In float64 throughout: a part in float32 would be seen here."""
    policy = Lstm((3, 2), 4, np.random.default_rng(0))
    with torch.no_grad():
        for weights in policy.parameters():
            weights.mul_(8)  # away from the origin, where most second derivatives vanish
    names = list(dict(policy.named_parameters()))

    def outputs(*weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        changed = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(policy, changed, (EPISODES,))

    assert torch.autograd.gradcheck(outputs, tuple(policy.parameters()))


def test_draws_have_the_probabilities_of_the_policy() -> None:
    rng = np.random.default_rng(1)
    policy = Lstm((3, 2), 4, rng)
    with torch.no_grad():
        for weights in policy.parameters():
            weights.mul_(10)
    everything = torch.tensor([[i, j, k] for i in range(3) for j in range(3) for k in range(2)])
    log_probability, entropy = (values.detach().numpy() for values in policy(everything))
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
    policy, rng = optimizer.policy, np.random.default_rng(0)
    for _ in range(400):
        episode = policy.sample(rng)
        left, right, _ = episode.operators
        optimizer.pay(episode, float(left == 0) + float(right == 2))
    drawn = [policy.sample(rng).operators for _ in range(200)]
    assert np.mean([left == 0 and right == 2 for left, right, _ in drawn]) > 0.8


def test_the_ratio_is_clipped() -> None:
    """Of an episode that became likelier than the clip allows, no more is made; less would be."""
    names = [["add(elu(x),elu(x))"], ["add(relu(x),relu(x))"]]
    optimizer = Controller(SearchSpace([0, 1], names, [[0.0]] * 2), 0, entropy=0.0)
    episode = np.array([[0, 0, 0]])

    def log_probability() -> np.ndarray:
        return optimizer.policy(torch.from_numpy(episode))[0].detach().numpy()

    now = log_probability()
    before = [weights.detach().clone() for weights in optimizer.policy.parameters()]
    optimizer.improve(episode, now - np.log(1.3), np.array([1.0]))
    after = list(optimizer.policy.parameters())
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    optimizer.improve(episode, now - np.log(1.3), np.array([-1.0]))
    assert log_probability() < now


@pytest.mark.parametrize("name", ["width", "batch", "passes", "patience"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    space = SearchSpace([0], [["add(elu(x),elu(x))"]], [[0.0]])
    with pytest.raises(ValueError, match=name):
        Controller(space, 0, **{name: 0})
