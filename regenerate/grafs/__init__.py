"""GRAFS: an activation function found by gradient descent over a cell of operators.

Strack, Safari and Hutter, *Efficient Search for Customized Activation Functions with Gradient
Descent* (2024, arXiv 2408.06820). docs/explanation/grafs.md says what differs here.

- ``operators``: the 23 unary and 9 binary operators, and the rule that bounds them.
- ``cell``: the cell, relaxed by Dirichlet samples, and its discretization into an expression.
- ``shrinking``: when operators are dropped.
- ``problem``: the network and the two parts of the training images.
- ``relaxed``: the bilevel search; ``settings``: its settings for each table.
- ``search``: all of it, then the training of what was found.
"""

from __future__ import annotations

from regenerate.grafs.relaxed import SearchFailedError
from regenerate.grafs.search import GrafsResult, search
from regenerate.grafs.settings import Settings

__all__ = ["GrafsResult", "SearchFailedError", "Settings", "search"]
