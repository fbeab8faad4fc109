"""Tables of f and f' over all 65,536 bfloat16 inputs, rounded once from float64.

A bfloat16 number is the upper half of a float32 one: a sign, 8 bits of exponent, 7 of mantissa
(Wang and Kanwar 2019, *BFloat16: the secret to high performance on Cloud TPUs*). Composing
operators in bfloat16 rounds after every one; a table rounds once. Casting float64 to bfloat16 by
way of float32, as array libraries do, rounds twice and misses the nearest number in rare cases;
here float64 is rounded directly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_bench.functions.expression import Expression
from act_bench.functions.named import NamedFunction
from regenerate.activations.filled import Filled

CODES = 1 << 16
_QUIET_NAN = np.uint16(0x7FC0)


class Tables(NamedTuple):
    """Values and derivatives, as bfloat16 bit patterns in uint16 indexed by the input's pattern.

    Attributes
    ----------
    value
        (65,536,) uint16, f(x).
    slope
        (65,536,) uint16, f'(x).
    """

    value: NDArray[np.uint16]
    slope: NDArray[np.uint16]

    @property
    def packed(self) -> NDArray[np.uint32]:
        """(65,536,) uint32, ``value | slope << 16``: one look-up gives both."""
        return self.value.astype(np.uint32) | (self.slope.astype(np.uint32) << np.uint32(16))


def tabulate(expression: Expression | NamedFunction | Filled) -> Tables:
    """Compute f and f' in float64 for every bfloat16 input and round each once.

    Examples
    --------
    >>> from act_bench.functions.expression import parse
    >>> tables = tabulate(parse("square(x)"))
    >>> three = from_float64(np.array([3.0]))
    >>> to_float64(tables.value[three]), to_float64(tables.slope[three])
    (array([9.]), array([6.]))
    """
    inputs = to_float64(np.arange(CODES, dtype=np.uint16))
    with np.errstate(all="ignore"):  # reciprocal(0) and the like are outcomes, not mistakes
        value = expression.to_numpy()(inputs)
        slope = expression.derivative()(inputs)
    return Tables(from_float64(value), from_float64(slope))


def to_float64(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return the numbers that bfloat16 bit patterns stand for; exact.

    Examples
    --------
    >>> to_float64(np.array([0x3F80, 0xC000], dtype=np.uint16))
    array([ 1., -2.])
    """
    wide = (codes.astype(np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(invalid="ignore"):  # signalling NaNs become quiet ones
        return wide.astype(np.float64)


def from_float64(numbers: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Round float64 to the nearest bfloat16, ties to the even one, in a single rounding.

    Overflow gives infinities and NaN stays NaN; results below 2^-126 are rounded to the subnormal
    grid of 2^-133.

    Parameters
    ----------
    numbers
        Any shape.

    Returns
    -------
    The bit patterns, same shape, uint16.

    Examples
    --------
    >>> [hex(code) for code in from_float64(np.array([1.0, -0.0, np.inf, 1e39]))]
    ['0x3f80', '0x8000', '0x7f80', '0x7f80']

    A case that goes wrong by way of float32: the float32 nearest to this number is a tie.

    >>> hex(from_float64(np.array([1 + 2**-8 + 2**-40]))[0])
    '0x3f81'
    """
    numbers = np.asarray(numbers, dtype=np.float64)
    # Round to odd: cut to float32 and set its last bit if anything was cut off. The sticky bit
    # keeps the second rounding from seeing a tie that is none (Boldo and Melquiond 2008,
    # "Emulation of FMA and correctly rounded sums", IEEE Trans. Computers 57(4)).
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        nearest = numbers.astype(np.float32)
        back = nearest.astype(np.float64)
    bits = nearest.view(np.uint32)
    away = np.abs(back) > np.abs(numbers)  # the cast went away from zero: step back towards it
    bits = np.where(away, bits - np.uint32(1), bits)
    bits = np.where((back != numbers) & ~np.isnan(numbers), bits | np.uint32(1), bits)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + even) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(numbers), _QUIET_NAN, rounded)
