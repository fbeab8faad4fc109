"""K-FAC spectra against dense Fisher matrices, patches, and traces."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import linalg
from torch import Tensor, nn

from act_bench.functions.expression import parse
from regenerate.fisher import (
    FisherConvention,
    InvalidSpectrumError,
    Labels,
    LayerSpectrum,
    fisher_spectrum,
)
from regenerate.fisher.capture import forward, score_gradients
from regenerate.fisher.coverage import UnsupportedLayerError
from regenerate.fisher.factors import Factor, gradient_factor, input_factor
from regenerate.fisher.spectrum import gradient_factors, pairwise_sums


def convention(images: int, labels: Labels = Labels.PREDICTED) -> FisherConvention:
    return FisherConvention(table="test", batch=(0, images), labels=labels)


def seeded(network: nn.Module, seed: int = 0) -> Any:  # the same network
    generator = torch.Generator().manual_seed(seed)
    network = network.double()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data /= math.sqrt(max(1, parameter[0].numel()))
    return network


def images(*shape: int, seed: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def dense_fisher(network: nn.Module, batch: Tensor) -> dict[str, NDArray[np.float64]]:
    """The exact Fisher block of each layer: E over images and predicted labels of g g^T."""
    layers = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    blocks: dict[str, NDArray[np.float64]] = {}
    for image in batch:
        log_p = torch.log_softmax(network(image[None]), 1)[0]
        for name, layer in layers.items():
            for value in log_p:
                gradients = torch.autograd.grad(value, list(layer.parameters()), retain_graph=True)
                g = torch.cat([each.flatten() for each in gradients]).numpy()
                term = math.exp(value.item()) * np.outer(g, g) / len(batch)
                blocks[name] = blocks.get(name, 0.0) + term
    return blocks


def eigenvalues(layer: LayerSpectrum) -> NDArray[np.float64]:
    """Eigenvalues, with those at the floor as zero."""
    logs = layer.log_eigenvalues.astype(np.float64)
    return np.where(logs <= -100.0, 0.0, np.exp(logs))


def test_perceptron_of_one_image_is_exact() -> None:
    network = seeded(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    batch = images(1, 3)
    dense = dense_fisher(network, batch)
    for layer in fisher_spectrum(network, batch, convention(1)):
        expected = linalg.eigvalsh(dense[layer.name])
        np.testing.assert_allclose(eigenvalues(layer), expected, rtol=1e-6, atol=1e-12)
        assert (layer.log_eigenvalues > -100).any()


def test_linear_layer_with_one_constant_input_is_exact_for_a_batch() -> None:
    """A and G are independent if one of them does not vary: K-FAC's assumption holds."""
    network = seeded(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    network[0].weight.data.zero_()
    batch = images(5, 3)
    *_, last = fisher_spectrum(network, batch, convention(5))
    expected = linalg.eigvalsh(dense_fisher(network, batch)[last.name])
    np.testing.assert_allclose(eigenvalues(last), expected, rtol=1e-6, atol=1e-12)


def test_convolution_of_one_position_is_exact() -> None:
    network = seeded(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Tanh(), nn.Linear(3, 4)))
    batch = images(1, 2, 3, 3)
    dense = dense_fisher(network, batch)
    first, _ = fisher_spectrum(network, batch, convention(1))
    expected = linalg.eigvalsh(dense[first.name])
    np.testing.assert_allclose(eigenvalues(first), expected, rtol=1e-6, atol=1e-12)


def test_depthwise_convolution_of_one_position_is_exact_within_channels() -> None:
    network = seeded(
        nn.Sequential(nn.Conv2d(3, 3, 2, groups=3), nn.Flatten(), nn.Tanh(), nn.Linear(3, 4))
    )
    batch = images(1, 3, 2, 2)
    dense = dense_fisher(network, batch)["0"]
    first, _ = fisher_spectrum(network, batch, convention(1))
    expected = []
    for channel in range(3):  # weights (3, 1, 2, 2), then biases (3,)
        own = [*range(4 * channel, 4 * channel + 4), 12 + channel]
        expected += linalg.eigvalsh(dense[np.ix_(own, own)]).tolist()
    np.testing.assert_allclose(eigenvalues(first), np.sort(expected), rtol=1e-6, atol=1e-12)


class Patches(nn.Module):
    """Maps to tokens: the patches that a convolution reads."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        assert not isinstance(convolution.padding, str)
        self.unfold = nn.Unfold(
            convolution.kernel_size, padding=convolution.padding, stride=convolution.stride
        )

    def forward(self, maps: Tensor) -> Tensor:
        return self.unfold(maps).transpose(1, 2)


class Sum(nn.Module):
    """Tokens or maps to one vector an image; squared, so that gradients differ by position."""

    def forward(self, values: Tensor) -> Tensor:
        channels_last = values.movedim(1, -1).flatten(1, 2) if values.dim() == 4 else values
        return channels_last.square().sum(1)


@pytest.mark.parametrize(("stride", "padding", "bias"), [(1, 1, True), (2, 1, True), (1, 0, False)])
def test_convolution_is_a_linear_layer_on_patches(stride: int, padding: int, bias: bool) -> None:
    convolution = nn.Conv2d(2, 3, 3, stride, padding, bias=bias)
    network = seeded(nn.Sequential(convolution, Sum(), nn.Linear(3, 4)))
    linear = nn.Linear(18, 3, bias=bias).double()
    linear.weight.data = convolution.weight.data.flatten(1)
    if bias:
        linear.bias.data = convolution.bias.data
    on_patches = nn.Sequential(Patches(convolution), linear, Sum(), network[2])
    batch = images(4, 2, 7, 6)
    for a, b in zip(
        fisher_spectrum(network, batch, convention(4)),
        fisher_spectrum(on_patches, batch, convention(4)),
        strict=True,
    ):
        np.testing.assert_allclose(a.log_eigenvalues, b.log_eigenvalues, rtol=1e-5)


def test_factors_by_hooks_are_those_by_formula() -> None:
    """A two-layer perceptron, its factors written out from the definition."""
    network = seeded(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    batch, n = images(6, 3), 6
    scores, passes = forward(network, batch)
    found_a = [input_factor(each.layer, each.inputs).matrix[0].numpy() for each in passes]
    found_g = [each.matrix[0].numpy() for each in gradient_factors(scores, passes, convention(6))]

    first, last = network[0], network[2]
    x = batch.numpy()
    hidden = np.tanh(x @ first.weight.data.numpy().T + first.bias.data.numpy())
    z = hidden @ last.weight.data.numpy().T + last.bias.data.numpy()
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    hessian = np.einsum("ni,ij->nij", p, np.eye(3)) - np.einsum("ni,nj->nij", p, p)
    back = np.einsum("ci,ni->nci", last.weight.data.numpy(), 1 - hidden**2)
    ones = np.ones((n, 1))
    for inputs, found in zip((x, hidden), found_a, strict=True):
        a = np.hstack([inputs, ones])
        np.testing.assert_allclose(found, a.T @ a / n, rtol=1e-12)
    g_first = np.einsum("nci,ncd,ndj->ij", back, hessian, back) / n
    np.testing.assert_allclose(found_g[0], g_first, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(found_g[1], hessian.mean(0), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("labels", list(Labels))
def test_eigenvalues_sum_to_the_trace(labels: Labels) -> None:
    network = seeded(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),
            nn.Tanh(),
            nn.Conv2d(4, 5, 1, bias=False),
            nn.Flatten(),
            nn.Linear(45, 4),
        )
    )
    batch, true = images(8, 3, 6, 5), torch.arange(8) % 4
    spectrum = fisher_spectrum(network, batch, convention(8, labels), true)
    scores, passes = forward(network, batch)
    g = gradient_factors(scores, passes, convention(8, labels), true)
    for layer, each, gradients in zip(spectrum, passes, g, strict=True):
        assert layer.weights == sum(parameter.numel() for parameter in each.layer.parameters())
        if isinstance(each.layer, nn.Linear):
            squares, positions = each.inputs.square().sum(), 1
        else:
            # Squares of all patch entries: the squared map, through a kernel of ones.
            kernel = torch.ones_like(each.layer.weight)
            convolved = nn.functional.conv2d(
                each.inputs.square(),
                kernel,
                stride=each.layer.stride,
                padding=each.layer.padding,
                groups=each.layer.groups,
            )
            positions = convolved.shape[2] * convolved.shape[3]
            if each.layer.groups > 1:
                per_channel = convolved.sum((0, 2, 3)) / 8 + positions
                expected = (per_channel * gradients.matrix[:, 0, 0]).sum()
                assert eigenvalues(layer).sum() == pytest.approx(float(expected), rel=1e-5)
                continue
            squares = convolved[:, 0].sum()
        trace_a = squares / 8 + (positions if each.layer.bias is not None else 0)
        trace_g = gradients.matrix[0].trace() * math.exp(gradients.log_scale)
        assert eigenvalues(layer).sum() == pytest.approx(float(trace_a * trace_g), rel=1e-5)


def test_exact_expectation_is_the_mean_over_labels() -> None:
    """All labels drawn by hand, weighted by their probability."""
    scores = images(5, 4)
    p = torch.softmax(scores, 1)
    columns = torch.stack(list(score_gradients(scores, Labels.PREDICTED)))
    by_root = torch.einsum("cni,cnj->nij", columns, columns)
    by_hand = torch.zeros(5, 4, 4, dtype=torch.float64)
    for label in range(4):
        (g,) = score_gradients(scores, Labels.TRUE, true=torch.full((5,), label))
        by_hand += p[:, label, None, None] * g[:, :, None] * g[:, None, :]
    torch.testing.assert_close(by_root, by_hand)


def test_drawn_labels_have_the_predicted_frequencies() -> None:
    scores = torch.log(torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)).expand(1000, 3)
    draws = (torch.arange(1000) + 0.5).double() / 1000
    (g,) = score_gradients(scores, Labels.PREDICTED_SAMPLE, draws=draws)
    drawn = (g < 0).sum(0)
    assert drawn.tolist() == [200, 500, 300]


def test_labels_that_are_missing_are_asked_for() -> None:
    with pytest.raises(ValueError, match="need the data set's labels"):
        fisher_spectrum(seeded(nn.Linear(2, 2)), images(3, 2), convention(3, Labels.TRUE))


def test_negated_function_has_the_same_spectrum_under_symmetric_weights() -> None:
    """f -> -f with the sign taken into the next weights is the same network."""
    network = seeded(nn.Sequential(nn.Linear(3, 4), parse("elu(x)").to_torch(), nn.Linear(4, 3)))
    negated: Any = nn.Sequential(
        network[0], parse("negative(elu(x))").to_torch(), nn.Linear(4, 3).double()
    )
    negated[2].weight.data = -network[2].weight.data
    negated[2].bias.data = network[2].bias.data
    batch = images(6, 3)
    for a, b in zip(
        fisher_spectrum(network, batch, convention(6)),
        fisher_spectrum(negated, batch, convention(6)),
        strict=True,
    ):
        np.testing.assert_allclose(a.log_eigenvalues, b.log_eigenvalues, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing_and_are_given_back(threads: int) -> None:
    network = seeded(nn.Sequential(nn.Conv2d(2, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(128, 4)))
    batch, before = images(4, 2, 6, 6), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        spectrum = fisher_spectrum(network, batch, convention(4))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    again = fisher_spectrum(network, batch, convention(4))
    for a, b in zip(spectrum, again, strict=True):
        np.testing.assert_allclose(a.log_eigenvalues, b.log_eigenvalues, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("zero(x)", "gradient factor of layer 0: no positive eigenvalue"),
        ("log_sigmoid(x)", None),
        ("div(x,zero(x))", "inputs of layer 2: not finite"),
        ("pow(x,softplus(x))", "inputs of layer 2: not finite"),
    ],
)
def test_invalid_spectra_say_where(function: str, reason: str | None) -> None:
    network = seeded(nn.Sequential(nn.Linear(3, 4), parse(function).to_torch(), nn.Linear(4, 3)))
    if reason is None:
        fisher_spectrum(network, images(5, 3), convention(5))
        return
    with pytest.raises(InvalidSpectrumError, match=reason):
        fisher_spectrum(network, images(5, 3), convention(5))


def test_infinite_slope_is_found_in_the_backward_pass() -> None:
    class Kink(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sqrt(0 * x)  # the slope is inf * 0

    network = seeded(nn.Sequential(nn.Linear(3, 4), Kink(), nn.Linear(4, 3)))
    with pytest.raises(InvalidSpectrumError, match="gradients of layer 0: not finite"):
        fisher_spectrum(network, images(5, 3), convention(5))


def test_parameters_and_hooks_are_left_as_they_were() -> None:
    network = seeded(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)))
    fisher_spectrum(network, images(5, 3), convention(5))
    for parameter in network.parameters():
        assert parameter.requires_grad
        assert parameter.grad is None
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_layers_that_are_not_supported_are_named(layer: nn.Conv2d) -> None:
    with pytest.raises(UnsupportedLayerError, match="layer 0"):
        forward(nn.Sequential(layer), images(1, 4, 8, 8).float())


def test_layer_used_twice_is_refused() -> None:
    shared = nn.Linear(3, 3)
    with pytest.raises(UnsupportedLayerError, match="used twice"):
        forward(seeded(nn.Sequential(shared, nn.Tanh(), shared)), images(2, 3))


def test_huge_and_tiny_signals_stay_in_range() -> None:
    """Scaling what a layer reads by s multiplies its eigenvalues by s^2, which leave float32."""
    layer = nn.Linear(3, 3, bias=False)
    tokens = images(5, 3).float()
    plain = input_factor(layer, tokens).log_eigenvalues(64.0)
    for scale in (1e25, 1e-25):
        scaled = input_factor(layer, tokens * scale).log_eigenvalues(64.0)
        np.testing.assert_allclose(scaled, plain + 2 * math.log(scale), rtol=1e-4)
        both = gradient_factor(layer, tokens * scale) + gradient_factor(layer, tokens)
        largest = both.log_eigenvalues(64.0).max()
        assert largest == pytest.approx(plain.max() + 2 * max(0.0, math.log(scale)), rel=1e-4)


def test_rounding_of_zero_eigenvalues_is_zero() -> None:
    """Rank-deficient factors: as many zeros as the rank says, in both precisions."""
    rng = np.random.default_rng(7)
    for dtype in (torch.float32, torch.float64):
        for size, rank in ((10, 9), (65, 20), (300, 100)):
            x = torch.from_numpy(rng.normal(size=(rank, size)) + 0.5).to(dtype)
            logs = Factor((x.T @ x)[None]).log_eigenvalues(64.0)
            assert np.isneginf(logs).sum() == size - rank


def test_pairwise_sums_are_products_of_eigenvalues() -> None:
    rng = np.random.default_rng(3)
    a, g = (np.diag(rng.uniform(0.1, 3.0, size)) for size in (4, 3))
    found = pairwise_sums(np.log(np.diag(a))[None], np.log(np.diag(g))[None], -100.0)
    expected = np.log(linalg.eigvalsh(np.kron(a, g)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_source_of_labels_may_be_named_by_its_value() -> None:
    network, batch, labels = seeded(nn.Linear(3, 2)), images(4, 3), torch.tensor([0, 1, 1, 0])
    named: Any = "true"
    by_name, by_kind = convention(4, named), convention(4, Labels.TRUE)
    assert by_name == by_kind
    (first,), (second,) = (
        fisher_spectrum(network, batch, each, labels) for each in (by_name, by_kind)
    )
    assert np.array_equal(first.log_eigenvalues, second.log_eigenvalues)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"labels": "drawn"}, "labels must be one of predicted, predicted_sample, true"),
        ({"batch": (5, 2)}, "got 5 and 2"),
        ({"batch": (-1, 2)}, "got -1 and 2"),
        ({"dtype": "float16"}, "dtype must be one of float64, float32"),
    ],
)
def test_conventions_that_make_no_sense_are_refused(changed: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FisherConvention(**({"table": "mlp", "batch": (0, 64)} | changed))
