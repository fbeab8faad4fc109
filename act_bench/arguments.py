"""What a number given as an argument may be: Python's, or what counts as the same elsewhere.

Seeds, epochs, seconds and settings come from NumPy arrays, data frames and tensors as often as from
a keyboard. Here they become plain numbers of Python, which can be compared, stored as JSON and told
from each other; what only looks like a number is refused in one wording.

Examples
--------
>>> import numpy as np
>>> whole_number(np.int64(3), "seed"), whole_number(3.0, "seed")
(3, 3)
>>> whole_number(True, "epochs", least=1)
Traceback (most recent call last):
    ...
act_bench.errors.ArgumentError: epochs must be a whole number, got True
"""

from __future__ import annotations

import ast
import dataclasses
import math
import operator
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from act_bench.errors import ArgumentError, excerpt


def whole_number(
    value: object, name: str, *, least: int | None = None, most: int | None = None
) -> int:
    """Return a whole number as an int of Python.

    Parameters
    ----------
    value
        An int, a float without a fraction, or the like of NumPy and torch.
    name
        Of the argument; it begins the message.
    least, most
        What it may be at least and at most.

    Raises
    ------
    ArgumentError
        It is a boolean, has a fraction, is no number, or is out of range; a ValueError.

    Examples
    --------
    >>> whole_number(2.5, "seed")
    Traceback (most recent call last):
        ...
    act_bench.errors.ArgumentError: seed must be a whole number, got 2.5
    >>> whole_number(0, "workers", least=1)
    Traceback (most recent call last):
        ...
    act_bench.errors.ArgumentError: workers must be at least 1, got 0
    """
    found: int | None = None
    if not _is_boolean(value):
        try:
            found = operator.index(value)  # type: ignore[arg-type]  # what has no index is asked
        except TypeError:
            if isinstance(value, Real) and math.isfinite(value) and float(value).is_integer():
                found = int(float(value))
    if found is None:
        raise ArgumentError(f"{name} must be a whole number, got {excerpt(value)}")
    _check_range(found, name, least, most)
    return found


def finite_number(
    value: object,
    name: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
) -> float:
    """Return a finite number as a float of Python.

    Parameters
    ----------
    value
        An int, a float, or the like of NumPy.
    name
        Of the argument; it begins the message.
    least, most
        What it may be at least and at most.
    above
        What it must exceed.

    Raises
    ------
    ArgumentError
        It is a boolean, infinite, NaN, no number, or out of range; a ValueError.

    Examples
    --------
    >>> finite_number(float("nan"), "eps")
    Traceback (most recent call last):
        ...
    act_bench.errors.ArgumentError: eps must be a finite number, got nan
    >>> finite_number(0, "seconds", above=0)
    Traceback (most recent call last):
        ...
    act_bench.errors.ArgumentError: seconds must be above 0, got 0.0
    """
    try:
        found = math.nan if _is_boolean(value) or isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ArgumentError(f"{name} must be a finite number, got {excerpt(value)}")
    _check_range(found, name, least, most)
    if above is not None and not found > above:
        raise ArgumentError(f"{name} must be above {above}, got {found}")
    return found


def whole_seeds(seeds: object, name: str = "seeds") -> tuple[int, ...]:
    """Return seeds as ints of Python: at least one, different, each at least 0.

    Parameters
    ----------
    seeds
        Any iterable; it is read once.
    name
        Of the argument; it begins the message.

    Raises
    ------
    ArgumentError
        They are no such seeds; a ValueError.

    Examples
    --------
    >>> import numpy as np
    >>> whole_seeds(np.arange(3))
    (0, 1, 2)
    """
    if not isinstance(seeds, Iterable) or isinstance(seeds, str | bytes):
        raise ArgumentError(f"{name} must be several whole numbers, got {excerpt(seeds)}")
    found = tuple(whole_number(seed, name) for seed in seeds)
    if not found or len(set(found)) != len(found) or min(found) < 0:
        raise ArgumentError(f"{name} must be different and at least 0, got {list(found)}")
    return found


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of an optimizer as values of JSON.

    Raises
    ------
    ArgumentError
        A value is none of bool, int, finite float, str and None, nor the like of NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> plain_settings({"neighbours": np.int64(3), "scale": np.float32(0.5), "all": np.True_})
    {'neighbours': 3, 'scale': 0.5, 'all': True}
    """
    return {str(name): _plain(value, str(name)) for name, value in settings.items()}


def plain_fields(record: Any) -> None:
    """Turn the numbers in the fields of a frozen dataclass into those of Python, in place.

    By the annotations: a field of ``int`` must be whole, one of ``float`` finite, one of
    ``Literal`` of its values, and one with ``| None`` may be None; ``tuple[int, ...]`` takes any
    iterable. An int in a field of ``float``
    stays one. To be called from ``__post_init__`` of a class in a module with postponed
    annotations.

    Raises
    ------
    ArgumentError
        A value is of another kind.
    """
    for field in dataclasses.fields(record):
        value, kind = getattr(record, field.name), str(field.type)
        if value is None and kind.endswith("| None"):
            continue
        match kind.removesuffix(" | None"):
            case "int":
                value = whole_number(value, field.name)
            case "float":
                as_float = finite_number(value, field.name)
                value = value if type(value) is int else as_float
            case "bool":
                if not _is_boolean(value):
                    raise ArgumentError(f"{field.name} must be True or False, got {excerpt(value)}")
                value = bool(value)
            case "tuple[int, ...]" | "tuple[int, int]":
                value = tuple(whole_number(each, field.name) for each in value)
            case literal if literal.startswith("Literal["):
                known = ast.literal_eval(f"({literal[len('Literal[') : -1]},)")
                if value not in known:
                    raise ArgumentError(
                        f"{field.name} must be one of {', '.join(map(str, known))}, got "
                        f"{excerpt(value)}"
                    )
            case _:
                continue
        object.__setattr__(record, field.name, value)


def _plain(value: object, name: str) -> bool | int | float | str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if _is_boolean(value):
        return bool(value)
    try:
        return whole_number(value, name) if not isinstance(value, float) else _float(value, name)
    except ArgumentError:
        if isinstance(value, Real):
            return _float(value, name)
        raise ArgumentError(
            f"the setting {name} must be a number, a text, True, False or None, so that a trace "
            f"can be saved; got {excerpt(value)}"
        ) from None


def _float(value: Real | float, name: str) -> float:
    return finite_number(value, f"the setting {name}")


def _is_boolean(value: object) -> bool:
    # NumPy's and torch's own are recognized by their dtypes, so that neither need be imported.
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) in ("bool", "torch.bool")


def _check_range(found: float, name: str, least: float | None, most: float | None) -> None:
    if least is not None and found < least:
        raise ArgumentError(f"{name} must be at least {least}, got {found}")
    if most is not None and found > most:
        raise ArgumentError(f"{name} must be at most {most:,}, got {found}")
