"""The root of all errors that Act-Bench raises on purpose, and what several of them share.

Each error carries the exit code that a command ends with when nothing handles it, so the command
line needs one handler and no list of classes. An error has a second, built-in base where callers
may rely on it: a :class:`~act_bench.functions.expression.ParseError` is a ValueError too.

Examples
--------
>>> from act_bench.functions.expression import parse
>>> try:
...     parse("relux(x)")
... except ActBenchError as error:
...     int(error.exit_code)
4
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import ClassVar, Final


class ExitCode(IntEnum):
    """What the exit code of a command says; 0 is success."""

    NO = 1
    """The answer is no: a verification failed, or there is no such thing."""
    USAGE = 2
    """Wrong usage: an argument that is not allowed."""
    DATA = 3
    """Data or packages are missing or damaged, or cannot be written."""
    EXPRESSION = 4
    """An expression that cannot be parsed or is not in the space."""
    INTERRUPTED = 130
    """Ended by Ctrl-C: 128 and the number of the signal."""


class ActBenchError(Exception):
    """An error that Act-Bench raises on purpose; its text is a sentence for the user.

    Attributes
    ----------
    exit_code
        What a command ends with.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.NO

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, and OSError expects a number; a sentence is
        # readable as it is, whatever the second base.
        return Exception.__str__(self)


class ArgumentError(ActBenchError, ValueError):
    """An argument or a setting with a value that is not allowed."""

    exit_code = ExitCode.USAGE


class ArgumentTypeError(ActBenchError, TypeError):
    """An argument of a type that is not allowed."""

    exit_code = ExitCode.USAGE


class MissingExtraError(ActBenchError, ImportError):
    """An optional package that is not installed; the message has the command that installs it.

    It is raised by whatever needs the package, and by importing a module of ours that imports it.
    """

    exit_code = ExitCode.DATA
    by_import: bool = False
    """Whether an import of ours raised it, which does not know what for."""


class ArchiveError(ActBenchError, ImportError):
    """The package lies in a zip archive, from which it cannot read its data."""

    exit_code = ExitCode.DATA


EXTRAS: Final = {
    "PIL": "regenerate",
    "datasets": "hub",
    "huggingface_hub": "hub",
    "jax": "jax",
    "jaxlib": "jax",
    "matplotlib": "plots",
    "numba": "regenerate",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "optuna": "optuna",
    "ray": "ray",
    "sklearn": "surrogates",
    "threadpoolctl": "regenerate",
    "torch": "regenerate",
    "umap": "surrogates",
}
"""Module of an optional package -> the extra in pyproject.toml that installs it."""


@contextmanager
def needs_extra(what: str) -> Iterator[None]:
    """Turn the absence of an optional package in the block into a ``MissingExtraError``.

    Parameters
    ----------
    what
        What needs the package; it begins the message.

    Raises
    ------
    MissingExtraError
        A package of :data:`EXTRAS` is not installed. Any other absent module is an error of the
        program, and stays a ModuleNotFoundError.

    Examples
    --------
    >>> with needs_extra("the figure regret"):
    ...     raise ModuleNotFoundError(name="matplotlib.figure")
    Traceback (most recent call last):
        ...
    act_bench.errors.MissingExtraError: the figure regret needs matplotlib, which is not installed;
    fix: pip install 'act-bench[plots]'
    """
    try:
        yield
    except MissingExtraError as error:
        if not error.by_import:
            raise
        raise missing_extra(what, str(error.name)) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise missing_extra(what, package) from error


def missing_extra(what: str, package: str) -> MissingExtraError:
    """Return the error that says what needs a package of :data:`EXTRAS`, and how to install it.

    Examples
    --------
    >>> print(missing_extra("a new map", "umap"))
    a new map needs umap, which is not installed; fix: pip install 'act-bench[surrogates]'
    """
    return MissingExtraError(
        f"{what} needs {package}, which is not installed; "
        f"fix: pip install 'act-bench[{EXTRAS[package]}]'",
        name=package,
    )


class _NamesTheExtra:
    """The last finder of modules: it finds none, and says how to install what ours import.

    So every import statement of these packages, in whatever module, ends alike. Imports of others,
    and questions whether a package is there, are answered as ever.
    """

    _OURS: Final = ("act_bench", "regenerate", "surrogates", "builders")
    _MACHINERY: Final = ("importlib._bootstrap", "importlib._bootstrap_external")

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Return None, or raise the error where a module of ours imports a missing extra."""
        del path, target
        if fullname not in EXTRAS:
            return
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") in self._MACHINERY:
            frame = frame.f_back
        importer = str(frame.f_globals.get("__name__", ""))
        if importer.partition(".")[0] in self._OURS:
            error = missing_extra(importer, fullname)
            error.by_import = True
            raise error


def name_missing_extras() -> None:
    """Let a missing optional package be named by every import of ours; once per process."""
    if not any(isinstance(finder, _NamesTheExtra) for finder in sys.meta_path):
        sys.meta_path.append(_NamesTheExtra())


def excerpt(value: object, longest: int = 60) -> str:
    """Return the ``repr`` of a value for a message, cut where it is long.

    Examples
    --------
    >>> excerpt("x" * 1000, 10)
    "'xxxxxxxxx..."
    """
    if isinstance(value, str):
        value = value[: longest + 1]  # the repr of the whole would be made for nothing
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."


def did_you_mean(name: str, known: Iterable[str], count: int = 1) -> str:
    """Return a question that offers the known names nearest to ``name``; empty if none is near.

    Examples
    --------
    >>> did_you_mean("relux", ["tanh", "relu"]), did_you_mean("CNN", ["mlp", "cnn"])
    ("did you mean 'relu'?", "did you mean 'cnn'?")
    >>> did_you_mean("crelu", ["relu", "tanh", "crrelu"], count=2)
    "did you mean 'crrelu' or 'relu'?"
    >>> did_you_mean("zebra", ["tanh", "relu"])
    ''
    """
    import difflib  # only on the way to an error: it costs more than the parser

    written = {each.casefold(): each for each in known}
    near = [
        repr(written[each])
        for each in difflib.get_close_matches(str(name).casefold(), list(written), n=count)
    ]
    if not near:
        return ""
    *others, last = near
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
