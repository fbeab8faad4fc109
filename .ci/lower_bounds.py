"""Print pip constraints with the lower bound of every dependency that pyproject.toml names.

    python .ci/lower_bounds.py > bounds.txt
    python .ci/lower_bounds.py --portable < compiled.txt

`make oldest-pins` does the first, lets uv add a version of all else that the bounds bring, does the
second and writes `.ci/oldest.txt`. ``--portable`` leaves out what PyTorch for Linux needs itself,
which its other builds do not have. Standard library only.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
PINS = Path(__file__).parent / "oldest.txt"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[[^]]*\])?\s*(?P<versions>[^;]*)")
_OF_TORCH = re.compile(r"(nvidia|cuda)-|triton==")


def lower_bounds(pyproject: Path = PYPROJECT) -> dict[str, str]:
    """Return the lower bound of each dependency, of all extras, by its name.

    Raises
    ------
    ValueError
        If a dependency has no lower bound, or two different ones.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    bounds: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            raise ValueError(f"{pyproject}: expected a requirement, got {requirement!r}")
        name = match["name"].lower()
        if name == project["name"]:
            continue  # an extra that is made of others
        found = re.findall(r">=\s*([\w.]+)", match["versions"])
        if len(found) != 1 or bounds.get(name, found[0]) != found[0]:
            raise ValueError(
                f"{pyproject}: expected one lower bound of {name}, the same everywhere, got "
                f"{requirement!r}" + (f" and {bounds[name]}" if name in bounds else "")
            )
        bounds[name] = found[0]
    return dict(sorted(bounds.items()))


def portable(lines: Iterable[str]) -> Iterator[str]:
    """Yield the constraints but for those of what PyTorch for Linux names for itself."""
    return (line for line in lines if not _OF_TORCH.match(line))


if __name__ == "__main__":
    if sys.argv[1:] == ["--portable"]:
        sys.stdout.writelines(portable(sys.stdin))
    else:
        sys.stdout.writelines(f"{name}=={bound}\n" for name, bound in lower_bounds().items())
