"""CoAtNet-0: sizes, places, relative positions, and timm's network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regenerate.fisher.coverage import weighted_layers
from regenerate.networks import build
from regenerate.networks.coatnet import PARAMETERS, STAGES, CoAtNet
from regenerate.networks.relative_positions import RelativePositions


def test_parameters_and_places() -> None:
    made: list[nn.Module] = []

    def make() -> nn.Module:
        made.append(nn.GELU())
        return made[-1]

    network = CoAtNet(make)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS
    # The stem, two in each of 5 convolutional blocks, one in each of 7 transformer layers.
    assert len(made) == 1 + 2 * 5 + 7
    assert len(weighted_layers(network)) == 2 + 3 * 5 + 2 * 5 + 2 + 4 * 7 + 2 + 2


def test_relative_positions_depend_on_the_offset() -> None:
    positions = RelativePositions(2, 5)
    with torch.no_grad():
        positions.bias.copy_(torch.arange(float(len(positions.bias))))
    bias = positions(2, 3)
    table = positions.bias.view(9, 9, 2)
    for query in range(6):
        for key in range(6):
            down, right = query // 3 - key // 3, query % 3 - key % 3
            assert torch.equal(bias[:, query, key], table[4 + down, 4 + right])


def test_small_networks_have_whole_heads() -> None:
    network = build("coatnet", nn.Tanh, width=0.25, classes=7).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_equals_the_network_of_timm() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("coatnet_0_224", img_size=64, num_classes=10)
    ours = CoAtNet(nn.GELU)
    with torch.no_grad():
        for each in (*theirs.parameters(), *theirs.buffers()):
            if each.dim() == 1 and each.is_floating_point():  # a mistake there must show
                each.uniform_(0.5, 1.5)
    theirs_by_kind = [
        (name, value)
        for name, value in theirs.state_dict().items()
        if "relative_position" not in name
    ]
    tables = [v for name, v in theirs.state_dict().items() if name.endswith("bias_table")]
    state: dict[str, torch.Tensor] = {}
    given = iter(theirs_by_kind)
    for name, own in ours.state_dict().items():
        if name.endswith("positions.bias"):
            table = tables.pop(0)
            side = round(table.shape[0] ** 0.5)
            grid = 14 if table.shape[1] == STAGES[2].channels // 32 else 7
            whole = torch.zeros(2 * grid - 1, 2 * grid - 1, table.shape[1])
            first = (2 * grid - 1 - side) // 2
            whole[first : first + side, first : first + side] = table.view(side, side, -1)
            state[name] = whole.flatten()
            continue
        _, value = next(given)
        if "queries_keys_values" in name:  # theirs are ordered by head first
            heads = own.shape[0] // 96
            value = value.view(heads, 3, 32, -1).transpose(0, 1)
        state[name] = value.reshape(own.shape)
    assert next(given, None) is None
    ours.load_state_dict(state)
    images = torch.randn(2, 3, 64, 64)
    for mode in (False, True):
        with torch.no_grad():
            scores, expected = ours.train(mode)(images), theirs.train(mode)(images)
        torch.testing.assert_close(scores, expected, rtol=2e-4, atol=2e-4)
