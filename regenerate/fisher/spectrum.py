"""The Fisher spectrum of a network: the eigenvalues of its K-FAC blocks, on a log scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn

from act_bench.errors import ArgumentTypeError, excerpt
from regenerate.draws import uniform
from regenerate.fisher.capture import LayerPass, backward, forward, score_gradients
from regenerate.fisher.convention import FisherConvention, Labels
from regenerate.fisher.coverage import UnsupportedLayerError, weighted_layers
from regenerate.fisher.factors import (
    Factor,
    InvalidSpectrumError,
    gradient_factor,
    input_factor,
    largest_magnitude,
)
from regenerate.training.allocator import keep_freed_memory
from regenerate.training.threads import torch_threads

DTYPES: Final = {"float64": torch.float64, "float32": torch.float32}
SMALL: Final = 100_000
"""Networks of fewer weights are computed with one thread: waiting for a second costs more."""
LogEigenvalues: TypeAlias = NDArray[np.float64]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LayerSpectrum:
    """The eigenvalues of one layer's block.

    Attributes
    ----------
    name
        Name of the module in the network.
    log_eigenvalues
        (weights,) float32, ascending: one for each weight and bias, none below the floor.
    """

    name: str
    log_eigenvalues: NDArray[np.float32]

    @property
    def weights(self) -> int:
        """Weights and biases of the layer."""
        return len(self.log_eigenvalues)


def fisher_spectrum(
    network: nn.Module,
    images: Tensor,
    convention: FisherConvention,
    labels: Tensor | None = None,
) -> tuple[LayerSpectrum, ...]:
    """Return the log eigenvalues of the K-FAC blocks of a network, layer by layer.

    Parameters
    ----------
    network
        Maps a batch to class scores (images, classes). Linear layers and convolutions have blocks;
        normalizations and activation functions have none
        (:data:`regenerate.fisher.coverage.EXCLUDED`). Dropout is off and all else that is random is
        seeded.
    images
        The batch, of the network's dtype and on its device. ``channels_last`` is the fastest for
        convolutions.
    convention
        Label source, zero threshold, floor and the seed are taken from here; table, batch, dtype
        and initialization are the caller's affair.
    labels
        (images,) int64, the data set's labels; for the label source ``true``.

    Returns
    -------
    tuple of LayerSpectrum
        In the order in which the network uses its layers.

    Raises
    ------
    InvalidSpectrumError
        If a pass is not finite or a factor has no positive eigenvalue; the message says where.
    UnsupportedLayerError
        If the network has parameters of which the block is not known, and the message names the
        layer; or is wrapped, as by torch.compile.
    act_bench.errors.ArgumentTypeError
        If there are no images, or they have another dtype than the network.

    Examples
    --------
    >>> network = nn.Linear(2, 2)
    >>> _ = nn.init.zeros_(network.weight), nn.init.zeros_(network.bias)
    >>> convention = FisherConvention(table="mlp", batch=(0, 2))
    >>> (layer,) = fisher_spectrum(network, torch.eye(2), convention)
    >>> [round(float(value), 3) for value in layer.log_eigenvalues]
    [-100.0, -100.0, -100.0, -100.0, -1.386, -0.288]
    """
    _check_arguments(network, images)
    layers = weighted_layers(network, convention.excluded).values()
    weights = sum(layer.weight.numel() for layer in layers)
    if weights >= SMALL and images.device.type == "cpu":
        keep_freed_memory()
    with torch_threads(1 if weights < SMALL else torch.get_num_threads()):
        return _spectrum(network, images, convention, labels)


def _check_arguments(network: nn.Module, images: Tensor) -> None:
    """Refuse what no pass can be made with, or none that shows the layers."""
    wrapped = isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel)
    inner = "module" if wrapped else "_orig_mod"  # the latter of torch.compile
    if isinstance(getattr(network, inner, None), nn.Module):
        raise UnsupportedLayerError(
            f"{type(network).__name__} hides the layers of a network: give the network itself, "
            f"network.{inner}"
        )
    if not isinstance(images, Tensor) or not images.ndim or not len(images):
        raise ArgumentTypeError(
            f"expected a batch of images, a tensor with one in each row, got {excerpt(images)}"
        )
    dtypes = {each.dtype for each in network.parameters()}
    if images.is_floating_point() and dtypes and images.dtype not in dtypes:
        raise ArgumentTypeError(
            f"expected images of the network's dtype, {', '.join(sorted(map(str, dtypes)))}, got "
            f"{images.dtype}: convert the network or the images, as with network.float()"
        )


def _spectrum(
    network: nn.Module, images: Tensor, convention: FisherConvention, labels: Tensor | None
) -> tuple[LayerSpectrum, ...]:
    scores, passes = forward(network, images, seed=convention.seed, excluded=convention.excluded)
    magnitudes = []
    for each in passes:
        with _located(f"inputs of layer {each.name}"):
            magnitudes.append(largest_magnitude(each.inputs))
    with _located("class scores"):
        largest_magnitude(scores.detach())
    gradients = gradient_factors(scores, passes, convention, labels)

    def block(index: int) -> LayerSpectrum:
        each = passes[index]
        with _located(f"gradient factor of layer {each.name}"):
            g = gradients[index].log_eigenvalues(convention.zero)
        with _located(f"input factor of layer {each.name}"):
            a = input_factor(each.layer, each.inputs, magnitudes[index])
            logs = a.log_eigenvalues(convention.zero)
        return LayerSpectrum(each.name, pairwise_sums(logs, g, convention.floor))

    # The largest first, so that no thread is left with one of them at the end.
    order = sorted(range(len(passes)), key=lambda index: -passes[index].layer.weight.numel())
    blocks = dict(zip(order, _each_on_a_thread(block, order, images.device), strict=True))
    return tuple(blocks[index] for index in range(len(passes)))


def gradient_factors(
    scores: Tensor,
    passes: Sequence[LayerPass],
    convention: FisherConvention,
    labels: Tensor | None = None,
) -> list[Factor]:
    """Return the factor G of each layer, summed over the label source's gradients.

    Parameters
    ----------
    scores, passes
        As :func:`regenerate.fisher.capture.forward` gives them; the graph is freed.
    convention
        Its label source, and the seed of drawn labels.
    labels
        The data set's labels, for the label source ``true``.

    Raises
    ------
    InvalidSpectrumError
        If a gradient is not finite.
    """
    draws = None
    if convention.labels is Labels.PREDICTED_SAMPLE:
        draws = label_draws(scores, convention)
    at_scores = score_gradients(scores, convention.labels, true=labels, draws=draws)
    factors: list[Factor] = []
    for gradients in backward(scores, passes, at_scores):
        layers = list(zip(passes, gradients, strict=True))
        found = list(_each_on_a_thread(_gradient_factor, layers, scores.device))
        factors = [a + b for a, b in zip(factors, found, strict=True)] if factors else found
    return factors


def label_draws(scores: Tensor, convention: FisherConvention) -> Tensor:
    """Return the uniform numbers by which labels are drawn, the same for all functions.

    Parameters
    ----------
    scores
        (images, classes), or (images, tokens, classes).
    convention
        Its ``label_seed``.

    Returns
    -------
    Tensor
        (images,), or (images, tokens), float64 in [0, 1).
    """
    drawn = uniform(tuple(scores.shape[:-1]), convention.label_seed, "fisher labels")
    return torch.from_numpy(drawn / 2 + 0.5).to(scores.device)


def _gradient_factor(layer: tuple[LayerPass, Tensor]) -> Factor:
    each, gradient = layer
    with _located(f"gradients of layer {each.name}"):
        return gradient_factor(each.layer, gradient)


def pairwise_sums(a: LogEigenvalues, g: LogEigenvalues, floor: float) -> NDArray[np.float32]:
    """Return the log eigenvalues of Kronecker products, ascending, none below the floor.

    Parameters
    ----------
    a, g
        (blocks, n) and (blocks, m) logs of the factors' eigenvalues, minus infinity for zero.
    floor
        Least log.

    Returns
    -------
    ndarray
        (blocks x n x m,) float32.

    Examples
    --------
    >>> pairwise_sums(np.array([[0.0, 2.0]]), np.array([[1.0, -np.inf]]), -100.0).tolist()
    [-100.0, -100.0, 1.0, 3.0]
    """
    sums = a[:, :, None] + g[:, None, :]
    return np.sort(np.maximum(sums, floor).astype(np.float32).ravel())


@contextmanager
def _located(where: str) -> Iterator[None]:
    """Say in the reason of an invalid spectrum where it was found."""
    try:
        yield
    except InvalidSpectrumError as error:
        raise InvalidSpectrumError(f"{where}: {error}") from None


@cache
def _blas() -> ThreadpoolController:
    """Return what limits the threads of BLAS: to look for its libraries takes 5 ms, so once."""
    return ThreadpoolController()


def _each_on_a_thread(
    work: Callable[[Item], Result], items: Sequence[Item], device: torch.device
) -> Iterator[Result]:
    """Yield the work's results in order, on a CPU several at a time with one thread each.

    A symmetric eigenvalue solve or a product of patches gains little from a second thread, and two
    of them at once all.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        with _blas().limit(limits=threads, user_api="blas"):
            yield from map(work, items)
        return
    try:
        with (
            _blas().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            yield from pool.map(work, items)
    finally:
        torch.set_num_threads(threads)  # threads made from now on would begin with one
