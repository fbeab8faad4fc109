"""Find an activation function for your own network: a model factory, data, and a search.

    python examples/your_network.py [FOLDER]

It takes some seconds. Run it again with the same folder: nothing is trained twice. The same search
from the command line:

    act-bench search --model examples/your_network.py:make_model \
        --data examples/your_network.py:load_data --epochs 4 --budget 6 --confirm 1x3
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import act_bench
from regenerate.data import load
from surrogates.live import Budget, Confirmation, search
from surrogates.live.user_network.network import OWN, network_problem


def make_model(activation: Callable[[], nn.Module]) -> nn.Module:
    """Return the network; ``activation()`` makes the module that is searched for."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        activation(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def load_data() -> list[tuple[Tensor, Tensor]]:
    """Return train, validation and test, each as inputs and labels."""
    digits = load("digits")
    return [
        (
            torch.from_numpy(split.images).permute(0, 3, 1, 2).float() / digits.largest_pixel,
            torch.from_numpy(split.labels),
        )
        for split in (digits.train, digits.validation, digits.test)
    ]


def main(folder: Path) -> None:
    """Search, and use what was found."""
    problem = network_problem(
        make_model, load_data, recipe=dataclasses.replace(OWN, epochs=4, learning_rate=3e-3)
    )
    found = search(problem, folder, method="knn", budget=Budget(6), confirmation=Confirmation(1, 3))
    for each in found.evaluated:
        print(f"{each.score:.4f}  {each.expression}")
    best, relu = found.confirmed
    print(f"best with fresh seeds: {best.validation.mean:.4f}, ReLU {relu.validation.mean:.4f}")
    function = act_bench.parse(found.best.expression)
    network = make_model(function.to_torch)
    print(f"a network with it has {sum(p.numel() for p in network.parameters()):,} weights")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()))
