"""The trainer of image networks, on a small made-up data set that a small network can learn."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from act_bench.functions.expression import parse
from regenerate import data, draws
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.images.batches import SHIFT, Pixels, batches, load_splits
from regenerate.networks import build
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.recipes import Recipe
from regenerate.recipes.rates import same_at_every_rate, with_rate
from regenerate.runs.certificate import results
from regenerate.training import image_trainer
from regenerate.training.flat_weights import AdamW, FlatWeights, make_optimizer
from regenerate.training.image_trainer import evaluate, train
from regenerate.training.initialization import initialize, second_moment
from tests.regenerate.stripes import striped, stripes

RECIPE = Recipe(
    table="cnn",
    fidelity="tiny",
    network="all_cnn_c",
    dataset="cifar10",
    epochs=2,
    batch_size=20,
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.9,
    nesterov=True,
    width=1 / 12,
    image_size=16,
    schedule="cosine",
    warmup_epochs=0.25,
    clip_norm=1.0,
    initialization="data_dependent",
    dtype="bfloat16",
    activation="tabulated",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder name under which ``data.load`` finds the stripes."""
    made = striped(400, 100, 100)

    def load(name: str, data_dir: Path | None = None) -> data.ImageData:
        assert (name, data_dir) == ("cifar10", tmp_path)
        return made

    monkeypatch.setattr(data, "load", load)
    return tmp_path


def splits_of(folder: Path, size: int | None = 16, count: int | None = None) -> Pixels:
    loaded = load_splits(
        "cifar10", image_size=size, train_images=count, device="cpu", data_dir=folder
    )
    return loaded.train


def test_training_learns_and_repeats(folder: Path) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=4)
    shares: list[float] = []
    first, other = train(recipe, parse("elu(x)"), [3, 4], data_dir=folder, progress=shares.append)
    again = train(recipe, parse("elu(x)"), [3], data_dir=folder)[0]
    assert dataclasses.replace(again, runtime_s=first.runtime_s) == first
    assert other.train_loss_curve != first.train_loss_curve
    assert first.outcome == "ok"
    assert first.train_loss_curve[-1] < 0.7 * first.train_loss_curve[0]
    assert first.validation_accuracy is not None
    assert first.validation_accuracy > 0.5
    assert first.validation_accuracy == first.validation_accuracy_curve[-1]
    assert first.images_seen == 4 * 400
    assert (first.recipe_sha, first.device, first.seed) == (recipe.sha, "cpu", 3)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("text", ["elu(x)", "exp(square(x))", "div(exp(x),sigmoid(x))"])
def test_evaluations_within_an_epoch_change_no_bit(folder: Path, text: str) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=2)
    often = dataclasses.replace(recipe, evaluations_per_epoch=3)
    (once,) = train(recipe, parse(text), [0], device="cpu", data_dir=folder)
    (run,) = train(often, parse(text), [0], device="cpu", data_dir=folder)
    assert results(run) == results(once)
    if run.outcome == "ok":
        looks = often.checkpoints(400)
        assert len(run.validation_accuracy_curve) == len(run.train_loss_curve) == len(looks) == 6
        assert looks[-1] == run.images_seen
        assert run.validation_accuracy_curve[2::3] == once.validation_accuracy_curve


@pytest.mark.parametrize("name", ["all_cnn_c", "resnet56"])
def test_an_evaluation_does_not_depend_on_how_many_images_pass_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    activation = TabulatedActivation(tabulate(parse("elu(x)")))
    network = build(name, lambda: activation, width=0.25)
    FlatWeights(network)
    images = torch.randn(730, 16, 16, 3).to(torch.bfloat16)
    pixels = Pixels(images, torch.randint(0, 10, (730,)))
    several = evaluate(RECIPE, network, pixels)
    monkeypatch.setattr(image_trainer, "CPU_PIXELS", 0)
    assert evaluate(RECIPE, network, pixels) == several, "to the last bit"


@pytest.mark.parametrize("text", ["div(one(x),zero(x))", "pow(negative(x),x)", "exp(exp(x))"])
@pytest.mark.parametrize("rate", [0.001, 0.4])
def test_what_diverges_at_once_is_the_same_at_every_rate(
    folder: Path, text: str, rate: float
) -> None:
    recipe = dataclasses.replace(RECIPE, warmup_epochs=0.25)
    (run,) = train(recipe, parse(text), [1], device="cpu", data_dir=folder)
    (other,) = train(with_rate(recipe, rate), parse(text), [1], device="cpu", data_dir=folder)
    assert other.recipe_sha != run.recipe_sha
    assert same_at_every_rate(recipe, run.outcome, run.images_seen)
    assert results(other) == results(run)


def test_all_cnn_c_trains_to_the_last_bit_as_written_down_here(folder: Path) -> None:
    """Runs that are published must come out again, whatever else the trainer learns to train."""
    activation = TabulatedActivation(tabulate(parse("elu(x)")))
    network = AllCNNC(lambda: activation, width=RECIPE.width)
    weights = FlatWeights(network)
    pixels = splits_of(folder)
    features = pixels.images[:256].permute(0, 3, 1, 2)
    for layer, convolution in enumerate(network.convolutions):
        weight, bias = weights.master_views[2 * layer : 2 * layer + 2]
        drawn = draws.uniform(tuple(weight.shape), 3, f"weights {layer}")
        weight.copy_(torch.from_numpy(drawn * math.sqrt(3 / weight[0].numel())))
        bias.zero_()
        weights.publish()
        with torch.no_grad():
            variance, mean = torch.var_mean(convolution(features).float(), (0, 2, 3), correction=0)
            weight.mul_(variance.rsqrt()[:, None, None, None])
            bias.copy_(-mean * variance.rsqrt())
            weights.publish()
            features = activation(convolution(features))
    velocity = torch.zeros_like(weights.master)
    curve, steps = [], len(pixels) // RECIPE.batch_size
    for epoch in range(RECIPE.epochs):
        order = draws.permutation(len(pixels), 3, f"epoch {epoch}")
        losses = []
        for step in range(steps):
            index = order[step * RECIPE.batch_size : (step + 1) * RECIPE.batch_size]
            scores = network(pixels.images[index].permute(0, 3, 1, 2)).float()
            loss = torch.nn.functional.cross_entropy(scores, pixels.labels[index])
            losses.append(loss.detach())
            time = epoch + step / steps
            rate = 0.05 * time / 0.25
            if time >= 0.25:
                rate = 0.05 * (0.5 * (1 + math.cos(math.pi * ((time - 0.25) / (2 - 0.25)))))
            gradient = weights.gradient(loss)
            gradient.mul_((1.0 / (gradient.norm() + 1e-12)).clamp(max=1.0))
            velocity.mul_(0.9).add_(gradient)
            weights.master.add_(gradient.add_(velocity, alpha=0.9), alpha=-rate)
            weights.publish()
        curve.append(float(torch.stack(losses).double().mean()))
    (run,) = train(RECIPE, parse("elu(x)"), [3], data_dir=folder)
    assert run.train_loss_curve == tuple(curve)


def test_a_function_that_overflows_diverges(folder: Path) -> None:
    run = train(RECIPE, parse("add(expm1(x),sinh(x))"), [0], data_dir=folder)[0]
    assert run.outcome == "diverged"
    assert (run.validation_accuracy, run.test_loss, run.train_loss_curve) == (None, None, ())
    assert run.images_seen % RECIPE.batch_size == 0
    assert RECIPE.batch_size <= run.images_seen <= 2 * 400


def test_a_constant_function_stays_at_chance(folder: Path) -> None:
    run = train(RECIPE, parse("mul(zero(x),one(x))"), [0], data_dir=folder)[0]
    assert run.outcome == "ok"
    assert run.validation_accuracy == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("field", "value"), [("dtype", "float32"), ("activation", "composed"), ("network", "mlp")]
)
def test_recipes_of_other_trainers_are_refused(folder: Path, field: str, value: str) -> None:
    recipe = dataclasses.replace(RECIPE, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{field}.*has '{value}'"):
        train(recipe, parse("elu(x)"), [0], data_dir=folder)


def test_images_are_normalized_and_averaged_over_blocks(folder: Path) -> None:
    full, small = splits_of(folder, None), splits_of(folder, 8)
    assert full.images.dtype == torch.bfloat16
    channels = full.images.double().reshape(-1, 3)
    np.testing.assert_allclose(channels.mean(0), 0, atol=2e-3)
    np.testing.assert_allclose(channels.std(0), 1, atol=2e-3)
    raw = stripes(400, 0).images.astype(float)
    mean, deviation = raw.reshape(-1, 3).mean(0), raw.reshape(-1, 3).std(0)
    block = (raw[7, 4:8, 8:12].mean((0, 1)) - mean) / deviation
    np.testing.assert_allclose(small.images[7, 1, 2].double(), block, rtol=2**-8, atol=1e-5)
    assert len(splits_of(folder, 8, 30)) == 30
    with pytest.raises(ValueError, match="divide the side of the images, 32; got 15"):
        splits_of(folder, 15)


def test_an_epoch_is_a_permutation(folder: Path) -> None:
    pixels = splits_of(folder, 8)
    numbered = Pixels(pixels.images, torch.arange(len(pixels)))

    def order(seed: int, epoch: int) -> list[int]:
        seen = []
        for images, labels in batches(numbered, 64, seed, epoch, "none"):
            assert torch.equal(images, pixels.images[labels].permute(0, 3, 1, 2))
            assert images.is_contiguous(memory_format=torch.channels_last)
            seen += labels.tolist()
        return seen

    assert len(set(order(0, 0))) == 384  # the incomplete batch of 16 is dropped
    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_augmentation_shifts_and_mirrors(folder: Path) -> None:
    pixels = splits_of(folder, 8)
    numbered = Pixels(pixels.images, torch.arange(len(pixels)))
    seen = set()
    for images, labels in batches(numbered, 50, 0, 0, "flip_shift"):
        for image, label in zip(images, labels.tolist(), strict=True):
            seen.add(displacement(pixels.images[label], image.permute(1, 2, 0)))
    assert {m for m, _, _ in seen} == {False, True}
    assert {d for _, d, _ in seen} == {r for _, _, r in seen} == set(range(-SHIFT, SHIFT + 1))
    with pytest.raises(ValueError, match="augmentation is one of none, flip_shift"):
        next(batches(numbered, 50, 0, 0, "cutout"))


def displacement(original: torch.Tensor, image: torch.Tensor) -> tuple[bool, int, int]:
    """Find by brute force how ``image`` was made."""
    padded = torch.nn.functional.pad(original, (0, 0, SHIFT, SHIFT, SHIFT, SHIFT))
    for down in range(-SHIFT, SHIFT + 1):
        for right in range(-SHIFT, SHIFT + 1):
            cut = padded[SHIFT + down :, SHIFT + right :][:8, :8]
            for mirrored in (False, True):
                if torch.equal(cut.flip(1) if mirrored else cut, image):
                    return mirrored, down, right
    raise AssertionError("not a shifted and mirrored copy of its original")


def built(text: str) -> tuple[AllCNNC, FlatWeights]:
    activation = TabulatedActivation(tabulate(parse(text)))
    network = AllCNNC(lambda: activation, width=1 / 6)
    return network, FlatWeights(network)


@pytest.mark.parametrize("text", ["relu(x)", "sigmoid(x)", "softplus(x)", "negative(x)"])
def test_data_dependent_initialization_standardizes_every_channel(text: str) -> None:
    network, weights = built(text)
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    images = images.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    responses: list[torch.Tensor] = []
    initialize(network, weights, parse(text), 0, "data_dependent", images)
    for convolution in network.convolutions:
        convolution.register_forward_hook(lambda *hook: responses.append(hook[2].float()))
    network(images)
    assert len(responses) == 9
    for response in responses:
        variance, mean = torch.var_mean(response, (0, 2, 3), correction=0)
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=0.05)
        torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("kind", "gain"),
    [("he", 2.0), ("lecun", 1.0), ("variance_preserving", 1 / second_moment(parse("tanh(x)")))],
)
def test_initial_variance_is_gain_over_fan_in(kind: str, gain: float) -> None:
    network, weights = built("tanh(x)")
    initialize(network, weights, parse("tanh(x)"), 5, kind, torch.zeros(1, 3, 16, 16))
    layer = weights.master_views[2 * 5]
    assert float(layer.var()) * layer[0].numel() == pytest.approx(gain, rel=0.05)
    assert not weights.master_views[2 * 5 + 1].any()
    before = weights.master.clone()
    initialize(network, weights, parse("tanh(x)"), 6, kind, torch.zeros(1, 3, 16, 16))
    assert not torch.equal(before, weights.master)
    initialize(network, weights, parse("tanh(x)"), 5, kind, torch.zeros(1, 3, 16, 16))
    assert torch.equal(before, weights.master)


def test_flat_weights_are_the_parameters() -> None:
    network, weights = built("tanh(x)")
    weights.master.copy_(torch.linspace(-1, 1, len(weights.master)))
    weights.publish()
    for view, parameter in zip(weights.master_views, network.parameters(), strict=True):
        assert torch.equal(view.to(torch.bfloat16), parameter)
        if parameter.dim() == 4:
            assert parameter.is_contiguous(memory_format=torch.channels_last)
    decayed = [p.numel() for p in network.parameters() if p.dim() > 1]
    assert int(weights.decayed.sum()) == sum(decayed)
    images = torch.randn(4, 3, 16, 16).to(torch.bfloat16)
    flat = weights.gradient(network(images).float().square().sum())
    network(images).float().square().sum().backward()
    weights.master.copy_(flat)
    for view, parameter in zip(weights.master_views, network.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(view, parameter.grad.float())


@pytest.mark.parametrize("kind", ["sgd", "nesterov", "adamw", "adamw as on a GPU"])
def test_optimizers_agree_with_torch(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdamW, "loop", kind == "adamw")
    layer = torch.nn.Conv2d(3, 4, 3)
    weights = FlatWeights(layer)
    random = torch.Generator().manual_seed(1)
    weights.master.copy_(torch.randn(len(weights.master), generator=random))
    recipe = dataclasses.replace(
        RECIPE,
        optimizer="adamw" if "adamw" in kind else "sgd",
        nesterov=kind == "nesterov",
        weight_decay=0.1,
        clip_norm=3.0,
    )
    weight, bias = (view.clone() for view in weights.master_views)
    weight, bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
    groups: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    expected: torch.optim.Optimizer
    if "adamw" in kind:
        expected = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.99), weight_decay=0.1)
    else:
        expected = torch.optim.SGD(
            groups, lr=0.02, momentum=0.9, nesterov=kind == "nesterov", weight_decay=0.1
        )
    optimizer = make_optimizer(recipe, weights)
    for step in range(4):
        gradient = torch.randn(len(weights.master), generator=random) * 10.0 ** (-step)
        kernel, bias_gradient = torch.split(gradient, [weight.numel(), 4])
        weight.grad = kernel.view(4, 3, 3, 3).permute(0, 3, 1, 2).clone()
        bias.grad = bias_gradient.clone()
        torch.nn.utils.clip_grad_norm_([weight, bias], 3.0)
        expected.step()
        optimizer.step(gradient, 0.02)
    torch.testing.assert_close(weights.master_views[0], weight.detach())
    torch.testing.assert_close(weights.master_views[1], bias.detach())
    assert torch.equal(layer.bias, bias.detach().to(torch.bfloat16))
