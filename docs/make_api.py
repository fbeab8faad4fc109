"""Make the API reference from the docstrings: one HTML page a module, with a search box.

    python docs/make_api.py output/docs

Needs ``pip install 'act-bench[docs,regenerate,surrogates]'``. Formulas are set by MathJax, which
the pages fetch; without a network they stand there in TeX.
"""

from __future__ import annotations

import pkgutil
import sys
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

PACKAGES = ("act_bench", "builders", "surrogates", "regenerate")


def modules(packages: Iterable[str] = PACKAGES) -> list[str]:
    """Return the modules of the packages, by name, that can be imported here.

    Those that need a library which is not installed, as the Triton kernels do where there is no
    GPU, are left out with a word on stderr.

    Examples
    --------
    >>> "act_bench.search.benchmark" in modules(["act_bench"])
    True
    """
    found = []
    for package in packages:
        path = import_module(package).__path__
        found += [package, *(each.name for each in pkgutil.walk_packages(path, f"{package}."))]
    return [name for name in sorted(found) if _can_be_imported(name)]


def build(folder: Path, names: Sequence[str]) -> None:
    """Write the pages of modules to a folder, and an index of them."""
    import pdoc
    import pdoc.render

    pdoc.render.configure(docformat="numpy", math=True, show_source=False)
    with warnings.catch_warnings():
        # Types that a module imports for checking only are shown by their names.
        warnings.filterwarnings("ignore", "Error parsing type annotation", UserWarning)
        # pdoc finds the modules of some packages by itself, and of those with __all__ it does not.
        warnings.filterwarnings("ignore", "The module specification", UserWarning)
        pdoc.pdoc(*names, output_directory=folder)


def _can_be_imported(name: str) -> bool:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in PACKAGES:
            raise
        print(f"left out {name}: {error}", file=sys.stderr)  # noqa: T201
        return False
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "output/docs")
    build(target, modules())
    print(target / "index.html")  # noqa: T201
