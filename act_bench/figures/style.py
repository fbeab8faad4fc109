"""What all figures share: colors, bare axes and the file.

Colors are those of Okabe and Ito (*Color Universal Design*, 2008), which color-blind readers can
tell apart. A gray print can be read too: lines differ in their dashes as well, points in their
markers, areas in their hatches, and maps of colors grow darker from one end to the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from act_bench.errors import ArgumentError
from act_bench.files.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OKABE_ITO: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: Final = (
    "-",
    (0, (6, 1.5)),
    (0, (1.5, 1.2)),
    "-.",
    (0, (8, 2, 1, 2, 1, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (10, 2, 3, 2)),
)
"""As many as there are colors; with a width of 2, all can be told apart in a legend of HANDLE."""
HANDLE: Final = 4.2
"""Length of a line in a legend, in its font's size: each pattern of dashes fits twice."""
MARKERS: Final = ("o", "s", "^", "D")
SCALE: Final = "viridis_r"
"""Colors of values: the higher the darker, so that the best stand out in print too."""
GRAY: Final = "#333333"
PALE: Final = "#d4d4d4"
FAINT: Final = "#b0b0b0"
"""Of thin marks, which PALE would lose."""
GRID: Final = "#e4e4e4"
FORMATS: Final = ("png", "svg", "pdf")


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, not tied to a window, with panels of a size in inches, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), dpi=130, layout="constrained")
    return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def wrapped(count: int, most: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels, at most ``most`` beside each other."""
    columns = min(count, most)
    figure, rows = panels(-(-count // columns), columns, width, height)
    every = [axes for row in rows for axes in row]
    for axes in every[count:]:
        axes.remove()
    return figure, every[:count]


def bare(axes: Axes) -> None:
    """Take away the frame at the top and at the right."""
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure to a PNG, SVG or PDF file, which appears whole or not at all.

    A PNG has a palette of 256 colors, which no eye can tell from all of them in such figures and
    takes a third of the bytes.

    Raises
    ------
    ValueError
        The suffix is another.
    """
    import matplotlib

    kind = Path(path).suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ArgumentError(f"{path}: expected the suffix {', '.join(FORMATS)}, got {kind!r}")
    # Neither version nor date, and fixed identifiers, so that the same figure is the same file.
    metadata = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[kind]
    with replacing(path) as draft, matplotlib.rc_context({"svg.hashsalt": "act-bench"}):
        figure.savefig(draft, format=kind, metadata=metadata)
        if kind == "png":
            _reduce(draft)


def _reduce(path: Path) -> None:
    """Write a PNG file anew with a palette."""
    from PIL import Image

    with Image.open(path) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    reduced.save(path, format="PNG", optimize=True)
