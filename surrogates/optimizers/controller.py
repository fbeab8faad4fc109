"""The recurrent controller of the Swish paper, trained by proximal policy optimisation."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.errors import ArgumentError
from act_bench.search.events import Result
from surrogates.optimizers.each_once import EachOnce
from surrogates.protocol import SearchSpace

Float = NDArray[np.float64]

ARITIES: Final = (1, 1, 2)
"""What the controller emits, in order: left unary, right unary, binary."""
_DECAY: Final = (0.9, 0.999)


class Episode(NamedTuple):
    """What the controller emitted: the number of an operator for each of ``ARITIES``."""

    operators: tuple[int, int, int]
    log_probability: float


class Lstm:
    """A small LSTM that emits three operators, with its gradient by hand.

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
        unary, binary = choices

        def weights(*shape: int) -> Float:
            return rng.uniform(-0.1, 0.1, shape)

        self.weights: dict[str, Float] = {
            "embed": weights(1 + unary, width),
            "gates": weights(2 * width + 1, 4 * width),
            "head_1": weights(width + 1, unary),
            "head_2": weights(width + 1, binary),
        }
        self._width = width

    def sample(self, rng: np.random.Generator) -> Episode:
        """Draw three operators."""
        chosen: list[int] = []
        total = 0.0
        state = (np.zeros((1, self._width)), np.zeros((1, self._width)))
        for step in range(len(ARITIES)):
            before = np.array([chosen[-1] + 1 if chosen else 0])
            *state, log_p, _ = self._step(step, before, *state)  # type: ignore[assignment]
            cumulative = np.cumsum(np.exp(log_p[0]))
            # The last sum may be a rounding below 1.
            pick = min(int(np.searchsorted(cumulative, rng.random())), len(cumulative) - 1)
            chosen.append(pick)
            total += float(log_p[0, pick])
        return Episode((chosen[0], chosen[1], chosen[2]), total)

    def forward(self, operators: NDArray[np.intp]) -> tuple[Float, Float, list[tuple[Float, ...]]]:
        """Return log probability and entropy of episodes (n, 3), and what the gradient needs."""
        n = len(operators)
        hidden, cell = np.zeros((n, self._width)), np.zeros((n, self._width))
        log_probability: Float = np.zeros(n)
        entropy: Float = np.zeros(n)
        kept: list[tuple[Float, ...]] = []
        for step in range(len(ARITIES)):
            before = operators[:, step - 1] + 1 if step else np.zeros(n, dtype=np.intp)
            old = cell
            hidden, cell, log_p, inner = self._step(step, before, hidden, cell)
            log_probability += log_p[np.arange(n), operators[:, step]]
            entropy -= (np.exp(log_p) * log_p).sum(axis=1)
            kept.append((log_p, old, cell, hidden, *inner))
        return log_probability, entropy, kept

    def gradient(
        self,
        operators: NDArray[np.intp],
        kept: list[tuple[Float, ...]],
        by_log_probability: Float,
        by_entropy: Float,
    ) -> dict[str, Float]:
        """Return the gradient of a sum over episodes, from the derivatives by what forward gave."""
        n, width = len(operators), self._width
        found = {name: np.zeros_like(value) for name, value in self.weights.items()}
        d_hidden, d_cell = np.zeros((n, width)), np.zeros((n, width))
        for step in reversed(range(len(ARITIES))):
            log_p, old, cell, hidden, inputs, gates, candidate = kept[step]
            p = np.exp(log_p)
            spread = -(p * log_p).sum(axis=1, keepdims=True)
            d_logits = -p * by_log_probability[:, None]
            d_logits[np.arange(n), operators[:, step]] += by_log_probability
            d_logits -= by_entropy[:, None] * p * (log_p + spread)
            head = f"head_{ARITIES[step]}"
            found[head] += _with_one(hidden).T @ d_logits
            d_hidden = d_hidden + d_logits @ self.weights[head][:-1].T
            forget, enter, leave = np.split(gates, 3, axis=1)
            bent = np.tanh(cell)
            d_cell = d_cell + d_hidden * leave * (1 - bent * bent)
            d_gates = np.hstack([d_cell * old, d_cell * candidate, d_hidden * bent])
            d_sums = np.hstack(
                [d_gates * gates * (1 - gates), d_cell * enter * (1 - candidate * candidate)]
            )
            found["gates"] += inputs.T @ d_sums
            d_inputs = d_sums @ self.weights["gates"].T
            before = operators[:, step - 1] + 1 if step else np.zeros(n, dtype=np.intp)
            np.add.at(found["embed"], before, d_inputs[:, :width])
            d_hidden, d_cell = d_inputs[:, width : 2 * width], d_cell * forget
        return found

    def _step(
        self, step: int, before: NDArray[np.intp], hidden: Float, cell: Float
    ) -> tuple[Float, Float, Float, tuple[Float, Float, Float]]:
        """Return the next state, log probabilities, and inputs, gates and candidate."""
        inputs = _with_one(np.hstack([self.weights["embed"][before], hidden]))
        sums = inputs @ self.weights["gates"]
        gates = 1 / (1 + np.exp(-sums[:, : 3 * self._width]))
        candidate = np.tanh(sums[:, 3 * self._width :])
        forget, enter, leave = np.split(gates, 3, axis=1)
        cell = forget * cell + enter * candidate
        hidden = leave * np.tanh(cell)
        logits = _with_one(hidden) @ self.weights[f"head_{ARITIES[step]}"]
        logits = logits - logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return hidden, cell, log_p, (inputs, gates, candidate)


class Controller(EachOnce):
    """Emits ``left``, ``right`` and ``binary`` from a policy that is paid by validation accuracy.

    Ramachandran, Zoph and Le (*Searching for Activation Functions*, 2017): an LSTM predicts one
    component of the function after another and is trained by proximal policy optimisation
    (Schulman et al. 2017, Eq. 7) with an exponential moving average of the rewards as baseline. The
    paper leaves open the width, the rates, the clip and the batch; those here are ours. It also
    draws functions by the thousand: over a hundred evaluations, this is a baseline of its time.

    Where the policy emits a function whose score is known, that is paid at once and it emits again,
    which costs nothing. After ``patience`` such draws the next function in random order is asked
    for, which is no episode of the policy.

    It is written with NumPy and not PyTorch: with three steps the gradient is short, a search takes
    a second, and the same seed gives the same search bit by bit on one platform.

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
            if value < 1:
                raise ArgumentError(f"{name} must be at least 1, got {value}")
        self._rng = np.random.default_rng(seed)
        super().__init__(space, self._rng.permutation(len(space)).tolist())
        self._unary, self._binary = space.operators.get(1, ()), space.operators.get(2, ())
        self._policy = Lstm((len(self._unary), len(self._binary)), width, self._rng)
        self._moments = {name: (0.0 * w, 0.0 * w) for name, w in self._policy.weights.items()}
        self._updates = 0
        self._batch, self._passes, self._patience = batch, passes, patience
        self._rate, self._clip, self._entropy, self._memory = rate, clip, entropy, memory
        self._baseline: float | None = None
        self._scores: dict[int, float] = {}
        self._running: dict[int, Episode] = {}
        self._paid: list[tuple[Episode, float]] = []

    def ask(self) -> str:
        """Return a function that the policy emits and that was not asked for."""
        if self._open.any():
            for _ in range(self._patience):
                episode = self._policy.sample(self._rng)
                left, right, binary = episode.operators
                text = f"{self._binary[binary]}({self._unary[left]}(x),{self._unary[right]}(x))"
                position = self._space.find(text)
                if position is not None and self._open[position]:
                    self._running[position] = episode
                    return self._take(position)
                if position in self._scores:
                    self._pay(episode, self._scores[position])
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
            self._pay(episode, score)

    def _pay(self, episode: Episode, reward: float) -> None:
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
            self._improve(operators, before, advantage)

    def _improve(self, operators: NDArray[np.intp], before: Float, advantage: Float) -> None:
        """Take a step of Adam up the clipped objective."""
        log_probability, _, kept = self._policy.forward(operators)
        ratio = np.exp(log_probability - before)
        # Where the clip binds, min(r A, clip(r) A) is constant and has no gradient.
        free = np.where(advantage > 0, ratio < 1 + self._clip, ratio > 1 - self._clip)
        share = 1 / len(operators)
        slope = share * np.where(free, ratio * advantage, 0.0)
        gradient = self._policy.gradient(
            operators, kept, slope, np.full(len(operators), share * self._entropy)
        )
        self._updates += 1
        for name, step in gradient.items():
            first, second = self._moments[name]
            first = _DECAY[0] * first + (1 - _DECAY[0]) * step
            second = _DECAY[1] * second + (1 - _DECAY[1]) * step * step
            self._moments[name] = (first, second)
            first = first / (1 - _DECAY[0] ** self._updates)
            second = second / (1 - _DECAY[1] ** self._updates)
            self._policy.weights[name] += self._rate * first / (np.sqrt(second) + 1e-8)


def _with_one(values: Float) -> Float:
    """Return values with a column of ones, which the bias multiplies."""
    return np.hstack([values, np.ones((len(values), 1))])
