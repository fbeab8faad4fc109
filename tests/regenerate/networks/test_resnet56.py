"""ResNet-56 against counts and shapes of the paper; its training on a small made-up data set."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from act_bench.functions.catalogue import find as find_named
from act_bench.functions.expression import parse
from act_bench.tables.registry import TABLES
from regenerate import data
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.networks import build_learning
from regenerate.networks.resnet56 import PARAMETERS, ResNet56
from regenerate.recipes import RECIPES, Recipe, find
from regenerate.runs.certificate import Certificate, compare
from regenerate.training.dispatch import train
from regenerate.training.flat_weights import FlatWeights
from regenerate.training.initialization import initialize
from regenerate.training.schedule import learning_rate
from tests.regenerate.stripes import striped

TINY = Recipe(
    table="resnet",
    fidelity="tiny",
    network="resnet56",
    dataset="cifar10",
    epochs=2,
    batch_size=20,
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-4,
    width=1 / 4,
    image_size=8,
    schedule="cosine",
    clip_norm=1.0,
    initialization="he",
    dtype="bfloat16",
    activation="tabulated",
)


def test_parameters_by_the_formula_of_the_paper() -> None:
    n, kernel = 9, 3 * 3
    convolutions = kernel * 3 * 16  # the first
    norms = 2 * 16
    for before, after in ((16, 16), (16, 32), (32, 64)):
        convolutions += kernel * (before * after + (2 * n - 1) * after * after)
        norms += 2 * n * 2 * after
    linear = 64 * 10 + 10
    assert convolutions + norms + linear == PARAMETERS == 853_018  # "0.85M" in its Table 6
    network = ResNet56(nn.ReLU)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(nn.Conv2d) == 55
    assert kinds.count(nn.Conv2d) + kinds.count(nn.Linear) == 56 == TABLES["resnet"].spectrum_layers
    assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.ReLU) == 55


def test_maps_of_every_stage() -> None:
    seen: list[tuple[int, ...]] = []
    network = ResNet56(nn.ReLU)
    for block in network.blocks:
        block.register_forward_hook(lambda *hook: seen.append(tuple(hook[2].shape[1:])))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert seen == [(16, 32, 32)] * 9 + [(32, 16, 16)] * 9 + [(64, 8, 8)] * 9


@pytest.mark.parametrize("first", [9, 18])
def test_shortcuts_take_every_second_pixel_and_add_empty_channels(first: int) -> None:
    block = ResNet56(nn.Identity, width=1 / 4).blocks[first].eval()
    nn.init.zeros_(block.get_parameter("convolution_2.weight"))  # what is left is the shortcut
    channels = 4 if first == 9 else 8
    features = torch.randn(2, channels, 6, 6)
    passed = block(features)
    torch.testing.assert_close(passed[:, :channels], features[:, :, ::2, ::2])
    assert not passed[:, channels:].any()
    assert passed.shape == (2, 2 * channels, 3, 3)


def test_the_activation_stands_wherever_the_paper_has_a_relu() -> None:
    """Written down a second time, from the paper's Figure 2 and section 4.2."""
    torch.manual_seed(0)
    network = ResNet56(nn.Softplus, width=1 / 4)
    functional = nn.functional

    def reference(images: torch.Tensor) -> torch.Tensor:
        modules = iter([m for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)])

        def normalized(x: torch.Tensor, stride: int) -> torch.Tensor:
            x = functional.conv2d(x, next(modules).weight, None, stride, 1)
            norm = next(modules)
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            scaled = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
            return scaled * norm.weight[:, None, None] + norm.bias[:, None, None]

        x = functional.softplus(normalized(images, 1))
        for block in range(27):
            stride = 2 if block in (9, 18) else 1
            inner = functional.softplus(normalized(x, stride))
            total = normalized(inner, 1)
            total[:, : x.shape[1]] += x[:, :, ::stride, ::stride]
            x = functional.softplus(total)
        return functional.linear(x.mean((2, 3)), network.scores.weight, network.scores.bias)

    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(network(images), reference(images), rtol=1e-4, atol=1e-4)


def test_batch_norm_keeps_float32_in_the_master_vector() -> None:
    activation = TabulatedActivation(tabulate(parse("tanh(x)")))
    network = ResNet56(lambda: activation, width=1 / 8)
    weights = FlatWeights(network)
    initialize(network, weights, parse("tanh(x)"), 0, "he", torch.zeros(1, 3, 8, 8))
    norm = network.activation.norm
    assert norm.weight.dtype == torch.float32
    assert network.convolution.weight.dtype == torch.bfloat16
    weights.master.add_(1.0)
    assert norm.weight.eq(2.0).all()  # published without a copy
    assert torch.equal(weights.master_of(norm.weight), norm.weight)
    matrices = sum(p.numel() for p in network.parameters() if p.dim() > 1)
    assert int(weights.decayed.sum()) == matrices
    gradient = weights.gradient(network(torch.randn(4, 3, 8, 8).bfloat16()).float().sum())
    assert gradient.dtype == torch.float32
    assert gradient.shape == weights.master.shape


def test_data_dependent_weights_are_for_plain_stacks() -> None:
    network = ResNet56(nn.ReLU, width=1 / 8)
    weights = FlatWeights(network)
    with pytest.raises(ValueError, match=r"ResNet56 is none; .* use 'lecun' or 'he'"):
        initialize(network, weights, parse("relu(x)"), 0, "data_dependent", torch.zeros(1))


def test_a_learner_has_a_module_with_the_channels_of_each_place() -> None:
    network = build_learning("resnet56", find_named("prelu"), width=1 / 4, side=8)
    learned = [p for name, p in network.named_parameters() if "activation.parameter" in name]
    assert len(learned) == 55
    assert network.training
    assert all(norm.num_batches_tracked == 0 for norm in network.modules() if hasattr(norm, "eps"))


def test_the_full_recipe_is_the_papers() -> None:
    full = find("resnet", "full")
    steps = full.epochs * (45_000 // full.batch_size)
    assert steps == pytest.approx(64_000, rel=0.003)
    at = [learning_rate(full, share * full.epochs) for share in (0.0, 0.49, 0.51, 0.74, 0.76)]
    assert at == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_recipes_of_other_tables_are_what_their_runs_were_made_with() -> None:
    assert RECIPES["cnn", "proxy"].sha == "cd51d8b4e4f4"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder under which ``data.load`` finds the stripes."""
    made = striped(200, 100, 100, colored=True)
    monkeypatch.setattr(data, "load", lambda *_: made)
    return tmp_path


def test_training_learns_repeats_and_is_certified(folder: Path) -> None:
    first = train(TINY, parse("elu(x)"), [3], device="cpu", data_dir=folder)
    again = train(TINY, parse("elu(x)"), [3], device="cpu", data_dir=folder)
    (run,) = first
    assert run.outcome == "ok"
    assert run.train_loss_curve[1] < run.train_loss_curve[0]
    assert run.validation_accuracy is not None
    assert run.validation_accuracy > 0.15
    assert run.images_seen == 2 * 200
    comparison = compare(again, first)
    assert comparison.verdict == "exact"
    evidence = Certificate(
        expression="elu(x)",
        entry=None,
        recipe=TINY,
        retrained=tuple(again),
        record=tuple(first),
        comparison=comparison,
    )
    assert json.loads(json.dumps(evidence.to_dict()))["recipe"]["network"] == "resnet56"


def test_a_function_that_is_not_finite_diverges(folder: Path) -> None:
    (run,) = train(TINY, parse("reciprocal(zero(x))"), [0], device="cpu", data_dir=folder)
    assert (run.outcome, run.validation_accuracy, run.images_seen) == ("diverged", None, 20)


def test_the_command_trains_and_writes_a_certificate(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(TINY, fidelity="reduced", epochs=1, train_images=40)
    monkeypatch.setitem(RECIPES, ("resnet", "reduced"), recipe)
    certificate = folder / "certificate.json"
    command = importlib.import_module("act_bench.cli.regenerate").command
    arguments = ["relu(x)", "--table", "resnet", "--fidelity", "reduced", "--seeds", "1"]
    arguments += ["--device", "cpu", "--certificate", str(certificate), "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    evidence = json.loads(done.stdout)
    assert evidence == json.loads(certificate.read_text())
    assert (evidence["table"], evidence["recipe_sha"]) == ("resnet", recipe.sha)
    assert evidence["comparison"]["verdict"] == "no record"
    assert evidence["retrained"][0]["images_seen"] == 40


def test_a_learned_function_trains(folder: Path) -> None:
    recipe = dataclasses.replace(TINY, epochs=1, train_images=40)
    (run,) = train(recipe, find_named("swish_beta"), [0], device="cpu", data_dir=folder)
    assert (run.expression, run.outcome, run.images_seen) == ("swish_beta", "ok", 40)
