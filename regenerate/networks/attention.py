"""The two parts of a transformer layer: attention among tokens, and what each token does alone."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

EXPANSION: Final = 4


class SelfAttention(nn.Module):
    """Multi-head self-attention (Dosovitskiy et al. 2020, arXiv 2010.11929, Appendix A).

    Parameters
    ----------
    channels_in, channels
        Of a token, before and after.
    heads
        Among which ``channels`` are divided.
    """

    def __init__(self, channels_in: int, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(channels_in, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return ``(n, tokens, channels)``.

        Parameters
        ----------
        tokens
            ``(n, tokens, channels_in)``.
        bias
            ``(heads, tokens, tokens)``, added to the scores before the softmax; None adds nothing.
        """
        n, length, _ = tokens.shape
        parts = self.queries_keys_values(tokens).view(n, length, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        result: Tensor = self.out(seen.transpose(1, 2).reshape(n, length, -1))
        return result


class FeedForward(nn.Module):
    """Two linear layers with f between them, to four times the channels and back."""

    def __init__(self, channels: int, activation: nn.Module) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, EXPANSION * channels)
        self.activation = activation
        self.narrow = nn.Linear(EXPANSION * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, tokens, channels)``."""
        result: Tensor = self.narrow(self.activation(self.widen(tokens)))
        return result
