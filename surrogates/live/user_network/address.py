"""Find a user's function by its address: ``my_module:make_model`` or ``path/to/file.py:name``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from act_bench.errors import ActBenchError, ExitCode, did_you_mean


class AddressError(ActBenchError, ValueError):
    """An address at which there is no function; the message says what is wrong with it."""

    exit_code = ExitCode.USAGE


def load_function(address: str) -> Callable[..., Any]:
    """Return the function at an address.

    The folder of a file, or the working folder for a module, is put on ``sys.path``, so that worker
    processes find the function too.

    Raises
    ------
    AddressError
        There is no such module, file or function.

    Examples
    --------
    >>> load_function("json:dumps").__name__
    'dumps'
    """
    place, _, name = address.rpartition(":")
    if not place or not name:
        raise AddressError(f"expected my_module:function or file.py:function, got {address!r}")
    path = Path(place)
    if path.suffix == ".py":
        if not path.exists():
            raise AddressError(f"{address}: there is no file {path}")
        folder, module = path.resolve().parent, path.stem
    else:
        folder, module = Path.cwd(), place
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        imported = importlib.import_module(module)
        source = getattr(imported, "__file__", None)
        if path.suffix == ".py" and (source is None or Path(source).resolve() != path.resolve()):
            raise AddressError(
                f"{address}: another module has the name {module} already, "
                f"{source or 'built in'}; rename the file"
            )
    except AddressError:
        raise
    except ModuleNotFoundError as error:
        raise AddressError(f"{address}: no module {error.name}") from error
    except SyntaxError as error:
        raise AddressError(
            f"{address}: {error.filename or module}, line {error.lineno}: {error.msg}"
        ) from error
    except Exception as error:  # whatever the user's module does when it is imported
        raise AddressError(
            f"{address}: importing {module} ended in {type(error).__name__}: {error}"
        ) from error
    try:
        found = getattr(imported, name)
    except AttributeError as error:
        raise AddressError(
            f"{address}: {module} has no {name}; {did_you_mean(name, vars(imported))}".rstrip("; ")
        ) from error
    if not callable(found):
        raise AddressError(f"{address}: expected a function, got {found!r}")
    function: Callable[..., Any] = found
    return function
