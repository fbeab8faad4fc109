"""Stacked training of perceptrons: each replica as if alone, and divergence as an outcome."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from act_bench.functions.expression import parse
from regenerate import data, draws
from regenerate.networks import mlp
from regenerate.recipes import Recipe
from regenerate.runs.certificate import results
from regenerate.training.dispatch import DeviceError, train
from regenerate.training.schedule import learning_rate

TINY = Recipe(
    table="mlp",
    fidelity="tiny",
    network="mlp",
    dataset="digits",
    widths=(32, 16),  # multiples of 16, as published: see the test of stacks
    train_images=110,
    epochs=2,
    batch_size=50,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="linear",
    dtype="float64",
)


def by_hand(recipe, seed):
    """Train tanh by NumPy alone: forward, backward and SGD with momentum written out."""
    digits = data.load("digits")
    images = digits.train.images.reshape(-1, 64)[: recipe.train_images] / 8 - 1
    labels = digits.train.labels[: recipe.train_images]
    sizes = (64, *recipe.widths, 10)
    weights = [
        draws.uniform(shape, seed, f"weights {layer}") * np.sqrt(6 / shape[0])
        for layer, shape in enumerate(itertools.pairwise(sizes))
    ]
    biases = [np.zeros(size) for size in sizes[1:]]
    velocity = [np.zeros_like(p) for p in (*weights, *biases)]
    steps = recipe.train_images // recipe.batch_size

    def forward(inputs):
        layers = [inputs]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            layers.append(np.tanh(layers[-1] @ weight + bias))
        return layers, layers[-1] @ weights[-1] + biases[-1]

    for epoch in range(recipe.epochs):
        order = draws.permutation(len(labels), seed, f"epoch {epoch}")
        for step in range(steps):
            batch = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            layers, logits = forward(images[batch])
            delta = (np.exp(log_softmax(logits, 1)) - np.eye(10)[labels[batch]]) / len(batch)
            weight_slopes, bias_slopes = [], []
            for layer in reversed(range(len(weights))):
                weight_slopes.insert(0, layers[layer].T @ delta)
                bias_slopes.insert(0, delta.sum(0))
                delta = delta @ weights[layer].T * (1 - layers[layer] ** 2)
            slopes = [*weight_slopes, *bias_slopes]
            if recipe.clip_norm is not None:
                norm = math.sqrt(sum((slope**2).sum() for slope in slopes))
                slopes = [slope * min(1.0, recipe.clip_norm / norm) for slope in slopes]
            rate = recipe.learning_rate * (1 - (epoch + step / steps) / recipe.epochs)
            for parameter, speed, slope in zip((*weights, *biases), velocity, slopes, strict=True):
                speed *= recipe.momentum
                speed += slope
                parameter -= rate * speed
    validation = digits.validation
    logits = forward(validation.images.reshape(-1, 64) / 8 - 1)[1]
    loss = -log_softmax(logits, 1)[np.arange(len(validation)), validation.labels].mean()
    return loss, (logits.argmax(1) == validation.labels).mean()


@pytest.mark.parametrize(
    "changes", [{}, {"momentum": 0.9, "epochs": 3}, {"clip_norm": 0.5}], ids=str
)
def test_training_agrees_with_numpy(changes):
    recipe = dataclasses.replace(TINY, **changes)
    for run in train(recipe, parse("tanh(x)"), [4, 0]):
        loss, accuracy = by_hand(recipe, run.seed)
        assert run.outcome == "ok"
        assert run.validation_loss == pytest.approx(loss, rel=1e-10)
        assert run.validation_accuracy == pytest.approx(accuracy)


@pytest.mark.parametrize("text", ["relu(x)", "mul(erf(x),softplus(x))", "div(exp(x),cosh(x))"])
def test_a_replica_does_not_depend_on_the_stack(text):
    """To the last bit, if the widths are multiples of 16 (two AVX-512 vectors of float64).

    Else elements at the end of the stack go through torch's scalar code, which rounds differently.
    """
    stack = train(TINY, parse(text), range(10))
    for seeds in ([3], [9, 5, 0]):
        for run in train(TINY, parse(text), seeds):
            assert results(run) == results(stack[run.seed])
            assert run.validation_loss_curve == stack[run.seed].validation_loss_curve


def test_a_run_has_what_it_says():
    runs = train(TINY, parse("elu(x)"), [2, 7])
    for run, seed in zip(runs, [2, 7], strict=True):
        assert (run.expression, run.fidelity, run.seed) == ("elu(x)", "tiny", seed)
        assert run.images_seen == 2 * 2 * 50  # 110 images: two batches an epoch, the rest dropped
        for curve in (run.train_loss_curve, run.validation_loss_curve):
            assert len(curve) == 2
        assert run.validation_loss_curve[-1] == run.validation_loss
        assert run.validation_accuracy_curve[-1] == run.validation_accuracy
        assert 0.1 < run.train_accuracy <= 1
        assert run.test_loss != run.validation_loss
        assert run.recipe_sha == TINY.sha
        assert run.runtime_s > 0
    assert runs[0].validation_loss != runs[1].validation_loss


def test_a_diverged_replica_disturbs_no_other(monkeypatch):
    recipe = dataclasses.replace(TINY, clip_norm=0.5)
    alone = {run.seed: run for run in train(recipe, parse("swish(x)"), [0, 2])}
    uniform = draws.uniform
    monkeypatch.setattr(
        mlp,
        "uniform",
        lambda shape, seed, purpose: uniform(shape, seed, purpose) * (1e308 if seed == 1 else 1),
    )
    runs = train(recipe, parse("swish(x)"), [0, 1, 2])
    assert [run.outcome for run in runs] == ["ok", "diverged", "ok"]
    for seed in (0, 2):
        assert results(runs[seed]) == results(alone[seed])
        assert runs[seed].train_loss_curve == alone[seed].train_loss_curve


def test_divergence_is_an_outcome_and_ends_the_training():
    runs = train(TINY, parse("reciprocal(zero(x))"), [0, 1])
    for run in runs:
        assert run.outcome == "diverged"
        assert run.images_seen == 50  # the first step told
        metrics = dataclasses.asdict(run)
        assert all(metrics[f"{s}_accuracy"] is None for s in ("train", "validation", "test"))
        assert all(metrics[f"{s}_loss"] is None for s in ("train", "validation", "test"))
        assert run.validation_loss_curve == run.train_loss_curve == ()


def test_divergence_on_the_way_keeps_the_finished_epochs():
    recipe = dataclasses.replace(TINY, epochs=6, learning_rate=1.0, schedule="constant")
    runs = train(recipe, parse("square(x)"), range(10))
    diverged = [run for run in runs if run.outcome == "diverged"]
    assert diverged
    for run in diverged:
        finished = len(run.validation_loss_curve)
        assert finished < 6
        assert 100 * finished <= run.images_seen
        assert all(math.isfinite(loss) for loss in run.validation_loss_curve)
        assert all(math.isfinite(loss) for loss in run.train_loss_curve)


def test_constants_stay_at_chance():
    (run,) = train(TINY, parse("one(x)"), [0])
    assert run.outcome == "ok"
    assert run.validation_accuracy < 0.15


def test_adamw_and_float32_train_too():
    recipe = dataclasses.replace(TINY, optimizer="adamw", learning_rate=0.01, dtype="float32")
    (run,) = train(recipe, parse("relu(x)"), [0])
    assert run.validation_loss < run.validation_loss_curve[0] < math.log(10) * 1.2


def test_schedules():
    linear = dataclasses.replace(TINY, epochs=4, warmup_epochs=1.0)
    rates = [learning_rate(linear, epoch) for epoch in (0, 0.5, 1, 2.5, 4)]
    assert rates == pytest.approx([0, 0.05, 0.1, 0.05, 0])
    cosine = dataclasses.replace(TINY, schedule="cosine")
    assert [learning_rate(cosine, e) for e in (0, 1, 2)] == pytest.approx([0.1, 0.05, 0])
    constant = dataclasses.replace(TINY, schedule="constant")
    assert learning_rate(constant, 1.9) == 0.1


def test_initial_weights_have_the_variance_of_their_initialization():
    for initialization, gain in mlp.GAINS.items():
        network = mlp.StackedMLP((200, 100, 10), torch.tanh, [0, 1], initialization=initialization)
        assert network.weights[0].var().item() == pytest.approx(gain / 200, rel=0.02)
        assert not network.biases[0].any()


def test_threads_are_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(TINY, parse("relu(x)"), [0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_progress_goes_to_one():
    shares = []
    train(TINY, parse("relu(x)"), [0], progress=shares.append)
    assert shares == [0.5, 1.0]


def test_wrong_arguments_are_named():
    with pytest.raises(DeviceError, match="cpu only"):
        train(TINY, parse("relu(x)"), [0], device="cuda")
    with pytest.raises(ValueError, match=r"different.*\[1, 1\]"):
        train(TINY, parse("relu(x)"), [1, 1])
    with pytest.raises(ValueError, match="networks are mlp"):
        train(dataclasses.replace(TINY, network="rnn"), parse("relu(x)"), [0])
    with pytest.raises(ValueError, match="he, lecun"):
        train(
            dataclasses.replace(TINY, initialization="variance_preserving"), parse("relu(x)"), [0]
        )
    assert train(TINY, parse("relu(x)"), []) == []
