"""The recurrent controller of the Swish paper, trained by proximal policy optimization."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_bench.arguments import finite_number, whole_number
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace, generator

Float = NDArray[np.float64]

WIDEST: Final = 1_024
"""An LSTM of this width has eight million weights."""
ARITIES: Final = (1, 1, 2)
"""What the controller emits, in order: left unary, right unary, binary."""


class Episode(NamedTuple):
    """What the controller emitted: the number of an operator for each of ``ARITIES``."""

    operators: tuple[int, int, int]
    log_probability: float


class Lstm(nn.Module):
    """A small LSTM that emits three operators, in float64.

    Each step takes the embedding of the operator before (at first a learned one), and gives logits
    over the operators of that step (Hochreiter and Schmidhuber 1997, with forget gates).

    Parameters
    ----------
    choices : tuple of int
        Number of unary and of binary operators.
    width : int
        Of the state and of the embeddings.
    rng : Generator
        Of the initial weights, uniform in +-0.1.
    """

    def __init__(self, choices: tuple[int, int], width: int, rng: np.random.Generator) -> None:
        super().__init__()
        unary, binary = choices

        def weights(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.from_numpy(rng.uniform(-0.1, 0.1, shape)))

        self.embed = weights(1 + unary, width)
        self.gates = weights(2 * width + 1, 4 * width)
        self.heads = nn.ParameterList([weights(width + 1, unary), weights(width + 1, binary)])
        self._width = width

    @torch.no_grad()
    def sample(self, rng: np.random.Generator) -> Episode:
        """Draw three operators."""
        chosen: list[int] = []
        total = 0.0
        hidden, cell = self._start(1)
        for step in range(len(ARITIES)):
            before = torch.tensor([chosen[-1] + 1 if chosen else 0])
            hidden, cell, log_p = self._step(step, before, hidden, cell)
            cumulative = np.cumsum(np.exp(log_p[0].numpy()))
            # The last sum may be a rounding below 1.
            pick = min(int(np.searchsorted(cumulative, rng.random())), len(cumulative) - 1)
            chosen.append(pick)
            total += float(log_p[0, pick])
        return Episode((chosen[0], chosen[1], chosen[2]), total)

    def forward(self, operators: Tensor) -> tuple[Tensor, Tensor]:
        """Return log probability and entropy of episodes (n, 3)."""
        n = len(operators)
        hidden, cell = self._start(n)
        log_probability, entropy = torch.zeros(2, n, dtype=torch.float64).unbind()
        for step in range(len(ARITIES)):
            before = operators[:, step - 1] + 1 if step else torch.zeros(n, dtype=torch.int64)
            hidden, cell, log_p = self._step(step, before, hidden, cell)
            log_probability = log_probability + log_p[torch.arange(n), operators[:, step]]
            entropy = entropy - (log_p.exp() * log_p).sum(dim=1)
        return log_probability, entropy

    def _start(self, n: int) -> tuple[Tensor, Tensor]:
        hidden, cell = torch.zeros(2, n, self._width, dtype=torch.float64).unbind()
        return hidden, cell

    def _step(
        self, step: int, before: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the next state and log probabilities."""
        sums = _with_one(torch.hstack([self.embed[before], hidden])) @ self.gates
        forget, enter, leave, candidate = sums.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        logits = _with_one(hidden) @ self.heads[ARITIES[step] - 1]
        return hidden, cell, logits.log_softmax(dim=1)


class Controller(EachOnce):
    """Emits ``left``, ``right`` and ``binary`` from a policy that is paid by validation accuracy.

    Ramachandran, Zoph and Le (*Searching for Activation Functions*, 2017): an LSTM predicts one
    component of the function after another and is trained by proximal policy optimization
    (Schulman et al. 2017, Eq. 7) with an exponential moving average of the rewards as baseline. The
    paper leaves open the width, the rates, the clip and the batch; those here are ours. It also
    draws functions by the thousand: over a hundred evaluations, this is a baseline of its time.

    Where the policy emits a function whose score is known, that is paid at once and it emits again,
    which costs nothing. After ``patience`` such draws the next function in random order is asked
    for, which is no episode of the policy.

    Needs PyTorch: ``pip install 'act-bench[regenerate]'``. All draws are NumPy's, and all weights
    float64, so that the same seed gives the same search.

    Parameters
    ----------
    space : SearchSpace
        Of expressions of one binary and two unary operators.
    seed : int
        Of the initial weights, the policy and the random order.
    width : int
        Of the LSTM.
    batch : int
        Episodes before each update.
    passes : int
        Steps of Adam in each update.
    rate : float
        Of Adam.
    clip : float
        How far the ratio of new to old probabilities may leave 1 to count.
    entropy : float
        What an update pays for the entropy of the policy.
    memory : float
        Of the moving average, in [0, 1).
    patience : int
        Draws in a row that lead nowhere; at least 1.

    Examples
    --------
    >>> names = [["add(relu(x),elu(x))"], ["add(elu(x),elu(x))"]]
    >>> optimizer = Controller(SearchSpace([0, 1], names, [[0.0], [1.0]]), seed=0)
    >>> sorted([optimizer.ask(), optimizer.ask()])
    ['add(elu(x),elu(x))', 'add(relu(x),elu(x))']
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        *,
        width: int = 32,
        batch: int = 10,
        passes: int = 4,
        rate: float = 0.01,
        clip: float = 0.2,
        entropy: float = 0.01,
        memory: float = 0.9,
        patience: int = 20,
    ) -> None:
        counts = {"width": width, "batch": batch, "passes": passes, "patience": patience}
        for name, value in counts.items():
            most = WIDEST if name == "width" else None
            counts[name] = whole_number(value, name, least=1, most=most)
        width, batch, passes, patience = counts.values()
        rate = finite_number(rate, "rate", above=0)
        clip = finite_number(clip, "clip", least=0)
        entropy = finite_number(entropy, "entropy")
        memory = finite_number(memory, "memory", least=0, most=1)
        self._rng = generator(seed)
        super().__init__(space, self._rng.permutation(len(space)).tolist())
        self._unary, self._binary = space.operators.get(1, ()), space.operators.get(2, ())
        self.policy = Lstm((len(self._unary), len(self._binary)), width, self._rng)
        self._adam = torch.optim.Adam(self.policy.parameters(), lr=rate, maximize=True)
        self._batch, self._passes, self._patience = batch, passes, patience
        self._clip, self._entropy, self._memory = clip, entropy, memory
        self._baseline: float | None = None
        self._scores: dict[int, float] = {}
        self._running: dict[int, Episode] = {}
        self._paid: list[tuple[Episode, float]] = []

    def ask(self) -> str:
        """Return a function that the policy emits and that was not asked for."""
        if self._open.any():
            for _ in range(self._patience):
                episode = self.policy.sample(self._rng)
                left, right, binary = episode.operators
                text = f"{self._binary[binary]}({self._unary[left]}(x),{self._unary[right]}(x))"
                position = self._space.find(text)
                if position is not None and self._open[position]:
                    self._running[position] = episode
                    return self._take(position)
                if position in self._scores:
                    self.pay(episode, self._scores[position])
        return self._take(self._next())

    def tell(self, result: Result) -> None:
        """Pay the policy for its episode."""
        learned = self._learned(result)
        if learned is None:
            return
        position, score = learned
        self._scores[position] = score
        episode = self._running.pop(position, None)
        if episode is not None:
            self.pay(episode, score)

    def pay(self, episode: Episode, reward: float) -> None:
        """Reward an episode; a full batch of them improves the policy."""
        self._paid.append((episode, reward))
        if len(self._paid) < self._batch:
            return
        operators = np.array([episode.operators for episode, _ in self._paid])
        before = np.array([episode.log_probability for episode, _ in self._paid])
        rewards = np.array([reward for _, reward in self._paid])
        self._paid = []
        mean = float(rewards.mean())
        old = mean if self._baseline is None else self._baseline
        advantage = rewards - old
        self._baseline = self._memory * old + (1 - self._memory) * mean
        for _ in range(self._passes):
            self.improve(operators, before, advantage)

    def improve(self, operators: NDArray[np.intp], before: Float, advantage: Float) -> None:
        """Take a step of Adam up the clipped objective."""
        log_probability, entropy = self.policy(torch.from_numpy(operators))
        ratio = torch.exp(log_probability - torch.from_numpy(before))
        clipped = ratio.clamp(1 - self._clip, 1 + self._clip)
        gain = torch.from_numpy(advantage)
        objective = torch.minimum(ratio * gain, clipped * gain) + self._entropy * entropy
        self._adam.zero_grad()
        objective.mean().backward()
        self._adam.step()


def _with_one(values: Tensor) -> Tensor:
    """Return values with a column of ones, which the bias multiplies."""
    return torch.hstack([values, torch.ones(len(values), 1, dtype=torch.float64)])
