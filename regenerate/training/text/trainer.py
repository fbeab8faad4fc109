"""Train networks of text: bfloat16 matrix products, float32 master weights, tabulated activations.

The text is on the device once, a byte per character, and a sequence is cut from it when it is
needed. Where runs and recipes speak of images they mean sequences here: a batch is so many
sequences, and ``Run.images_seen`` counts sequences. Losses are nats per character, and accuracies
the share of characters that were predicted right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from act_bench.errors import ArgumentError
from regenerate import draws
from regenerate.activations import Tables, TabulatedActivation
from regenerate.activations.learnable import Activation, layer_module
from regenerate.data import text
from regenerate.networks.gpt import EXPANSION, GPT
from regenerate.recipes.limits import check, check_batch
from regenerate.recipes.recipe import Recipe
from regenerate.runs.run import Run
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.dispatch import OBSERVED, Observer, Progress
from regenerate.training.flat_weights import Optimizer, make_optimizer
from regenerate.training.muon import Muon
from regenerate.training.text.initialization import initialize
from regenerate.training.threads import torch_threads
from regenerate.training.training_run import Metrics, TrainingRun, train_seeds

EVALUATION_BATCH = {"cpu": 2048, "cuda": 1 << 16}
"""Tokens at once; few enough for a CPU's cache."""
INITIALIZATION_TOKENS = 4096

FIXED = {
    "network": ("gpt",),
    "optimizer": ("adamw", "muon"),
    "dtype": ("bfloat16",),
    "activation": ("tabulated",),
    "initialization": ("lecun", "data_dependent"),
    "loss": ("cross_entropy",),
    "augmentation": ("none",),
    "width": (1.0,),
    "image_size": (None,),
    "train_images": (None,),
    "target_threshold": (None,),
    "evaluation_crop": (1.0,),
}
"""Field of a recipe -> what this trainer does."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of a text, none of which overlaps another.

    Attributes
    ----------
    tokens
        The whole text, uint8 on the device.
    starts
        ``(sequences,)`` int64: where each begins.
    length
        Tokens of a sequence, each of which has the next one of the text as its target.
    """

    tokens: Tensor
    starts: Tensor
    length: int

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, which: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return tokens and targets of some sequences, both ``(n, length)`` int64.

        Examples
        --------
        >>> text = cut(torch.tensor([3, 1, 4, 1, 5, 9], dtype=torch.uint8), 2, None)
        >>> text.read(slice(0, 2))[1].tolist()
        [[1, 4], [1, 5]]
        """
        places = torch.arange(self.length + 1, device=self.starts.device)
        read = self.tokens[self.starts[which, None] + places].long()
        return read[:, :-1], read[:, 1:]


def cut(tokens: Tensor, length: int, limit: int | None) -> Sequences:
    """Cut a text into sequences and keep those at equal distances.

    Parameters
    ----------
    tokens
        ``(characters,)`` uint8.
    length
        Tokens of a sequence.
    limit
        How many tokens the sequences have together at most; None keeps all.

    Examples
    --------
    >>> cut(torch.zeros(101, dtype=torch.uint8), 10, 30).starts.tolist()
    [10, 50, 80]
    """
    count = max(0, (len(tokens) - 1) // length)
    kept = count if limit is None else min(count, limit // length)
    number = (2 * torch.arange(kept) + 1) * count // max(1, 2 * kept)
    return Sequences(tokens, (number * length).to(tokens.device), length)


@dataclass(frozen=True)
class Splits:
    """The three splits on a device, the fingerprint of the text and the size of its vocabulary."""

    train: Sequences
    validation: Sequences
    test: Sequences
    fingerprint: str
    vocabulary: int


@lru_cache(maxsize=2)
def load_splits(
    dataset: str,
    *,
    sequence_length: int,
    train_tokens: int | None,
    evaluation_tokens: int | None,
    device: str,
    data_dir: Path | None,
) -> Splits:
    """Load a text onto a device; what was loaded last is kept.

    Parameters
    ----------
    dataset
        A key of ``regenerate.data.text.TEXTS``.
    sequence_length, train_tokens, evaluation_tokens
        As in ``Recipe``.
    device
        A torch device.
    data_dir
        Folder of the data, see ``regenerate.data.text.load``.
    """
    source = text.load(dataset, data_dir)

    def split(tokens: text.Tokens, limit: int | None) -> Sequences:
        return cut(torch.from_numpy(tokens).to(device), sequence_length, limit)

    return Splits(
        train=split(source.train, train_tokens),
        validation=split(source.validation, evaluation_tokens),
        test=split(source.test, evaluation_tokens),
        fingerprint=source.fingerprint,
        vocabulary=len(source.vocabulary),
    )


def train(
    recipe: Recipe,
    expression: Activation,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    data_dir: Path | None = None,
    progress: Progress | None = None,
    observe: Observer | None = None,
) -> list[Run]:
    """Train a network one seed after the other; see ``regenerate.training.dispatch.train``.

    A run diverges in the step, or in the evaluation, in which its loss is not finite. All metrics
    after the last epoch are of ``evaluation_tokens``. A function that learns a parameter cannot be
    tabulated: it is composed and rounded once. On a CPU one thread does all the work: for matrices
    of this size a second one costs more than it gains, and a run does not depend on how many there
    are.

    Raises
    ------
    ValueError
        If the recipe asks for what this trainer does not do, or names no length or widths.
    """
    check(recipe, FIXED)
    if recipe.sequence_length is None or len(set(recipe.widths)) != 1:
        raise ArgumentError(
            "the trainer of gpt needs a recipe with a sequence_length, and with widths that name "
            f"one width for every layer; {recipe.table}-{recipe.fidelity} has "
            f"{recipe.sequence_length} and {recipe.widths}"
        )
    if device == "cpu":
        keep_freed_memory()
    splits = load_splits(
        recipe.dataset,
        sequence_length=recipe.sequence_length,
        train_tokens=recipe.train_tokens,
        evaluation_tokens=recipe.evaluation_tokens,
        device=device,
        data_dir=data_dir,
    )
    check_batch(recipe, len(splits.train))

    def make(tables: Tables | None, seed: int) -> TrainingRun[Splits]:
        return _TextRun(recipe, expression, tables, splits, seed, device)

    with torch_threads(1) if device == "cpu" else nullcontext():
        return train_seeds(
            expression, seeds, make, device=device, progress=progress, observe=observe
        )


class _TextRun(TrainingRun[Splits]):
    """A run of a network of text."""

    network: GPT

    def _build(self, tables: Tables | None) -> nn.Module:
        """Return the network: one table for all layers; a learner is composed, one per layer."""
        recipe, function = self.recipe, self.expression
        inner = EXPANSION * recipe.widths[0]

        def learner() -> nn.Module:
            return layer_module(function, one=(), each=(inner,))

        shared = None if tables is None else TabulatedActivation(tables)
        return GPT(
            learner if shared is None else lambda: shared,
            vocabulary=self.splits.vocabulary,
            length=self.splits.train.length,
            layers=len(recipe.widths),
            channels=recipe.widths[0],
            previous=recipe.previous_tokens,
        )

    def _make_optimizer(self) -> Optimizer:
        if self.recipe.optimizer == "muon":
            return Muon(self.recipe, self.weights)
        return make_optimizer(self.recipe, self.weights)

    def _initialize(self) -> None:
        train = self.splits.train
        first, _ = train.read(slice(0, max(1, INITIALIZATION_TOKENS // train.length)))
        initialize(self.network, self.weights, self.seed, self.recipe.initialization, first)

    def _batches(self, epoch: int) -> Iterable[tuple[Tensor, Tensor]]:
        train, size = self.splits.train, self.recipe.batch_size
        order = torch.from_numpy(draws.permutation(len(train), self.seed, f"epoch {epoch}"))
        whole = order[: len(train) // size * size].to(self.device)
        return map(train.read, torch.split(whole, size))

    def _observed(self) -> Tensor:
        return self.splits.validation.read(slice(0, OBSERVED))[0]

    def _evaluate(self, split: str) -> Metrics:
        sequences: Sequences = getattr(self.splits, split)
        if split == "train" and (limit := self.recipe.evaluation_tokens) is not None:
            sequences = cut(sequences.tokens, sequences.length, limit)
        return evaluate(self.network, sequences)


@torch.no_grad()
def evaluate(network: nn.Module, sequences: Sequences) -> Metrics:
    """Return the metrics over some sequences; the network is left in evaluation mode."""
    network.eval()
    size = EVALUATION_BATCH["cuda" if sequences.tokens.is_cuda else "cpu"] // sequences.length
    losses, correct = [], []
    for which in torch.split(torch.arange(len(sequences), device=sequences.starts.device), size):
        tokens, targets = sequences.read(which)
        scores = network(tokens).float().flatten(0, 1)
        losses.append(nn.functional.cross_entropy(scores, targets.flatten(), reduction="sum"))
        correct.append((scores.argmax(1) == targets.flatten()).sum())
    count = len(sequences) * sequences.length
    loss = torch.stack(losses).double().sum()
    return Metrics(float(loss) / count, int(torch.stack(correct).sum()) / count)
