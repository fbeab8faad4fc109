"""Second moments of what layers read and of the gradients at what they give.

One tensor format holds throughout this package:

* maps are ``(images, channels, height, width)``, tokens ``(images, positions, features)``;
* a patch is ordered (kernel row, kernel column, channel), and the homogeneous coordinate of the
  bias comes last;
* moments are sums over images and positions, in float64 whatever the maps are in; whoever asks
  divides.
"""

from __future__ import annotations

from regenerate.fisher.moments.geometry import Axis, Geometry
from regenerate.fisher.moments.patches import (
    channel_moments,
    depthwise_moments,
    map_moment,
    patch_moment,
    token_moment,
)

__all__ = [
    "Axis",
    "Geometry",
    "channel_moments",
    "depthwise_moments",
    "map_moment",
    "patch_moment",
    "token_moment",
]
