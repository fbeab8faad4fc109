"""The GPT: its parameters, what it may not see, and another implementation of the same network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regenerate.networks.gpt import GPT, attend

VOCABULARY, LENGTH = 98, 16


def network(activation: type[nn.Module] = nn.GELU, previous: int = 3) -> GPT:
    torch.manual_seed(0)
    made = GPT(
        activation,
        vocabulary=VOCABULARY,
        length=LENGTH,
        layers=2,
        channels=64,
        previous=previous,
    )
    for parameter in made.parameters():  # no norm and no position is left at a trivial value
        nn.init.normal_(parameter, std=0.3)
    return made.eval()


def tokens(n: int = 3) -> torch.Tensor:
    return torch.randint(VOCABULARY, (n, LENGTH), generator=torch.Generator().manual_seed(1))


def test_parameters() -> None:
    made = GPT(nn.GELU, vocabulary=98, length=64, layers=2, channels=96, previous=3)
    layer = 2 * 2 * 96 + 4 * 96 * 96 + 2 * 4 * 96 * 96 + 4 * 96
    total = 4 * 98 * 96 + 64 * 96 + 2 * layer + 2 * 96
    assert sum(each.numel() for each in made.parameters()) == total == 266_688


def test_a_score_depends_on_no_later_token() -> None:
    made, text = network(), tokens()
    changed = text.clone()
    changed[:, 10:] = (text[:, 10:] + 1) % VOCABULARY
    first, second = made(text), made(changed)
    assert torch.equal(first[:, :10], second[:, :10])
    assert not torch.isclose(first[:, 10], second[:, 10]).all()


def test_previous_tokens_are_embedded_where_they_are_known() -> None:
    made, text = network(), tokens(1)
    weights = [each.weight for each in made.previous]
    plain = made.embedding(text) + made.positions
    for place in range(LENGTH):
        expected = plain[0, place]
        for back, weight in enumerate(weights, start=1):
            if place >= back:
                expected = expected + weight[text[0, place - back]]
        torch.testing.assert_close(made.embed(text)[0, place], expected)
    torch.testing.assert_close(made.embed(text[:, :2]), made.embed(text)[:, :2])


def test_a_function_that_is_zero_leaves_attention_alone() -> None:
    class Zero(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x

    made, text = network(Zero), tokens()
    features = made.embed(text)
    for block in made.blocks:
        features = block.attended(features)
    scores = made.norm(features) @ made.embedding.weight.T
    torch.testing.assert_close(made(text), scores)


def test_attention_is_that_of_torch() -> None:
    random = torch.Generator().manual_seed(2)
    parts = [torch.randn(6, LENGTH, 32, generator=random, requires_grad=True) for _ in range(3)]
    ours = attend(*parts)
    other = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
    torch.testing.assert_close(ours, other)
    towards = torch.randn(ours.shape, generator=random)
    for first, second in zip(
        torch.autograd.grad(ours, parts, towards),
        torch.autograd.grad(other, parts, towards),
        strict=True,
    ):
        torch.testing.assert_close(first, second)


def test_channels_must_make_whole_heads() -> None:
    with pytest.raises(ValueError, match="multiples of 32, got 48"):
        GPT(nn.GELU, vocabulary=98, length=64, layers=2, channels=48)


def test_transformers_gpt2_with_the_same_weights_scores_the_same() -> None:
    transformers = pytest.importorskip("transformers")
    made = network()
    for embedding in made.previous:
        nn.init.zeros_(embedding.weight)
    settings = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=LENGTH,
        n_embd=64,
        n_layer=2,
        n_head=2,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    other = transformers.GPT2LMHeadModel(settings).eval()
    body = other.transformer
    pairs = [(body.wte.weight, made.embedding.weight), (body.wpe.weight, made.positions)]
    norms = [(body.ln_f, made.norm)]
    biases = []
    for theirs, ours in zip(body.h, made.blocks, strict=True):
        norms += [(theirs.ln_1, ours.norm_1), (theirs.ln_2, ours.norm_2)]
        pairs += [  # their layers keep weights transposed
            (theirs.attn.c_attn.weight, ours.attention.queries_keys_values.weight.T),
            (theirs.attn.c_proj.weight, ours.attention.out.weight.T),
            (theirs.mlp.c_fc.weight, ours.feed_forward.widen.weight.T),
            (theirs.mlp.c_fc.bias, ours.feed_forward.widen.bias),
            (theirs.mlp.c_proj.weight, ours.feed_forward.narrow.weight.T),
        ]
        biases += [theirs.attn.c_attn.bias, theirs.attn.c_proj.bias, theirs.mlp.c_proj.bias]
    for norm, own in norms:
        pairs += [(norm.weight, own.weight), (norm.bias, own.bias)]
    with torch.no_grad():
        for target, source in pairs:
            target.copy_(source)
        for bias in biases:
            bias.zero_()
        torch.testing.assert_close(made(tokens()), other(tokens()).logits, rtol=1e-4, atol=1e-4)
