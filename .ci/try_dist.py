"""Try what is published: the wheel in an empty environment, and the sdist's own commands.

    python .ci/try_dist.py dist [--demo] [--test]

The environment is of the Python that runs this. README's examples run there, in a folder that is
not the repository; ``--demo`` and ``--test`` run ``make demo`` and ``make test`` in the unpacked
sdist. Standard library only.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path


def only(folder: Path, pattern: str) -> Path:
    """Return the one file in a folder that a pattern fits."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one {pattern} in {folder}, found {len(found)}: make dist")
    return found[0].resolve()


def run(*command: object, cwd: Path) -> None:
    """Run a command; end with its exit status if it fails."""
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    # Neither the source tree nor another environment may help.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(words, cwd=cwd, env=kept, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def try_wheel(wheel: Path, sdist: Path, folder: Path) -> None:
    """Install the wheel into an empty environment, and run README's examples and two commands."""
    place = folder / "environment"
    venv.create(place, with_pip=True)
    binaries = place / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    with tarfile.open(sdist) as archive:
        member = f"{sdist.name.removesuffix('.tar.gz')}/README.md"
        readme = archive.extractfile(member)
        if readme is None:
            raise SystemExit(f"{sdist} has no {member}")
        (folder / "README.md").write_bytes(readme.read())
    run(python, "-m", "doctest", "-o", "NORMALIZE_WHITESPACE", "README.md", cwd=folder)
    run(binaries / "act-bench", "verify", cwd=folder)
    run(binaries / "act-bench", "query", "relu(x)", cwd=folder)


def try_sdist(sdist: Path, folder: Path, targets: list[str]) -> None:
    """Unpack the sdist and run make there."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    for target in targets:
        tree = folder / sdist.name.removesuffix(".tar.gz")
        run("make", target, f"PYTHON={sys.executable}", cwd=tree)


def main() -> None:
    """Try both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dist", type=Path)
    parser.add_argument("--demo", action="store_true", help="Run make demo in the sdist.")
    parser.add_argument("--test", action="store_true", help="Run make test in the sdist.")
    options = parser.parse_args()
    wheel, sdist = only(options.dist, "*.whl"), only(options.dist, "*.tar.gz")
    targets = [name for name in ("demo", "test") if getattr(options, name)]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        try_wheel(wheel, sdist, folder)
        try_sdist(sdist, folder, targets)
    print(f"{wheel.name} and {sdist.name}: as README says, on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
