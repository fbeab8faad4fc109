"""Parts that survive a stop, their embedding, and the settings of the tables."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from act_bench.functions.expression import parse
from act_bench.tables.spectra import RESOLUTION, load_spectra, read_spectra
from builders.embedded import BuildError
from builders.fisher import build
from builders.fisher.build import build_parts, embed
from regenerate.fisher import FisherConvention, fisher_spectrum, networks
from regenerate.fisher.coverage import weighted_layers
from regenerate.fisher.features import fisher_feature
from regenerate.fisher.networks import BatchMismatchError, Setting, initialized, setting
from regenerate.networks import build as build_network
from regenerate.networks.all_cnn_c import AllCNNC
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import find

EXPRESSIONS = ("zero(x)", "tanh(x)", "relu(x)", "one(x)", "elu(x)", "div(x,zero(x))", "swish(x)")


@pytest.fixture(scope="module")
def mlp() -> Setting:
    return setting("mlp")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "PART", 3)


@pytest.mark.usefixtures("small_parts")
def test_stop_and_go_on_gives_the_same_bytes(mlp: Setting, tmp_path: Path) -> None:
    for name in ("whole", "stopped", "out-whole", "out-stopped"):
        (tmp_path / name).mkdir()
    assert list(build_parts(mlp, EXPRESSIONS, tmp_path / "whole")) == [
        (0, 7),
        (3, 7),
        (6, 7),
        (7, 7),
    ]
    stopped = build_parts(mlp, EXPRESSIONS, tmp_path / "stopped")
    assert [next(stopped), next(stopped)] == [(0, 7), (3, 7)]
    stopped.close()
    assert list(build_parts(mlp, EXPRESSIONS, tmp_path / "stopped")) == [(3, 7), (6, 7), (7, 7)]
    files = []
    for name in ("whole", "stopped"):
        embed(mlp.convention, len(EXPRESSIONS), tmp_path / name, tmp_path / f"out-{name}")
        files.append((tmp_path / f"out-{name}" / "mlp-fisher.parquet").read_bytes())
    assert files[0] == files[1]


@pytest.mark.usefixtures("small_parts")
def test_shards_share_the_work_and_embed_what_was_computed(mlp: Setting, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    assert list(build_parts(mlp, EXPRESSIONS, parts, (1, 2))) == [(0, 4), (3, 4), (4, 4)]
    with pytest.raises(BuildError, match="expected the entries 0 to 6"):
        embed(mlp.convention, len(EXPRESSIONS), parts, tmp_path)
    assert list(build_parts(mlp, EXPRESSIONS, parts, (2, 2))) == [(0, 3), (3, 3)]
    record = embed(mlp.convention, len(EXPRESSIONS), parts, tmp_path)["mlp-fisher.parquet"]
    assert record.rows == len(EXPRESSIONS)
    spectra = read_spectra(tmp_path / "mlp-fisher.parquet")
    assert spectra.valid.tolist() == [False, True, True, False, True, False, True]
    for entry, expression in enumerate(EXPRESSIONS):
        feature = fisher_feature(parse(expression), mlp)
        assert spectra.reason[entry] == feature.reason
        if feature.quantiles is not None:
            found = spectra.quantiles[entry]
            np.testing.assert_allclose(found, feature.quantiles, rtol=0, atol=RESOLUTION / 2)
            np.testing.assert_array_equal(found % RESOLUTION, 0)
            assert spectra.layers == feature.layers
    about = json.loads(pq.read_schema(tmp_path / "mlp-fisher.parquet").metadata[b"act_bench"])
    assert about["convention"]["labels"] == "predicted"
    assert about["convention_sha"] == mlp.convention.sha


def test_parts_of_another_convention_are_refused(mlp: Setting, tmp_path: Path) -> None:
    next(build_parts(mlp, EXPRESSIONS, tmp_path))
    other = dataclasses.replace(mlp, convention=dataclasses.replace(mlp.convention, seed=1))
    with pytest.raises(BuildError, match="another convention"):
        next(build_parts(other, EXPRESSIONS, tmp_path))


@pytest.mark.usefixtures("small_parts")
def test_damaged_parts_are_named_and_those_of_older_versions_are_read(
    mlp: Setting, tmp_path: Path
) -> None:
    few, parts = EXPRESSIONS[:3], tmp_path / "parts"
    list(build_parts(mlp, few, parts))
    (part,) = parts.glob("*.parquet")
    embed(mlp.convention, len(few), parts, tmp_path)
    whole = (tmp_path / "mlp-fisher.parquet").read_bytes()
    pq.write_table(pq.read_table(part).replace_schema_metadata(
        {b"layers": pq.read_schema(part).metadata[b"layers"]}
    ), part)  # fmt: skip
    embed(mlp.convention, len(few), parts, tmp_path)
    assert (tmp_path / "mlp-fisher.parquet").read_bytes() == whole
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(BuildError, match=rf"{part.name} is damaged.*delete it"):
        embed(mlp.convention, len(few), parts, tmp_path)


def test_other_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "fingerprint", lambda *_: "0" * 16)
    with pytest.raises(BatchMismatchError, match="these images give 0000000000000000"):
        setting("mlp")


def test_embedded_spectra_are_those_of_the_setting(mlp: Setting) -> None:
    """A sample is computed again; LAPACK may differ in the last digits of a small eigenvalue."""
    from act_bench.spaces.paper import load_space

    spectra, space = load_spectra("mlp"), load_space()
    for entry in (20, 213, 1200, 2400):
        feature = fisher_feature(parse(space.representatives[entry]), mlp)
        assert feature.valid == bool(spectra.valid[entry])
        if feature.quantiles is not None:
            np.testing.assert_allclose(feature.quantiles, spectra.quantiles[entry], atol=0.02)


def test_network_of_the_mlp_is_the_trained_one(mlp: Setting) -> None:
    recipe = find("mlp", "full")
    stacked = StackedMLP(
        (64, *recipe.widths, 10), torch.tanh, [0], initialization=recipe.initialization
    )
    network = mlp.network(parse("tanh(x)"))
    torch.testing.assert_close(network(mlp.images), stacked(mlp.images[None])[0])


def test_initial_weights_of_all_cnn_c_are_the_recipe_s() -> None:
    """Against weights and biases that are set layer by layer, as training does."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 32, 32, generator=generator, dtype=torch.float64)
    recipe = dataclasses.replace(find("cnn", "full"), width=1 / 16)
    made = initialized(recipe, parse("elu(x)"), seed=0).double()
    explicit = AllCNNC(parse("elu(x)").to_torch, width=1 / 16).double()
    features = images
    with torch.no_grad():
        convolution: Any
        for layer, (convolution, drawn) in enumerate(
            zip(explicit.convolutions, weighted_layers(made).values(), strict=True)
        ):
            convolution.weight.copy_(drawn.weight)
            convolution.bias.zero_()
            variance, mean = torch.var_mean(convolution(features), (0, 2, 3), correction=0)
            convolution.weight.div_(variance.sqrt()[:, None, None, None])
            convolution.bias.copy_(-mean / variance.sqrt())
            if layer < 8:
                features = explicit.activations[layer](convolution(features))
    convention = FisherConvention(table="cnn", batch=(0, 4))
    spectra = [fisher_spectrum(network, images, convention) for network in (made, explicit)]
    for a, b in zip(*spectra, strict=True):
        kept = (a.log_eigenvalues > -25) & (b.log_eigenvalues > -25)
        assert kept.any()
        np.testing.assert_allclose(a.log_eigenvalues[kept], b.log_eigenvalues[kept], atol=1e-3)


@pytest.mark.parametrize("name", ["resnet56", "mobilevit_v2"])
def test_statistics_of_the_batch_are_constants_to_the_gradients(name: str) -> None:
    """Against batch normalization in evaluation, its running statistics those of the batch."""
    recipe = dataclasses.replace(
        find("cnn", "full"), network=name, width=1 / 8, initialization="lecun"
    )
    made = initialized(recipe, parse("tanh(x)"), seed=0).double()
    running = build_network(name, parse("tanh(x)").to_torch, width=1 / 8).double()
    drawn = weighted_layers(made)
    for layer_name, layer in weighted_layers(running).items():
        layer.load_state_dict(drawn[layer_name].state_dict())
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 32, 32, generator=generator, dtype=torch.float64)

    def fill(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        variance, mean = torch.var_mean(inputs[0].detach(), (0, 2, 3), correction=0)
        module.running_mean, module.running_var = mean, variance

    for module in running.eval().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(fill)
    convention = FisherConvention(table="cnn", batch=(0, 4))
    spectra = [fisher_spectrum(network, images, convention) for network in (made, running)]
    for a, b in zip(*spectra, strict=True):
        assert a.name == b.name
        kept = (a.log_eigenvalues > -25) & (b.log_eigenvalues > -25)
        assert kept.any()
        np.testing.assert_allclose(a.log_eigenvalues[kept], b.log_eigenvalues[kept], atol=1e-3)


def test_statistics_of_a_map_in_one_pass_are_those_of_torch_in_float64() -> None:
    maps = torch.randn(5, 7, 6, 4, generator=torch.Generator().manual_seed(2)) / 4 + 30
    maps = maps.contiguous(memory_format=torch.channels_last)
    variance, mean = torch.var_mean(maps.double(), (0, 2, 3), correction=0)
    for found in (maps, maps.contiguous()):  # in a loop, and by torch in float32
        got = networks.mean_and_variance(found)
        assert all(each.dtype == torch.float32 for each in got)
        torch.testing.assert_close(got[0].double(), mean, rtol=1e-6, atol=0)
        torch.testing.assert_close(got[1].double(), variance, rtol=1e-4, atol=0)
    constant = networks.mean_and_variance(torch.full((2, 3, 1, 1), 7.0))
    assert [each.tolist() for each in constant] == [[7.0] * 3, [0.0] * 3]
    maps[0, 2] = float("inf")
    broken = networks.mean_and_variance(maps)
    assert [each.isfinite().tolist() for each in broken] == [[c != 2 for c in range(7)]] * 2
