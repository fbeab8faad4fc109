"""What enters activation functions: recorded at every place, and nothing else is changed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from act_bench import parse
from act_bench.functions.catalogue import find as find_function
from act_bench.tables.inputs.histograms import BINS, EDGES, Histogram, joined, share_between
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.activations.filled import fill
from regenerate.inputs.measured import measure
from regenerate.inputs.recorder import record
from regenerate.networks import build, build_learning
from regenerate.recipes import find


def test_histograms_count_as_numpy_does() -> None:
    values = np.random.default_rng(0).normal(0, 5, 10_000)
    found = Histogram.of(values)
    inner, _ = np.histogram(values, EDGES)
    assert found.counts[1:-1].tolist() == inner.tolist()
    assert found.counts[[0, -1]].tolist() == [(values < -12).sum(), (values >= 12).sum()]
    assert (found.mean, found.deviation) == pytest.approx((values.mean(), values.std()))
    parts = joined(Histogram.of(part) for part in np.split(values, 4))
    assert parts.counts.tolist() == found.counts.tolist()
    assert share_between(found.counts, -1.0, 2.0) == ((values >= -1) & (values < 2)).mean()
    assert joined([]).count == 0
    assert len(found.counts) == BINS


@pytest.mark.parametrize("name", ["all_cnn_c", "resnet56", "mobilevit_v2"])
def test_every_place_is_recorded_and_fused_kernels_compute_as_before(name: str) -> None:
    activation = TabulatedActivation(tabulate(parse("tanh(x)")))
    network = build(name, lambda: activation, width=0.125).bfloat16()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.float()
    images = torch.randn(2, 3, 32, 32).bfloat16().contiguous(memory_format=torch.channels_last)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = record(network, images)
    places = {"all_cnn_c": 8, "resnet56": 55, "mobilevit_v2": 25}[name]
    assert len(found) == places
    assert all(each.count > 0 for each in found)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not activation._forward_pre_hooks


def test_inputs_are_those_of_the_layer_before() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 5), fill(parse("div(x,expm1(x))")).to_torch())
    batch = torch.randn(7, 3)
    (found,) = record(network, batch)
    expected = Histogram.of(network[0](batch).detach().numpy())
    assert found.counts.tolist() == expected.counts.tolist()


def test_functions_that_learn_are_recorded() -> None:
    network = build_learning("all_cnn_c", find_function("swish_beta"), width=1 / 12)
    assert len(record(network, torch.zeros(1, 3, 32, 32))) == 8


def test_a_training_is_the_same_with_an_observer() -> None:
    from regenerate.training.dispatch import train

    short = dataclasses.replace(find("mlp", "full"), epochs=2)
    found = measure(short, parse("elu(x)"), 3)
    (plain,) = train(short, parse("elu(x)"), [3])
    assert found.run.validation_accuracy == plain.validation_accuracy
    first, last = (joined(found.moments[moment]) for moment in ("initialization", "trained"))
    assert last.deviation > first.deviation
    lost = measure(dataclasses.replace(short, learning_rate=1e6), parse("square(x)"))
    assert (lost.run.outcome, list(lost.moments)) == ("diverged", ["initialization"])
