"""Spectra cover every parameter or refuse, repeat, and leave the network as it was."""

# mypy: disable-error-code="assignment, index, misc"
# Networks are put together as users do it, in ways that types do not follow.

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.errors import ArgumentTypeError
from regenerate.fisher import FisherConvention, LayerSpectrum, fisher_spectrum
from regenerate.fisher.coverage import UnsupportedLayerError

CONVENTION = FisherConvention(table="mine", batch=(0, 6), dtype="float32")


class Output(NamedTuple):
    logits: Tensor


def spectrum(network: nn.Module, batch: Tensor | None = None) -> tuple[LayerSpectrum, ...]:
    return fisher_spectrum(network, rows() if batch is None else batch, CONVENTION)


def rows(*shape: int) -> Tensor:
    return torch.randn(6, *(shape or (4,)), generator=torch.Generator().manual_seed(1))


def made(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def equal(a: tuple[LayerSpectrum, ...], b: tuple[LayerSpectrum, ...]) -> bool:
    return [each.name for each in a] == [each.name for each in b] and all(
        np.array_equal(x.log_eigenvalues, y.log_eigenvalues) for x, y in zip(a, b, strict=True)
    )


class Around(nn.Module):
    """A linear layer before and after what a test is about."""

    def __init__(self, inner: nn.Module, call: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(4, 8), inner, nn.Linear(8, 3)
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.call(self.inner, self.first(x)))


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


class Scaled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class ScaledNorm(nn.LayerNorm):
    def __init__(self) -> None:
        super().__init__(8)
        self.extra = nn.Parameter(torch.ones(8))


def patched() -> nn.Linear:
    layer = nn.Linear(8, 8)
    layer.forward = lambda x: functional.linear(x, layer.weight) * 3
    return layer


def plain(inner: nn.Module, x: Tensor) -> Tensor:
    return inner(x)


def recurrent(inner: nn.Module, x: Tensor) -> Tensor:
    return inner(x[:, None])[0][:, 0]


REFUSED = {
    "Conv1d": (lambda: nn.Conv1d(1, 1, 3, padding=1), lambda m, x: m(x[:, None])[:, 0]),
    "Conv3d": (lambda: nn.Conv3d(8, 8, 1), lambda m, x: m(x[..., None, None, None]).flatten(1)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(8, 8, 1), lambda m, x: m(x[..., None])[..., 0]),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(8, 8, 1),
        lambda m, x: m(x[..., None, None]).flatten(1),
    ),
    "ConvTranspose3d": (
        lambda: nn.ConvTranspose3d(8, 8, 1),
        lambda m, x: m(x[..., None, None, None]).flatten(1),
    ),
    "RNN": (lambda: nn.RNN(8, 8, batch_first=True), recurrent),
    "LSTM": (lambda: nn.LSTM(8, 8, batch_first=True), recurrent),
    "GRU": (lambda: nn.GRU(8, 8, batch_first=True), recurrent),
    "GRUCell": (lambda: nn.GRUCell(8, 8), plain),
    "LSTMCell": (lambda: nn.LSTMCell(8, 8), lambda m, x: m(x)[0]),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True),
        lambda m, x: m(x[:, None], x[:, None], x[:, None])[0][:, 0],
    ),
    "inner.self_attn": (
        lambda: nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
        lambda m, x: m(x[:, None])[:, 0],
    ),
    "Bilinear": (lambda: nn.Bilinear(8, 8, 8), lambda m, x: m(x, x)),
    "EmbeddingBag": (
        lambda: nn.EmbeddingBag(3, 8),
        lambda m, x: x + m(torch.zeros(len(x), 1, dtype=torch.int64)),
    ),
    "Embedding": (
        lambda: nn.Embedding(3, 8),
        lambda m, x: x + m(torch.zeros(len(x), dtype=torch.int64)),
    ),
    "Bare": (Bare, plain),
    "ParameterList": (
        lambda: nn.ParameterList([nn.Parameter(torch.ones(8))]),
        lambda m, x: m[0] * x,
    ),
    "Scaled": (lambda: Scaled(8, 8), plain),
    "ScaledNorm": (ScaledNorm, lambda m, x: m(x) * m.extra),
    "forward of its own": (patched, plain),
    "original0": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        plain,
    ),
    "LazyLinear": (lambda: nn.LazyLinear(8), plain),
    "no part in the pass": (lambda: nn.Linear(8, 8), lambda m, x: x),
    "outside its layer": (
        lambda: nn.Linear(8, 8),
        lambda m, x: m(x) + functional.linear(x, m.weight),
    ),
    "inner.weight is used outside": (lambda: nn.Linear(8, 8), lambda m, x: m.forward(x)),
    "used twice": (lambda: nn.Linear(8, 8), lambda m, x: m(torch.tanh(m(x)))),
}


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("words", REFUSED)
@pytest.mark.parametrize("training", [True, False])
def test_what_has_no_block_is_refused_by_name(words: str, training: bool) -> None:
    make, call = REFUSED[words]
    network = made(lambda: Around(make(), call)).train(training)
    with pytest.raises(UnsupportedLayerError, match=words) as caught:
        spectrum(network)
    assert "inner" in str(caught.value)


def test_shared_parameters_are_refused_by_both_names() -> None:
    network = made(lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)))
    network[2].weight = network[0].weight
    with pytest.raises(
        UnsupportedLayerError, match=r"layer 2: its weight is shared with 0\.weight"
    ):
        spectrum(network)
    network[2].weight = nn.Parameter(network[0].weight.data)  # another object, the same numbers
    with pytest.raises(UnsupportedLayerError, match=r"shared with 0\.weight"):
        spectrum(network)


def test_bare_parameter_of_the_network_itself() -> None:
    class Token(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.last = nn.Parameter(torch.zeros(4)), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x + self.token)

    network = made(Token)
    with pytest.raises(UnsupportedLayerError, match=r"the network itself \(Token\).*token"):
        spectrum(network)
    network.token.requires_grad_(False)  # a constant needs no block
    assert [layer.name for layer in spectrum(network)] == ["last"]


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm1d(8), nn.LayerNorm(8), nn.GroupNorm(2, 8), nn.RMSNorm(8), nn.PReLU()],
    ids=lambda module: type(module).__name__,
)
def test_excluded_layers_pass_and_keep_their_state(norm: nn.Module) -> None:
    network = made(lambda: Around(norm, plain))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert [layer.name for layer in spectrum(network)] == ["first", "last"]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


RANDOM = {
    "dropout": (nn.Dropout(0.5), plain),
    "alpha dropout": (nn.AlphaDropout(0.5), plain),
    "rrelu": (nn.RReLU(), plain),
    "functional": (nn.Identity(), lambda m, x: functional.dropout(x, 0.5, training=m.training)),
    "noise": (nn.Identity(), lambda m, x: x + torch.randn_like(x)),
    "numpy": (nn.Identity(), lambda m, x: x * float(np.random.rand())),  # noqa: NPY002
    "python": (nn.Identity(), lambda m, x: x * random.random()),  # noqa: S311
}


@pytest.mark.parametrize("kind", RANDOM)
def test_spectra_repeat_and_leave_generators_alone(kind: str) -> None:
    inner, call = RANDOM[kind]
    network = made(lambda: Around(inner, call)).train()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first = spectrum(network)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
    torch.rand(7), random.random(), np.random.rand()  # noqa: NPY002, S311
    assert equal(first, spectrum(network))
    assert all(module.training for module in network.modules())
    if kind in ("dropout", "alpha dropout"):  # off: as without it
        assert equal(first, spectrum(made(lambda: Around(nn.Identity(), plain))))


IN_PLACE = {
    "relu": (lambda: nn.ReLU(inplace=True), nn.ReLU),
    "elu": (lambda: nn.ELU(inplace=True), nn.ELU),
    "silu": (lambda: nn.SiLU(inplace=True), nn.SiLU),
}


@pytest.mark.parametrize("kind", IN_PLACE)
@pytest.mark.parametrize("depth", [1, 2])
def test_in_place_activations_have_the_spectra_of_plain_ones(kind: str, depth: int) -> None:
    def network(activation: Callable[[], nn.Module]) -> nn.Module:
        hidden = [part for _ in range(depth) for part in (nn.Linear(4, 4), activation())]
        return nn.Sequential(*hidden, nn.Linear(4, 3))

    in_place, plain_one = (
        spectrum(made(lambda each=each: network(each))) for each in IN_PLACE[kind]
    )
    for a, b in zip(in_place, plain_one, strict=True):
        # The slope of ELU in place is computed from its value: another rounding.
        np.testing.assert_allclose(a.log_eigenvalues, b.log_eigenvalues, rtol=1e-5, atol=1e-5)


def test_inputs_that_are_changed_in_place_after_they_were_read() -> None:
    def late(inner: nn.Module, x: Tensor) -> Tensor:
        read = torch.tanh(x) * 2
        given = inner(read)
        read += 1
        return given

    def early(inner: nn.Module, x: Tensor) -> Tensor:
        return inner(torch.tanh(x) * 2)

    changed = spectrum(made(lambda: Around(nn.Linear(8, 8), late)))
    assert equal(changed, spectrum(made(lambda: Around(nn.Linear(8, 8), early))))


def test_the_batch_is_left_as_it_was() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x -= x.mean(0)
            return x

    batch = rows()
    before = batch.clone()
    spectrum(made(lambda: nn.Sequential(Centred(), nn.Linear(4, 3))), batch)
    assert torch.equal(batch, before)


def test_what_could_not_be_trained_is_an_error_of_the_network() -> None:
    network = made(lambda: Around(nn.Identity(), lambda m, x: torch.sigmoid(x).mul_(2)))
    with pytest.raises(UnsupportedLayerError, match="in place on what its gradients need"):
        spectrum(network)


def test_keyword_inputs_count_as_positional_ones() -> None:
    by_keyword = made(lambda: Around(nn.Linear(8, 8), lambda m, x: m(input=x)))
    assert equal(spectrum(by_keyword), spectrum(made(lambda: Around(nn.Linear(8, 8), plain))))


OUTPUTS = {
    "tuple": lambda scores: (scores, scores),
    "dict": lambda scores: {"logits": scores},
    "Output": Output,
    "NoneType": lambda scores: None,
    r"shape \(6, 1, 3\)": lambda scores: scores[:, None],
    r"shape \(3,\)": lambda scores: scores.mean(0),
}


@pytest.mark.parametrize("words", OUTPUTS)
def test_outputs_that_are_no_class_scores_are_refused(words: str) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> object:
            return OUTPUTS[words](self.last(x))

    with pytest.raises(UnsupportedLayerError, match=words):
        spectrum(made(Wrapped))


def test_detached_scores_and_networks_without_layers_are_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="no gradient leads"):
        spectrum(_Detached())
    with pytest.raises(UnsupportedLayerError, match="no layer with a block"):
        spectrum(nn.Sequential(nn.Tanh()))


class _Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x).detach()


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m(x[:, None].repeat(1, 2, 1).flatten(0, 1)).unflatten(0, (-1, 2)).mean(1),
        lambda m, x: m(x[None].repeat(2, 1, 1)).mean(0),
    ],
    ids=["images times tokens", "tokens first"],
)
def test_layers_must_read_one_row_for_each_image(call: Callable[..., Tensor]) -> None:
    with pytest.raises(UnsupportedLayerError, match="layer inner reads a tensor of shape"):
        spectrum(made(lambda: Around(nn.Linear(8, 8), call)))


def test_a_generator_of_the_network_s_own_is_put_back() -> None:
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()

    def noise(module: nn.Module, x: Tensor) -> Tensor:
        return module(x) + torch.rand(8, generator=generator)

    network = made(lambda: Around(nn.Identity(), noise))
    assert equal(spectrum(network), spectrum(network))
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda network: torch.compile(network, backend="eager"), "itself, network._orig_mod"),
        (nn.DataParallel, "itself, network.module"),
    ],
)
def test_a_wrapped_network_is_named(wrap: Callable[[nn.Module], nn.Module], said: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=said):
        spectrum(wrap(nn.Sequential(nn.Linear(4, 3))))


@pytest.mark.parametrize(
    "batch", [torch.empty(0, 4), torch.tensor(1.0), [[1.0] * 4], None, rows().double()]
)
def test_what_is_no_batch_of_the_network_is_refused(batch: Tensor) -> None:
    with pytest.raises(ArgumentTypeError, match=r"expected (a batch of )?images"):
        fisher_spectrum(nn.Linear(4, 3), batch, CONVENTION)
