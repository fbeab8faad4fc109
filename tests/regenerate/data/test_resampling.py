"""Area averages against a sum over sub-pixels, and their exactness."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regenerate.data.resampling import shrink


def by_hand(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Repeat every pixel so often that the new grid divides the picture; mean in fractions."""
    fine = image.astype(int).repeat(height, 0).repeat(width, 1)
    rows, columns = image.shape[:2]
    result = np.empty((height, width, image.shape[2]), dtype=np.uint8)
    for i in range(height):
        for j in range(width):
            block = fine[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            for c in range(image.shape[2]):
                mean = Fraction(int(block[:, :, c].sum()), rows * columns)
                result[i, j, c] = (mean + Fraction(1, 2)).__floor__()
    return result


@settings(max_examples=25)
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99)
)
def test_equals_the_mean_over_sub_pixels(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        shrink(image[None], height, width)[0], by_hand(image, height, width)
    )


@pytest.mark.parametrize(
    ("before", "after"), [((160, 213), 160), ((160, 160), 48), ((211, 197), 64)]
)
def test_extremes_do_not_leave_the_range(before: tuple[int, int], after: int) -> None:
    images = np.stack([np.full((*before, 3), level, dtype=np.uint8) for level in (0, 255)])
    shrunk = shrink(images, after)
    assert (shrunk[0] == 0).all()
    assert (shrunk[1] == 255).all()
    assert shrunk.shape == (2, after, after, 3)
