"""What a training step of the small GPT costs on one core, before and after, and of the peak.

The step is the trainer's own: sequences read, forward, backward, Muon. Its variants are measured in
turns in one run, in processor time:

- ``operators``: the activation as its operators, attention as torch has it, AdamW as operations;
- ``tabulated``: that, and the activation as one look-up;
- ``attention``: that, and attention as products in batches;
- ``own``: as the trainer does it: that, and AdamW as one loop.

The peak is that of a product of two square bfloat16 matrices in the same run.

    python -m benchmarks.steps.gpt [--fidelity proxy] [--turns 7] [--repeats 10]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.functions.expression import parse
from benchmarks.budget import Figure, report
from benchmarks.steps.activations import Composed
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks.gpt import EXPANSION, GPT
from regenerate.recipes import find
from regenerate.recipes.recipe import Recipe
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.flat_weights import AdamW, FlatWeights
from regenerate.training.muon import Muon
from regenerate.training.step import make_step
from regenerate.training.text.initialization import initialize
from regenerate.training.text.trainer import Sequences, load_splits

VARIANTS = ("operators", "tabulated", "attention", "own")
SIDE = 2048
"""Of the matrices whose product says what the peak is."""


def attention_by_torch(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return what ``regenerate.networks.gpt.attend`` does, by torch's own function."""
    return functional.scaled_dot_product_attention(
        queries[None], keys[None], values[None], is_causal=True
    )[0]


def variant(name: str) -> ExitStack:
    """Return a context in which what the trainer replaces is as it was before."""
    replaced = ExitStack()
    if name != "own":
        replaced.enter_context(patch.object(AdamW, "loop", False))
    if name in ("operators", "tabulated"):
        place = "regenerate.networks.gpt.attend"
        replaced.enter_context(patch(place, attention_by_torch))
    return replaced


def step_of(
    recipe: Recipe, function: str, train: Sequences, vocabulary: int, *, composed: bool
) -> Callable[[], None]:
    """Return a training step on the first sequences of the text."""
    activation: nn.Module = (
        Composed(function) if composed else TabulatedActivation(tabulate(parse(function)))
    )
    network = GPT(
        lambda: activation,
        vocabulary=vocabulary,
        length=train.length,
        layers=len(recipe.widths),
        channels=recipe.widths[0],
        previous=recipe.previous_tokens,
    )
    weights = FlatWeights(network)
    initialize(network, weights, 0, recipe.initialization, train.read(slice(0, 64))[0])
    make, optimizer = make_step(recipe, network, weights), Muon(recipe, weights)
    which = torch.arange(recipe.batch_size)

    def step() -> None:
        _, gradient = make(*train.read(which))
        optimizer.step(gradient, 1e-5)

    return step


def operations(recipe: Recipe, vocabulary: int) -> float:
    """Return the floating-point operations of the products of a step, forward and backward.

    Of each layer its four matrices, and for each pair of tokens of a sequence a score and a sum, of
    which causal attention needs half; and the scores of the vocabulary.
    """
    length, channels = recipe.sequence_length or 0, recipe.widths[0]
    matrices = len(recipe.widths) * (4 + 2 * EXPANSION) * channels**2 + vocabulary * channels
    pairs = len(recipe.widths) * 2 * (length / 2) * channels
    return 3 * 2 * (matrices + pairs) * recipe.batch_size * length


def peak() -> float:
    """Return floating-point operations a second of a product of bfloat16 matrices."""
    a = torch.randn(SIDE, SIDE).to(torch.bfloat16)
    best = min(seconds(lambda: a @ a, 3) for _ in range(5))
    return 2 * SIDE**3 / best


def seconds(job: Callable[[], object], repeats: int) -> float:
    """Return processor seconds a call."""
    start = time.process_time()
    for _ in range(repeats):
        job()
    return (time.process_time() - start) / repeats


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fidelity", default="proxy")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--expression", default="mul(erf(x),softplus(x))")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    recipe, function = find("gpt", options.fidelity), options.expression
    splits = load_splits(
        recipe.dataset,
        sequence_length=recipe.sequence_length or 0,
        train_tokens=recipe.train_tokens,
        evaluation_tokens=recipe.evaluation_tokens,
        device="cpu",
        data_dir=None,
    )
    steps = {
        composed: step_of(recipe, function, splits.train, splits.vocabulary, composed=composed)
        for composed in (True, False)
    }
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for turn in range(options.turns + 1):
        for name in VARIANTS:
            with variant(name):
                spent = seconds(steps[name == "operators"], options.repeats if turn else 1)
            if turn:  # the first is to compile and to fill caches
                taken[name].append(spent)
    tokens = recipe.batch_size * splits.train.length
    done, most = operations(recipe, splits.vocabulary), peak()
    print(
        f"torch {torch.__version__}, one thread, gpt-{recipe.fidelity}: {tokens:,} tokens and "
        f"{done / 1e9:.2f} GFLOP a step, {function}; peak {most / 1e12:.2f} TFLOP/s"
    )
    print(
        "| variant | ms per step | tokens/s | to operators | of the peak |\n|---|---|---|---|---|"
    )
    median = {name: statistics.median(each) for name, each in taken.items()}
    for name, spent in median.items():
        ratio, share = median["operators"] / spent, done / spent / most
        print(f"| {name} | {spent * 1e3:.1f} | {tokens / spent:,.0f} | {ratio:.2f} | {share:.1%} |")
    what = "a step of the small GPT, one core, of what operators and torch's attention take"
    report([Figure(what, median["own"] / median["operators"], "x")])


if __name__ == "__main__":
    main()
