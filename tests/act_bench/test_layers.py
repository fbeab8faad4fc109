"""A function in networks of others."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import act_bench
from act_bench.functions.catalogue import CATALOGUE
from act_bench.functions.expression import ParseError

torch = pytest.importorskip("torch")

TEXT = "max(relu(x),tanh(x))"


def test_a_layer_is_a_new_module_of_the_function() -> None:
    layer = act_bench.act_layer(TEXT)
    one, other = layer(inplace=True), layer()
    assert one is not other
    x = torch.linspace(-2, 2, 9)
    before = x.clone()
    np.testing.assert_allclose(one(x), act_bench.parse(TEXT).to_numpy()(x.numpy()), rtol=1e-6)
    assert torch.equal(x, before)
    again = pickle.loads(pickle.dumps(copy.deepcopy(layer)))  # noqa: S301 - our own
    assert str(again()) == str(one)


def test_what_is_learned_is_learned_per_layer() -> None:
    layer = act_bench.act_layer(CATALOGUE["prelu"])
    assert layer().parameter is not layer(inplace=True).parameter


def test_an_expression_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ParseError, match="relux"):
        act_bench.act_layer("relux(x)")
    with pytest.raises(TypeError, match=r"act_layer: expected an expression, or .* got 3"):
        act_bench.act_layer(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("resnet18", set()),
        # Its squeeze-and-excitation has a ReLU of its own, whatever the act_layer.
        ("mobilenetv3_small_050", {"ReLU"}),
        ("vit_tiny_patch16_224", set()),
    ],
)
def test_networks_of_timm_train_with_it(name: str, kept: set[str]) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model(name, act_layer=act_bench.act_layer(TEXT), num_classes=3)
    found = [type(module).__name__ for module in network.modules()]
    assert "ActivationModule" in found
    assert {"ReLU", "GELU", "Hardswish"}.intersection(found) == kept
    network(torch.randn(2, 3, 224, 224)).sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
