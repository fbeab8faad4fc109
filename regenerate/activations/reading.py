"""What a text names, as a trainer takes it: expressions, named functions, and corrected ones."""

from __future__ import annotations

import re
from typing import Final

from act_bench.functions.catalogue import read
from act_bench.functions.corrected import correct
from regenerate.activations.learnable import Activation

_CORRECTED: Final = re.compile(r"eafo\((?P<function>.+);gaussian\)")


def read_activation(text: str) -> Activation:
    """Return the function that a run's ``expression`` names.

    Parameters
    ----------
    text
        What ``act_bench.functions.catalogue.read`` takes, or ``eafo(FUNCTION;gaussian)``: the
        function with its entropy correction for Gaussian inputs (Sun et al. 2024, Eq. 7), whose
        eps is learned. Corrections for measured densities are no function of their text alone.

    Raises
    ------
    act_bench.functions.expression.ParseError
        It is none of them.

    Examples
    --------
    >>> str(read_activation("gelu")), str(read_activation("eafo(relu(x);gaussian)"))
    ('gelu(x)', 'eafo(relu(x);gaussian)')
    """
    found = _CORRECTED.fullmatch(text)
    return read(text) if found is None else correct(read(found["function"]))
