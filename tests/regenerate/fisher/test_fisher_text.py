"""Fisher spectra of networks of text: every token has a label, embeddings are left out by name."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.functions.expression import parse
from act_bench.tables.registry import TABLES
from builders.fisher.build import build_parts, write
from regenerate.draws import uniform
from regenerate.fisher import FisherConvention, Labels
from regenerate.fisher.capture import forward, score_gradients
from regenerate.fisher.coverage import UnsupportedLayerError, weighted_layers
from regenerate.fisher.factors import Factor, input_factor
from regenerate.fisher.networks import Setting, initialized_gpt, setting
from regenerate.fisher.spectrum import gradient_factors
from regenerate.networks.gpt import GPT
from regenerate.recipes import find

with warnings.catch_warnings():
    # A package that it imports still scripts functions by torch.jit.
    warnings.simplefilter("ignore", DeprecationWarning)
    from curvlinops import KFACLinearOperator

VOCABULARY, LENGTH, SEQUENCES = 11, 6, 5
EXCLUDED = ("embedding", "positions", "previous")
CONVENTION = FisherConvention(
    table="gpt", labels=Labels.TRUE, batch=(0, SEQUENCES), excluded=EXCLUDED
)


@pytest.fixture(scope="module")
def network() -> GPT:
    random = torch.Generator().manual_seed(0)
    made = GPT(
        nn.Tanh, vocabulary=VOCABULARY, length=LENGTH, layers=1, channels=32, previous=1
    ).double()
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random, dtype=torch.float64) / 4
    return made


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    tokens = torch.randint(VOCABULARY, (SEQUENCES, LENGTH + 1), generator=random)
    return tokens[:, :-1], tokens[:, 1:]


def whole(factor: Factor) -> Tensor:
    (matrix,) = factor.matrix
    return matrix * math.exp(factor.log_scale)


def test_factors_are_those_of_autograd_sequence_by_sequence(
    network: GPT, batch: tuple[Tensor, Tensor]
) -> None:
    tokens, targets = batch
    scores, passes = forward(network, tokens, excluded=EXCLUDED)
    found = gradient_factors(scores, passes, CONVENTION, targets)
    assert [each.name.removeprefix("blocks.0.") for each in passes] == [
        "attention.queries_keys_values", "attention.out", "feed_forward.widen",
        "feed_forward.narrow",
    ]  # fmt: skip
    for step, gradient in zip(passes, found, strict=True):
        inputs, slopes = [], []
        for row, labels in zip(tokens, targets, strict=True):
            read: list[Tensor] = []
            given: list[Tensor] = []

            def keep(
                _: nn.Module, args: tuple[Tensor, ...], out: Tensor,
                read: list[Tensor] = read, given: list[Tensor] = given,
            ) -> None:  # fmt: skip
                read.append(args[0][0])
                given.append(out)

            handle = step.layer.register_forward_hook(keep)
            loss = functional.cross_entropy(network(row[None])[0], labels, reduction="sum")
            handle.remove()
            inputs += read
            slopes += [each[0] for each in torch.autograd.grad(loss, given)]
        ones = torch.ones(SEQUENCES, LENGTH, 1, dtype=torch.float64)
        a, g = torch.stack(inputs), torch.stack(slopes)
        if step.layer.bias is not None:
            a = torch.cat([a, ones], -1)
        expected = torch.einsum("nti,ntj->ij", a, a) / SEQUENCES
        torch.testing.assert_close(whole(input_factor(step.layer, step.inputs)), expected)
        expected = torch.einsum("nti,ntj->ij", g, g) / (SEQUENCES * LENGTH)
        torch.testing.assert_close(whole(gradient), expected)


class ClassesSecond(nn.Module):
    """Scores as the loss of torch wants them."""

    def __init__(self, network: GPT) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, vocabulary, length)``."""
        scores: Tensor = self.network(tokens)
        return scores.mT


def test_blocks_are_those_of_curvlinops_up_to_a_constant(
    network: GPT, batch: tuple[Tensor, Tensor]
) -> None:
    scores, passes = forward(network, batch[0], excluded=EXCLUDED)
    found = gradient_factors(scores, passes, CONVENTION, batch[1])
    for place in (1, 3):  # no biases: the order of the weights is that of the product
        layer, wrapped = passes[place].layer, ClassesSecond(network)
        operator = KFACLinearOperator(
            wrapped, nn.CrossEntropyLoss(), [layer.weight], [batch], fisher_type="empirical",
            kfac_approx="expand", separate_weight_and_bias=False, check_deterministic=False,
        )  # fmt: skip
        vector = torch.randn(
            layer.weight.numel(), generator=torch.Generator().manual_seed(2), dtype=torch.float64
        )
        a, g = whole(input_factor(layer, passes[place].inputs)), whole(found[place])
        ours = (g @ vector.view_as(layer.weight) @ a).flatten()
        theirs = (operator @ vector).flatten()
        torch.testing.assert_close(ours / ours.norm(), theirs / theirs.norm())


def test_embeddings_are_left_out_by_name_only(network: GPT) -> None:
    assert len(weighted_layers(network, EXCLUDED)) == 4
    with pytest.raises(UnsupportedLayerError, match=r"the network itself \(GPT\).*positions"):
        weighted_layers(network)
    with pytest.raises(UnsupportedLayerError, match=r"layer embedding \(Embedding\)"):
        weighted_layers(network, ["positions"])
    with pytest.raises(UnsupportedLayerError, match=r"got \['embed'\]"):
        weighted_layers(network, [*EXCLUDED, "embed"])


def test_every_token_has_a_label_of_its_own(network: GPT, batch: tuple[Tensor, Tensor]) -> None:
    scores, _ = forward(network, batch[0], excluded=EXCLUDED)
    with pytest.raises(ValueError, match="not for sequences"):
        next(score_gradients(scores, Labels.PREDICTED))
    draws = torch.from_numpy(uniform((SEQUENCES, LENGTH), 0, "fisher labels")) / 2 + 0.5
    (found,) = score_gradients(scores, Labels.PREDICTED_SAMPLE, draws=draws)
    assert found.shape == scores.shape
    for n in range(SEQUENCES):
        (alone,) = score_gradients(scores[n], Labels.PREDICTED_SAMPLE, draws=draws[n])
        assert torch.equal(found[n], alone)


def test_conventions_without_exclusions_have_the_name_that_they_had() -> None:
    plain = FisherConvention(table="mlp", batch=(0, 64))
    assert "excluded" not in json.loads(plain.canonical_json())
    assert json.loads(CONVENTION.canonical_json())["excluded"] == list(EXCLUDED)


@pytest.fixture(scope="module")
def gpt() -> Setting:
    return setting("gpt")


def test_the_network_of_the_table_reads_mean_0_and_variance_1(gpt: Setting) -> None:
    network = gpt.network(parse("exp(x)"))
    met: list[Tensor] = []
    assert isinstance(network, GPT)
    for block in network.blocks:
        block.feed_forward.activation.register_forward_pre_hook(
            lambda *call: met.append(call[1][0])
        )
    with torch.no_grad():
        network(gpt.images[:, :8])
    for each in met:
        assert each.mean((0, 1)).abs().max() < 1e-4
        assert (each.var((0, 1), correction=0) - 1).abs().max() < 1e-3
    same = initialized_gpt(find("gpt", "proxy"), parse("exp(x)"), 0, 98)
    for one, other in zip(network.parameters(), same.parameters(), strict=True):
        assert torch.equal(one, other)
    assert all(bool(end.weight.any()) for block in network.blocks for end in block.ends())


def test_spectra_of_the_table_are_built_and_say_what_they_leave_out(
    gpt: Setting, tmp_path: pytest.TempPathFactory
) -> None:
    texts = ["relu(x)", "zero(x)"]
    assert list(build_parts(gpt, texts, tmp_path / "parts"))[-1] == (2, 2)
    write(gpt.convention, 2, tmp_path / "parts", tmp_path / "gpt-fisher.parquet")
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "gpt-fisher.parquet")
    about = json.loads(next(iter(table.schema.metadata.values())))
    assert about["convention"]["excluded"] == list(EXCLUDED)
    assert len(about["layers"]) == TABLES["gpt"].spectrum_layers == 8
    assert table["fim_valid"].to_pylist() == [True, False]
    reason = table["fim_reason"][1].as_py()
    assert "blocks.0.feed_forward.widen: no positive eigenvalue" in reason
    values = np.array(table["fim_quantiles"][0].as_py())
    assert np.isfinite(values).all()
