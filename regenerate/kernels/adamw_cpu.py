"""One step of AdamW on the CPU: one loop over moments and weights, and one that rounds.

As operations of torch a step is a dozen passes over vectors that no cache holds.
"""

from __future__ import annotations

import numpy as np

from regenerate.kernels.bfloat16_cpu import bits_at, float32_view, rounded
from regenerate.kernels.compiled import compiled


@compiled(
    "void(intp[::1], intp, intp, float32[::1])",
    error_model="numpy",  # a test for zero divisors would keep the loop from vectors too
)
def step(addresses, start, stop, how):  # type: ignore[no-untyped-def]
    """Update moments and weights in place, and round the weights to bfloat16.

    Parameters
    ----------
    addresses
        Of float32 vectors: gradient, which weights decay, first and second moment, weights; and of
        the bfloat16 copy of the weights.
    start, stop
        The part to update.
    how
        The factor of the gradient (clipping); shares of the old and the new in the first moment,
        and in the second; the factor that corrects the second; the floor under its root; the rate;
        the decay.
    """
    # Arrays of the part alone: of indices that could be negative no vectors are made.
    size, singles = stop - start, 4 * start
    gradient = float32_view(addresses[0] + singles, size)
    decayed = float32_view(addresses[1] + singles, size)
    first = float32_view(addresses[2] + singles, size)
    second = float32_view(addresses[3] + singles, size)
    master = float32_view(addresses[4] + singles, size)
    compute = bits_at(addresses[5] + 2 * start, size)
    scale, old, new, old_square, new_square, correction, floor, rate, decay = how
    for i in range(size):
        slope = gradient[i] * scale
        mean = old * first[i] + new * slope
        square = old_square * second[i] + new_square * slope * slope
        first[i], second[i] = mean, square
        weight = master[i] - decay * decayed[i] * master[i]
        master[i] = weight - rate * mean / (np.sqrt(square * correction) + floor)
    for i in range(size):
        compute[i] = rounded(master[i])
