"""The trainer of text, on a small made-up language that a small network can learn."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from act_bench.functions.catalogue import find as find_function
from act_bench.functions.expression import parse
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.data import text
from regenerate.networks.gpt import GPT
from regenerate.recipes import Recipe
from regenerate.recipes import find as find_recipe
from regenerate.recipes.gpt import RECIPES
from regenerate.runs.certificate import results
from regenerate.training.dispatch import train
from regenerate.training.flat_weights import AdamW, FlatWeights
from regenerate.training.losses import training_loss
from regenerate.training.muon import Muon, orthogonal
from regenerate.training.text.initialization import initialize
from regenerate.training.text.trainer import cut

RECIPE = Recipe(
    table="gpt",
    fidelity="tiny",
    network="gpt",
    dataset="sotu",
    epochs=1,
    batch_size=16,
    sequence_length=16,
    train_tokens=10_240,
    evaluation_tokens=2_048,
    previous_tokens=2,
    widths=(32,),
    optimizer="adamw",
    learning_rate=0.01,
    momentum=0.9,
    second_moment_decay=0.99,
    schedule="cosine",
    warmup_epochs=0.1,
    clip_norm=1.0,
    initialization="data_dependent",
    dtype="bfloat16",
    activation="tabulated",
)
MUON = dataclasses.replace(
    RECIPE, optimizer="muon", learning_rate=0.05, momentum=0.95, nesterov=True, adamw_factor=0.2
)
WORDS = ("the ", "union ", "of ", "states ", "is ", "strong ")


def sentences(count: int, seed: int) -> text.Tokens:
    """Return words in a random order."""
    order = np.random.default_rng(seed).integers(0, len(WORDS), count)
    return text.encode("".join(WORDS[word] for word in order), VOCABULARY)


VOCABULARY = "".join(sorted(set("".join(WORDS))))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder name under which ``text.load`` finds the sentences."""
    parts = (sentences(6000, 0), sentences(1000, 1), sentences(1000, 2))
    made = text.TextData("sotu", VOCABULARY, *parts)

    def load(name: str, data_dir: Path | None = None) -> text.TextData:
        assert (name, data_dir) == ("sotu", tmp_path)
        return made

    monkeypatch.setattr(text, "load", load)
    return tmp_path


def test_sequences_are_apart_at_equal_distances_and_know_what_follows() -> None:
    tokens = torch.arange(200, dtype=torch.uint8)
    everything = cut(tokens, 10, None)
    assert everything.starts.tolist() == list(range(0, 190, 10))  # a last target is needed
    some = cut(tokens, 10, 55)
    assert len(some) == 5
    assert set(some.starts.tolist()) <= set(everything.starts.tolist())
    assert set(some.starts.diff().tolist()) <= {30, 40}
    read, targets = some.read(slice(0, 3))
    assert read.shape == targets.shape == (3, 10)
    assert torch.equal(targets, read + 1)
    assert len(cut(tokens[:10], 10, None)) == 0
    assert len(cut(tokens, 10, 10_000)) == 19


@pytest.mark.parametrize("recipe", [RECIPE, MUON], ids=["adamw", "muon"])
def test_training_learns_and_repeats(folder: Path, recipe: Recipe) -> None:
    shares: list[float] = []
    first, other = train(
        recipe, parse("relu(x)"), [3, 4], device="cpu", data_dir=folder, progress=shares.append
    )
    (again,) = train(recipe, parse("relu(x)"), [3], device="cpu", data_dir=folder)
    assert dataclasses.replace(again, runtime_s=first.runtime_s) == first
    assert other.train_loss_curve != first.train_loss_curve
    assert first.outcome == "ok"
    # Four characters a word, of which only the first is not known before.
    assert first.validation_loss is not None
    assert first.validation_loss < 0.6 * np.log(len(VOCABULARY))
    assert first.validation_accuracy is not None
    assert first.validation_accuracy > 0.6
    assert first.images_seen == 10_240 // 16  # sequences
    assert (first.recipe_sha, first.device, first.seed) == (recipe.sha, "cpu", 3)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_evaluations_within_an_epoch_change_no_bit(folder: Path) -> None:
    often = dataclasses.replace(RECIPE, evaluations_per_epoch=4)
    (once,) = train(RECIPE, parse("tanh(x)"), [0], device="cpu", data_dir=folder)
    (run,) = train(often, parse("tanh(x)"), [0], device="cpu", data_dir=folder)
    assert results(run) == results(once)
    assert len(run.validation_loss_curve) == len(run.train_loss_curve) == 4
    assert run.validation_loss_curve[-1] == once.validation_loss
    assert run.validation_loss_curve[0] > run.validation_loss_curve[-1]


def test_a_function_that_is_not_finite_diverges_at_once(folder: Path) -> None:
    (run,) = train(RECIPE, parse("div(one(x),zero(x))"), [0], device="cpu", data_dir=folder)
    assert run.outcome == "diverged"
    assert run.validation_loss is None
    assert run.images_seen == RECIPE.batch_size


def test_functions_that_learn_train(folder: Path) -> None:
    (run,) = train(RECIPE, find_function("prelu"), [0], device="cpu", data_dir=folder)
    assert run.outcome == "ok"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer 'adamw' or 'muon'; gpt-tiny has 'sgd'"),
        ({"augmentation": "crop"}, "augmentation 'none'"),
        ({"sequence_length": None}, "has None and (32,)"),
        ({"widths": (32, 64)}, "has 16 and (32, 64)"),
        ({"widths": ()}, "has 16 and ()"),
        ({"batch_size": 641}, "batch_size from 1 to the 640"),
    ],
)
def test_what_would_not_be_followed_is_refused(
    folder: Path, changes: dict[str, Any], words: str
) -> None:
    recipe = dataclasses.replace(RECIPE, **changes)
    with pytest.raises(ValueError, match=re.escape(words)):
        train(recipe, parse("relu(x)"), [0], device="cpu", data_dir=folder)


@pytest.mark.parametrize(("table", "fidelity"), [("cnn", "full"), ("mlp", "full")])
@pytest.mark.parametrize(
    "changes", [{"optimizer": "muon"}, {"sequence_length": 8}, {"train_tokens": 8}]
)
def test_trainers_of_images_refuse_tokens(
    table: str, fidelity: str, changes: dict[str, Any]
) -> None:
    recipe = dataclasses.replace(
        find_recipe(table, fidelity), dtype="bfloat16" if table == "cnn" else "float64", **changes
    )
    with pytest.raises(ValueError, match=f"needs a recipe with {next(iter(changes))} "):
        train(recipe, parse("relu(x)"), [0])


def test_candidates_are_recipes_of_one_table() -> None:
    assert [recipe.fidelity for recipe in RECIPES] == ["proxy", "long", "full"]
    proxy, long, _ = RECIPES
    assert long.train_tokens == 10 * (proxy.train_tokens or 0)
    changed = dataclasses.replace(
        long,
        fidelity="proxy",
        train_tokens=proxy.train_tokens,
        warmup_epochs=proxy.warmup_epochs,
        evaluations_per_epoch=1,
    )
    assert changed == proxy


def network(function: str) -> tuple[GPT, FlatWeights]:
    activation = TabulatedActivation(tabulate(parse(function)))
    made = GPT(lambda: activation, vocabulary=40, length=32, layers=2, channels=32, previous=3)
    return made, FlatWeights(made)


@pytest.mark.parametrize("function", ["relu(x)", "zero(x)", "square(x)", "cosh(x)"])
def test_every_function_meets_mean_0_and_variance_1(function: str) -> None:
    made, weights = network(function)
    tokens = torch.randint(40, (64, 32), generator=torch.Generator().manual_seed(0))
    initialize(made, weights, 0, "data_dependent", tokens)
    met: list[torch.Tensor] = []
    for block in made.blocks:
        block.feed_forward.widen.register_forward_hook(lambda *call: met.append(call[2].float()))
    scores = made(tokens)
    assert len(met) == 2
    for response in met:
        assert response.mean((0, 1)).abs().max() < 0.02
        assert (response.var((0, 1)) - 1).abs().max() < 0.05
    # The layers that end in a shortcut are 0: no function has a say yet.
    torch.testing.assert_close(scores, network_scores(made, tokens))


def network_scores(made: GPT, tokens: torch.Tensor) -> torch.Tensor:
    return nn.functional.linear(made.norm(made.embed(tokens)), made.embedding.weight)


def test_initial_weights_are_those_of_the_seed() -> None:
    tokens = torch.zeros((1, 32), dtype=torch.int64)
    drawn = []
    for seed in (0, 0, 1):
        made, weights = network("relu(x)")
        initialize(made, weights, seed, "lecun", tokens)
        drawn.append(weights.master.clone())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert weights.master_of(made.embedding.weight).std() == pytest.approx(0.02, rel=0.05)
    widen = weights.master_of(made.blocks[0].feed_forward.widen.weight)
    assert widen.std() == pytest.approx(32**-0.5, rel=0.05)


def test_the_loss_of_sequences_is_that_of_their_tokens() -> None:
    scores = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(15).view(3, 5) % 7
    flat = training_loss(RECIPE, scores.flatten(0, 1), targets.flatten())
    assert training_loss(RECIPE, scores, targets) == flat


@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (48, 32)])
def test_orthogonal_keeps_singular_vectors_and_evens_values(shape: tuple[int, int]) -> None:
    random = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, *shape, generator=random)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    found = orthogonal(matrices)
    inner = left.mT @ found @ right.mT
    values = inner.diagonal(dim1=1, dim2=2)
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert (inner - torch.diag_embed(values)).abs().max() < 0.05
    assert torch.equal(orthogonal(torch.zeros(1, *shape)), torch.zeros(1, *shape))


def test_muon_steps_matrices_by_orthogonal_momentum_and_leaves_the_rest_to_adamw() -> None:
    recipe = dataclasses.replace(MUON, clip_norm=None, weight_decay=0.1)
    made, weights = network("relu(x)")
    other, plain = network("relu(x)")
    plain.master.copy_(weights.master)
    muon = Muon(recipe, weights)
    adamw = AdamW(dataclasses.replace(recipe, weight_decay=0.0), plain)
    random = torch.Generator().manual_seed(0)
    gradients = [torch.randn(weights.master.shape, generator=random) for _ in range(2)]
    name = "blocks.0.feed_forward.widen.weight"
    place = [each for each, _ in made.named_parameters()].index(name)
    expected = weights.master_views[place].clone()
    sizes = [view.numel() for view in weights.master_views]
    velocity = torch.zeros_like(expected)
    for gradient in gradients:
        slope = torch.split(gradient, sizes)[place].view_as(expected).clone()
        velocity = 0.95 * velocity + slope
        update = orthogonal((slope + 0.95 * velocity)[None])[0]
        expected = expected * (1 - 0.02 * 0.1) - 0.02 * 4**0.5 * update  # 128 rows, 32 columns
        adamw.step(gradient.clone(), 0.02 * 0.2)
        muon.step(gradient.clone(), 0.02)
    torch.testing.assert_close(weights.master_views[place], expected)
    linear = {
        f"{each}.weight" for each, module in made.named_modules() if isinstance(module, nn.Linear)
    }
    for (name, _), ours, theirs in zip(
        made.named_parameters(), weights.master_views, plain.master_views, strict=True
    ):
        assert torch.equal(ours, theirs) == (name not in linear), name
    assert torch.equal(weights.compute, weights.master.bfloat16())
    del other
