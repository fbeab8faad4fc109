"""A small GPT: a decoder of a few layers that predicts the next character.

Radford et al., *Language Models are Unsupervised Multitask Learners* (2019): causal attention and a
feed-forward part of four times the width, each after a norm and beside a shortcut (pre-norm), a
norm at the end, learned positions, and one matrix that embeds tokens and scores them (tied
weights). The activation function stands between the two layers of each feed-forward part.

Three things differ. The embeddings of a few previous tokens, each by a matrix of its own, are added
to that of each token: so short training does not measure when attention learns to look one token
back, which happens late and by chance. Only the first layer of a feed-forward part has a bias: with
``zero(x)`` for its function a feed-forward part then contributes nothing at all, and the network is
one of attention alone. And a head is always of `HEAD` channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from act_bench.errors import ArgumentError

HEAD: Final = 32
"""Channels of an attention head."""
EXPANSION: Final = 4

Make = Callable[[], nn.Module]
"""Makes the activation module for one place."""


class CausalAttention(nn.Module):
    """Each token attends to itself and those before it (Vaswani et al. 2017, arXiv 1706.03762)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries_keys_values = nn.Linear(channels, 3 * channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, length, channels)``."""
        n, length, channels = tokens.shape
        mixed = self.queries_keys_values(tokens).view(n, length, 3, channels // HEAD, HEAD)
        heads = attend(*mixed.permute(2, 0, 3, 1, 4).reshape(3, -1, length, HEAD).unbind(0))
        heads = heads.view(n, channels // HEAD, length, HEAD).transpose(1, 2)
        result: Tensor = self.out(heads.reshape(n, length, channels))
        return result


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return causal attention of ``(n, length, HEAD)`` each, on CPUs by products in batches.

    For short sequences in bfloat16 that takes a seventh of the time of torch's own function there,
    whose way back is slow.
    """
    if queries.device.type != "cpu":
        # Its fast kernels want four axes.
        return functional.scaled_dot_product_attention(
            queries[None], keys[None], values[None], is_causal=True
        )[0]
    length = queries.shape[1]
    hidden = queries.new_full((length, length), -torch.inf).triu(1)
    scores = torch.baddbmm(hidden, queries, keys.mT, alpha=HEAD**-0.5)
    return torch.bmm(scores.softmax(-1), values)


class FeedForward(nn.Module):
    """Two layers with f between them: to four times the channels, and back without a bias."""

    def __init__(self, channels: int, activation: Make) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, EXPANSION * channels)
        self.activation = activation()
        self.narrow = nn.Linear(EXPANSION * channels, channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, length, channels)``."""
        result: Tensor = self.narrow(self.activation(self.widen(tokens)))
        return result


class Block(nn.Module):
    """Attention and a feed-forward part, each after a norm and beside a shortcut."""

    def __init__(self, channels: int, activation: Make) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(channels)
        self.attention = CausalAttention(channels)
        self.norm_2 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, activation)

    def ends(self) -> tuple[nn.Linear, nn.Linear]:
        """Return the layers whose outputs are added to the shortcuts."""
        return self.attention.out, self.feed_forward.narrow

    def attended(self, tokens: Tensor) -> Tensor:
        """Return the tokens after the attention: what the feed-forward part is added to."""
        result: Tensor = tokens + self.attention(self.norm_1(tokens))
        return result

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, length, channels)``."""
        tokens = self.attended(tokens)
        result: Tensor = tokens + self.feed_forward(self.norm_2(tokens))
        return result


class GPT(nn.Module):
    """The network: tokens ``(n, length)`` int64 to scores ``(n, length, vocabulary)``.

    Parameters
    ----------
    activation
        Makes the module for each place at which an activation function stands: one per layer.
    vocabulary
        Number of different tokens.
    length
        Most tokens of a sequence.
    layers, channels
        How many layers, and the size of a token in them, a multiple of `HEAD`.
    previous
        To how many tokens before it each is told, by an embedding of its own.

    Raises
    ------
    ValueError
        If ``channels`` is no multiple of `HEAD`.

    Examples
    --------
    >>> network = GPT(nn.GELU, vocabulary=98, length=64, layers=2, channels=96, previous=3)
    >>> network(torch.zeros(5, 64, dtype=torch.int64)).shape
    torch.Size([5, 64, 98])
    """

    def __init__(
        self,
        activation: Make,
        *,
        vocabulary: int,
        length: int,
        layers: int,
        channels: int,
        previous: int = 0,
    ) -> None:
        super().__init__()
        if channels < HEAD or channels % HEAD:
            raise ArgumentError(f"expected channels in multiples of {HEAD}, got {channels}")
        self.embedding = nn.Embedding(vocabulary, channels)
        # As torch's own lists of modules, which do not say what is in them.
        self.previous: Sequence[nn.Embedding] = nn.ModuleList(  # type: ignore[assignment]
            nn.Embedding(vocabulary, channels) for _ in range(previous)
        )
        self.positions = nn.Parameter(torch.zeros(length, channels))
        self.blocks: Sequence[Block] = nn.ModuleList(  # type: ignore[assignment]
            Block(channels, activation) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return what the first block takes: ``(n, length, channels)``.

        Tokens before the first of a sequence are not known, and add nothing.
        """
        length = tokens.shape[1]
        embedded: Tensor = self.embedding(tokens) + self.positions[:length]
        for back, embedding in enumerate(self.previous, start=1):
            earlier = embedding(tokens[:, : max(0, length - back)])
            embedded = embedded + functional.pad(earlier, (0, 0, min(back, length), 0))
        return embedded

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores of the token that follows each."""
        features = self.embed(tokens)
        for block in self.blocks:
            features = block(features)
        return functional.linear(self.norm(features), self.embedding.weight)
