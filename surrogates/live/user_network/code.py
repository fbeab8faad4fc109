"""A digest of a user's code, so that stored runs are not taken for those of a changed network."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Final

_OURS: Final = frozenset({"act_bench", "regenerate", "surrogates"})
_LIBRARIES: Final = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
)
_PLAIN: Final = (bool, int, float, complex, str, bytes)


def code_behind(*functions: Callable[..., object]) -> str:
    """Return 12 hex digits that change with the code of functions.

    Code is that of the functions, of the functions and classes of the user's own that they use, and
    the values of constants. Comments and layout do not count. What has no source, such as a
    function typed at a prompt, counts by its name; libraries do not count.

    Examples
    --------
    >>> import json
    >>> code_behind(json.dumps) == code_behind(json.loads)  # of a library
    True
    """
    found: dict[str, str] = {}
    for function in functions:
        _collect(function, found)
    text = "\n".join(f"{name} = {found[name]}" for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _collect(used: object, found: dict[str, str]) -> None:
    """Add the code of a function, a class or the class of an object, and of what it uses."""
    while isinstance(used, partial):  # its arguments are in its name
        used = used.func
    if isinstance(used, MethodType):
        _collect(used.__self__, found)
        used = used.__func__
    if not isinstance(used, FunctionType | type):
        used = type(used)
    own = f"{used.__module__}.{used.__qualname__}"
    if own in found or _of_a_library(used):
        return
    tree = _tree(used)
    found[own] = "" if tree is None else ast.dump(tree)
    if tree is None:
        return
    for name, value in _named_in(tree, _names_known_to(used)):
        if isinstance(value, FunctionType | type):
            _collect(value, found)
        elif (written := _written(value)) is not None:
            found[f"{own}: {name}"] = written


def _written(value: object) -> str | None:
    """Return how a constant is written; None for what is none, or would be written by address."""
    if value is None or isinstance(value, _PLAIN):
        return repr(value)
    if not isinstance(value, tuple | list | dict | set | frozenset):
        return None
    parts = [_written(part) for part in value]
    if isinstance(value, dict):
        parts += [_written(part) for part in value.values()]
    known = [part for part in parts if part is not None]
    if isinstance(value, set | frozenset):  # in an order that changes from process to process
        known.sort()
    return f"{type(value).__name__}({', '.join(known)})" if len(known) == len(parts) else None


def _of_a_library(used: FunctionType | type) -> bool:
    if str(used.__module__).partition(".")[0] in _OURS:
        return True
    try:
        source = inspect.getsourcefile(used)
    except TypeError:  # built in
        return True
    return source is not None and any(
        Path(source).resolve().is_relative_to(library) for library in _LIBRARIES
    )


def _tree(used: FunctionType | type) -> ast.AST | None:
    """Return the syntax of a function or class; None where there is no source."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(used)))
    except (OSError, TypeError, SyntaxError):
        return None


def _names_known_to(used: FunctionType | type) -> Mapping[str, object]:
    """Return what the names in a function or class stand for."""
    known = dict(vars(sys.modules[used.__module__])) if used.__module__ in sys.modules else {}
    if isinstance(used, FunctionType):
        for name, cell in zip(used.__code__.co_freevars, used.__closure__ or (), strict=True):
            with suppress(ValueError):  # a cell that is empty yet
                known[name] = cell.cell_contents
    return known


def _named_in(tree: ast.AST, known: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the names in some code that are known, and what they stand for; ``module.name`` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in known:
            yield node.id, known[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = known.get(node.value.id)
            if isinstance(module, ModuleType):
                yield f"{node.value.id}.{node.attr}", getattr(module, node.attr, None)
