"""The generated pages and pictures of the documentation, each with the command that makes it.

``python -m builders.reports`` (``make reports``) runs the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from act_bench.tables.files import tables_with_data


@dataclass(frozen=True)
class Report:
    """One generated page, or a part of one.

    Attributes
    ----------
    name
        What ``--only`` takes.
    module
        A module that ``python -m`` runs.
    arguments
        Its arguments.
    writes
        What it makes, in the repository; None for Markdown that it prints, which the page of a
        study quotes: that goes to ``FOLDER/NAME.md``.
    minutes
        About how long it takes on one core, from nothing.
    images
        Whether it needs the images of CIFAR-10 (``--data-dir``).
    resumes
        Whether it resumes where it was stopped.
    figures
        Names of what it draws in ``docs/images``, or makes for the report after it that does;
        ``*`` stands for any letters. Of two that draw a picture, the shorter one has its name.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    writes: str | None = None
    minutes: float = 1.0
    images: bool = False
    resumes: bool = False
    figures: tuple[str, ...] = ()


TABLES: Final = tables_with_data()
"""The others have nothing to report yet."""
LADDERS: Final = ("cnn", "resnet", "vit")
"""Tables whose training is compared with longer training."""

REPORTS: Final = (
    Report(
        "architecture",
        "builders.reports.architecture",
        (),
        "docs/images/architecture.svg",
        0.1,
        figures=("architecture.svg",),
    ),
    Report(
        "operators",
        "builders.reports.reference.operators",
        (),
        "docs/reference/operators.md and docs/images/operators/",
        0.1,
        figures=("operators/*.svg",),
    ),
    # By its name only: nothing but the commands themselves may import them.
    Report("commands", "act_bench.cli._reference", (), "docs/reference/commands.md", 0.1),
    *(
        Report(
            f"figure-{name}",
            "act_bench",
            ("plot", name, "--output", f"docs/images/{name}.png"),
            f"docs/images/{name}.png",
            0.3,
            figures=(f"{name}.png",),
        )
        for name in ("known", "accuracies", "scatter")
    ),
    Report(
        "figure-spectra",
        "act_bench",
        (
            *("plot", "spectra", "--table", "cnn", "--table", "resnet", "--table", "vit"),
            *("--output", "docs/images/fisher-signs.png"),
        ),
        "docs/images/fisher-signs.png",
        3,
        images=True,
        figures=("fisher-signs.png",),
    ),
    Report(
        "build-large-space",
        "act_bench",
        ("space", "build"),
        figures=("large-space.png",),
    ),
    Report(
        "figure-large-space",
        "act_bench",
        ("plot", "large-space", "--table", "cnn", "--output", "docs/images/large-space.png"),
        "docs/images/large-space.png",
        5,
        figures=("large-space.png",),
    ),
    Report(
        "explore",
        "benchmarks.explore",
        ("--screenshots", "docs/images"),
        "the pictures of docs/how-to/explore.md",
        2,
        figures=("explore-*.png",),
    ),
    Report("site", "docs.site.build", ("output/docs",), minutes=5, figures=("site-*.png",)),
    Report(
        "figure-site",
        "docs.site.pictures",
        ("output/docs", "docs/images"),
        "the pictures of docs/README.md",
        0.2,
        figures=("site-*.png",),
    ),
    Report("notebook", "builders.notebook", (), "docs/tutorials/first-look.ipynb", 0.1),
    Report("energy", "builders.reports.card.energy", minutes=0.1),
    Report("space", "builders.space", ("report", "--write"), "docs/explanation/space.md"),
    Report("named", "builders.reports.named", ("--write",), "docs/studies/named.md", 0.1),
    Report("rates", "builders.reports.rates.report", ("--write",), "docs/studies/rates.md", 2),
    Report(
        "joint",
        "builders.reports.rates.joint",
        ("--write",),
        "docs/studies/rates.md",
        10,
    ),
    Report(
        "grid-cnn",
        "builders.reports.rates.grid",
        ("cnn",),
        minutes=25,
        images=True,
        resumes=True,
    ),
    Report(
        "results",
        "builders.reports.results",
        writes="docs/studies/results.md and docs/studies/results/",
        minutes=80,
        resumes=True,
    ),
    Report(
        "results-figures",
        "builders.reports.results.figures",
        writes="the pictures of docs/studies/results/, from what is stored",
        minutes=4,
        figures=("results-*.png",),
    ),
    Report(
        "comparison",
        "builders.reports.comparison",
        ("mlp", "cnn", "--repeats", "5", "--budget", "30"),
        "docs/studies/comparison.md",
        600,
        images=True,
        resumes=True,
    ),
    Report("papers", "builders.reports.studies", ("overview",), "docs/studies/papers.md", 0.1),
    Report(
        "papers-inputs",
        "builders.reports.studies.inputs",
        (),
        "docs/studies/papers/inputs.md",
        images=True,
        resumes=True,
        figures=("papers-inputs.png",),
    ),
    *(
        Report(
            f"entropy-{table}",
            "builders.entropy",
            ("report", "--table", table, "--figure", f"docs/images/eafo-entropy-{table}.png"),
            figures=(f"eafo-entropy-{table}.png",),
        )
        for table in ("mlp", "cnn")
    ),
    Report("goals", "builders.reports.goals", (), "docs/studies/results/goals.md", 5),
    Report("tuned", "builders.reports.results.tuned", (), "docs/studies/results/tuned.md"),
    Report("aquasurf", "builders.reports.variants", (), "docs/studies/results/aquasurf.md", 60),
    Report(
        "leaderboard",
        "builders.reports.leaderboard",
        writes="leaderboard/leaderboard.csv",
        minutes=15,
    ),
    Report("outcomes", "builders.reports.outcomes", minutes=2),
    *(Report(f"seeds-{name}", "builders.reports.seeds", (name,)) for name in TABLES),
    *(Report(f"ladder-{name}", "builders.reports.ladder", (name,)) for name in LADDERS),
    Report("rungs", "builders.reports.rungs"),
    Report("table", "builders.reports.table_report", minutes=2),
    Report("contributions", "builders.reports.contributions"),
    Report("fisher", "builders.reports.fisher.report", minutes=5),
    Report(
        "fisher-storage", "builders.reports.fisher.storage", ("mlp", "--functions", "60"), None, 2
    ),
    Report("fisher-study", "builders.reports.fisher.study", minutes=5, images=True),
    Report("large-space", "builders.reports.large_space", minutes=5),
    Report("calibration-cnn", "builders.reports.calibration", ("cnn",)),
    Report("calibration-resnet", "builders.reports.proxies", ("resnet",)),
    Report("calibration-vit", "builders.reports.proxies", ("vit",)),
    Report("calibration-gpt", "builders.reports.gpt_calibration"),
    Report(
        "agreement-gpt",
        "builders.reports.agreement.gpt",
        ("--figure", "docs/images/gpt-agreement.png"),
        figures=("gpt-agreement.png",) if "gpt" in TABLES else (),
    ),
    Report("grafs", "builders.reports.grafs", ("mlp", "--seeds", "5", "--first-seed", "100")),
    Report(
        "swish", "builders.reports.swish_search", ("--budget", "60", "--searches", "10"), None, 30
    ),
)
