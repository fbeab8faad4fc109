"""The networks and batches that the tables' spectra are of.

Networks have their published width, whatever the width of a fidelity, and the initial weights that
the table's recipe gives them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from act_bench.tables.registry import TABLES, table_info
from act_bench.tables.schema import one_of
from regenerate import data
from regenerate.data import text
from regenerate.fisher import batches
from regenerate.fisher.batches import fingerprint
from regenerate.fisher.convention import FisherConvention, Labels
from regenerate.fisher.slopes import TrainedSlopes
from regenerate.fisher.spectrum import DTYPES
from regenerate.images.batches import load_splits, to_network
from regenerate.networks import IMAGE_NETWORKS, build
from regenerate.networks.gpt import GPT
from regenerate.networks.mlp import StackedMLP
from regenerate.recipes import Recipe, find
from regenerate.training.initialization import initial_weights
from regenerate.training.text.initialization import initial_weights as text_weights
from regenerate.training.text.trainer import cut

MLP_BATCH: Final = 599
"""All training images of the digits: the batch has no noise of its own."""
TEXT_BATCH: Final = 64
"""The first sequences of the training text, as training cuts it."""
IMAGE_BATCH: Final = 64
"""The first training images, in an order in which all classes are as frequent."""


@dataclass(frozen=True)
class Setting:
    """All that a table's spectra depend on except the function.

    Attributes
    ----------
    convention
        What the spectra are.
    network
        Makes the network with an activation function and its initial weights.
    images
        The batch, in the format of the network.
    labels
        (images,) int64, the data set's.
    """

    convention: FisherConvention
    network: Callable[[Expression | NamedFunction], nn.Module]
    images: Tensor
    labels: Tensor


class BatchMismatchError(data.DataMismatchError):
    """Images that are not those that the convention names."""


def setting(table: str, *, device: str = "cpu", data_dir: Path | None = None) -> Setting:
    """Return the setting of a table's spectra.

    Parameters
    ----------
    table
        A registered table whose network is an image network, the mlp or a registered one.
    device
        A torch device.
    data_dir
        Folder of the images, for data sets that do not come with a library. It is not looked at
        where an earlier call has kept the batch (`regenerate.fisher.batches`).

    Raises
    ------
    UnknownNameError
        If there is no such table, or it is not known how to make its network.
    DataNotFoundError
        If its images are not found.
    BatchMismatchError
        If they are others than those of the embedded spectra.

    Examples
    --------
    >>> found = setting("mlp")
    >>> found.images.shape, found.convention.labels.value
    (torch.Size([599, 64]), 'predicted')
    """
    recipe = find(table, table_info(table).fidelities[-1])
    if recipe.network in IMAGE_NETWORKS:
        return image_setting(recipe, device, data_dir)
    make = SETTINGS[one_of("network with Fisher spectra", recipe.network, SETTINGS)]
    return make(recipe, device, data_dir)


def register(network: str, make: Callable[[Recipe, str, Path | None], Setting]) -> None:
    """Say how the spectra of a network are made, for all tables that have it.

    Image networks that are registered in ``regenerate.networks`` need no word here.

    Parameters
    ----------
    network
        ``Recipe.network`` of the tables' recipes.
    make
        Returns the setting for a recipe, a torch device and a folder of images;
        :func:`perceptron` is one.
    """
    SETTINGS[network] = make


def perceptron(recipe: Recipe, device: str, data_dir: Path | None) -> Setting:
    """Return the setting of a multilayer perceptron with the recipe's ``widths``, in float64."""
    recipe = dataclasses.replace(recipe, dtype="float64")
    source = data.load(recipe.dataset, data_dir)
    convention = FisherConvention(
        table=recipe.table,
        labels=Labels.PREDICTED,
        batch=(0, min(MLP_BATCH, len(source.train))),
        initialization=recipe.initialization,
        dtype="float64",
    )
    dtype = DTYPES[convention.dtype]
    chosen = slice(*convention.batch)
    pixels = torch.from_numpy(source.train.images[chosen]).flatten(1).to(dtype)
    images = (pixels * (2.0 / source.largest_pixel) - 1.0).to(device)  # as in training
    labels = torch.from_numpy(source.train.labels[chosen]).to(device)
    widths = (images.shape[1], *recipe.widths, source.classes)

    def network(expression: Expression | NamedFunction) -> nn.Module:
        return unstacked_mlp(widths, expression, recipe, convention.seed).to(device)

    return Setting(_checked(convention, images, labels), network, images, labels)


def unstacked_mlp(
    widths: tuple[int, ...], expression: Expression | NamedFunction, recipe: Recipe, seed: int
) -> nn.Sequential:
    """Return the network of :class:`StackedMLP` with one seed, as layers of torch.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> network = unstacked_mlp((64, 32, 10), parse("tanh(x)"), find("mlp", "full"), seed=0)
    >>> [type(layer).__name__ for layer in network]
    ['Linear', 'TrainedSlopes', 'Linear']
    """
    activation = TrainedSlopes(expression)
    stacked = StackedMLP(
        widths,
        activation,
        [seed],
        initialization=recipe.initialization,
        dtype=DTYPES[recipe.dtype],
    )
    layers: list[nn.Module] = []
    parameters = zip(pairwise(widths), stacked.weights, stacked.biases, strict=True)
    for (inputs, outputs), weights, biases in parameters:
        layer = nn.Linear(inputs, outputs, dtype=DTYPES[recipe.dtype])
        layer.weight.data = weights.data[0].T.contiguous()
        layer.bias.data = biases.data[0, 0]
        layers += [layer, activation]
    return nn.Sequential(*layers[:-1])


def language_model(recipe: Recipe, device: str, data_dir: Path | None) -> Setting:
    """Return the setting of a small GPT, as the table's default fidelity trains it, in float32.

    Every token has a label. Embeddings are left out, and with them the scores' weights, which are
    tied to them. In training the layers that end in a shortcut begin at 0, where no gradient
    reaches any other layer: here they are drawn as all others (the convention says so).
    """
    recipe = find(recipe.table, table_info(recipe.table).default_fidelity)
    source = text.load(recipe.dataset, data_dir)
    sequences = cut(
        torch.from_numpy(source.train).to(device), recipe.sequence_length or 1, recipe.train_tokens
    )
    convention = FisherConvention(
        table=recipe.table,
        labels=Labels.PREDICTED_SAMPLE,
        batch=(0, min(TEXT_BATCH, len(sequences))),
        initialization=f"{recipe.initialization}, none at 0",
        dtype="float32",
        excluded=("embedding", "positions", *["previous"] * bool(recipe.previous_tokens)),
    )
    tokens, targets = sequences.read(slice(*convention.batch))

    def network(expression: Expression | NamedFunction) -> nn.Module:
        return initialized_gpt(recipe, expression, convention.seed, len(source.vocabulary)).to(
            device
        )

    return Setting(_checked(convention, tokens, targets), network, tokens, targets)


def initialized_gpt(
    recipe: Recipe, expression: Expression | NamedFunction, seed: int, vocabulary: int
) -> GPT:
    """Return a small GPT with the initial weights of a spectrum, see :func:`language_model`.

    Where training looks at data (``data_dependent``), a hook shifts and scales what the activation
    function reads over the batch of the spectrum, as :func:`initialized` does for images.
    """
    activation = TrainedSlopes(expression)
    network = GPT(
        lambda: activation,
        vocabulary=vocabulary,
        length=recipe.sequence_length or 1,
        layers=len(recipe.widths),
        channels=recipe.widths[0],
        previous=recipe.previous_tokens,
    )
    for parameter, values in text_weights(network, seed):
        parameter.data = values.to(parameter.dtype)
    if recipe.initialization == "data_dependent":
        for block in network.blocks:
            block.feed_forward.widen.register_forward_hook(_standardize_tokens)
    return network


def _standardize_tokens(module: nn.Module, inputs: tuple[Tensor, ...], response: Tensor) -> Tensor:
    del module, inputs
    variance, mean = torch.var_mean(response.detach().flatten(0, -2), 0, correction=0)
    rescale = torch.where(variance > 0, variance.rsqrt(), torch.ones_like(variance))
    return torch.addcmul(-mean * rescale, response, rescale)


def image_setting(recipe: Recipe, device: str = "cpu", data_dir: Path | None = None) -> Setting:
    """Return the setting of an image network at the recipe's width and image size.

    Parameters
    ----------
    recipe
        Of a table or of none.
    device, data_dir
        As for :func:`setting`.
    """
    convention = FisherConvention(
        table=recipe.table,
        labels=Labels.PREDICTED_SAMPLE,
        batch=(0, IMAGE_BATCH),
        initialization=recipe.initialization,
        dtype="float32",
    )
    batch = batches.kept(_known_batch(recipe.table) or "")
    if batch is None:
        train = load_splits(
            recipe.dataset,
            image_size=recipe.image_size,
            train_images=IMAGE_BATCH,
            device="cpu",
            data_dir=data_dir,
        ).train
        batch = to_network(train.images.to(DTYPES[convention.dtype])), train.labels
        batches.keep(*batch)
    images, labels = (each.to(device) for each in batch)

    def network(expression: Expression | NamedFunction) -> nn.Module:
        return initialized(recipe, expression, convention.seed).to(device)

    return Setting(_checked(convention, images, labels), network, images, labels)


def initialized(recipe: Recipe, expression: Expression | NamedFunction, seed: int) -> nn.Module:
    """Return an image network with its initial weights.

    Weights are those that training draws. Where it then measures means and variances over a batch,
    it is the batch of the spectrum here, in its dtype, and during the pass itself: for the
    initialization ``data_dependent`` (Salimans and Kingma 2016, arXiv 1602.07868, section 3; in
    training over 256 images, in bfloat16) a hook shifts and scales what a convolution gives as the
    weights and biases of the recipe would; batch normalization (Ioffe and Szegedy 2015, arXiv
    1502.03167) is at its initial values. Means and variances are constants to the gradients, so
    that an image's gradient is its own.

    Parameters
    ----------
    recipe
        Its network, width and initialization are taken.
    expression
        The activation function.
    seed
        Of the weights.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> network = initialized(find("cnn", "full"), parse("tanh(x)"), seed=0)
    >>> first = network.convolutions[0](torch.arange(3072.0).reshape(1, 3, 32, 32))
    >>> variance, mean = torch.var_mean(first, (0, 2, 3))
    >>> bool((mean.abs() < 1e-3).all() and ((variance - 1).abs() < 1e-2).all())
    True
    """
    network = build(recipe.network, lambda: TrainedSlopes(expression), width=recipe.width)
    for layer, drawn in initial_weights(network, expression, seed, recipe.initialization):
        weight = torch.from_numpy(drawn).to(layer.weight.dtype)
        if weight.ndim == 4:
            weight = weight.contiguous(memory_format=torch.channels_last)
        layer.weight.data = weight
        if layer.bias is not None:
            layer.bias.data.zero_()
        if recipe.initialization == "data_dependent":
            layer.register_forward_hook(_standardize)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, ConstantStatistics(child.eps))
    return network


class ConstantStatistics(nn.Module):
    """Batch normalization at its initial values, its mean and variance constants to gradients."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, features: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Return a map with mean 0 and variance 1 in every channel, and the shortcut added."""
        mean, variance = mean_and_variance(features.detach())
        normalized = _rescaled(features, mean, (variance + self.eps).rsqrt())
        return normalized if shortcut is None else normalized + shortcut


def _standardize(module: nn.Module, inputs: tuple[Tensor, ...], response: Tensor) -> Tensor:
    del module, inputs
    mean, variance = mean_and_variance(response.detach())
    # A constant channel (a constant function below) has no scale to set.
    rescale = torch.where(variance > 0, variance.rsqrt(), torch.ones_like(variance))
    return _rescaled(response, mean, rescale)


def mean_and_variance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of every channel, (channels,) each, over n and not n - 1."""
    pixels = features.permute(0, 2, 3, 1)
    one_pass = features.device.type == "cpu" and features.dtype == torch.float32
    if not (one_pass and pixels.is_contiguous()):
        variance, mean = torch.var_mean(features, (0, 2, 3), correction=0)
        return mean, variance
    from regenerate.fisher import loops_cpu

    found = np.empty((2, features.shape[1]))
    loops_cpu.mean_and_variance(pixels.flatten(0, 2).numpy(), found)
    mean, variance = torch.from_numpy(found).float()
    return mean, variance


def _rescaled(features: Tensor, mean: Tensor, rescale: Tensor) -> Tensor:
    shift = -mean * rescale
    return torch.addcmul(shift[:, None, None], features, rescale[:, None, None])


def _known_batch(table: str) -> str | None:
    """Return the fingerprint of the images of a table's embedded spectra; None without any."""
    return TABLES[table].spectrum_batch if table in TABLES else None


def _checked(convention: FisherConvention, images: Tensor, labels: Tensor) -> FisherConvention:
    """Return the convention with the batch's fingerprint, which must be the expected one."""
    got = fingerprint(images, labels)
    expected = _known_batch(convention.table) or got
    if got != expected:
        raise BatchMismatchError(
            f"the spectra of the table {convention.table} are over a batch with the fingerprint "
            f"{expected}, these images give {got}: another version of the data set"
        )
    return dataclasses.replace(convention, batch_fingerprint=got)


SETTINGS: Final[dict[str, Callable[[Recipe, str, Path | None], Setting]]] = {
    "mlp": perceptron,
    "gpt": language_model,
}
"""Network -> its setting for a recipe, on a device, with images from a folder."""
