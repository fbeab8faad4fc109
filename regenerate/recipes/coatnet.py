"""Recipes of no table: CoAtNet on Imagenette, as in Table 3 of the poster.

Neither the variant of the network nor its training is known. ``proxy`` is a study's: CoAtNet-0 at
a quarter of its channels on images of 64 pixels, for twice the epochs of the proxy of `vit`.
``full`` is the whole network at 160 pixels with the training of `vit` at ``full``.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from regenerate.recipes import vit

FULL: Final = dataclasses.replace(vit.FULL, table="coatnet", network="coatnet")

PROXY: Final = dataclasses.replace(
    vit.PROXY,
    table="coatnet",
    network="coatnet",
    width=0.25,
    image_size=64,
    learning_rate=2e-3,
    epochs=4,
    warmup_epochs=0.4,
)

RECIPES: Final = (PROXY, FULL)
