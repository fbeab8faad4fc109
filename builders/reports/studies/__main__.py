"""Train the parts of a study of the papers, and write its page.

python -m builders.reports.studies                      list the studies
python -m builders.reports.studies NAME train           train what is missing; run again to go on
python -m builders.reports.studies NAME page            write its page from the parts
python -m builders.reports.studies overview             the page of all claims
"""

from __future__ import annotations

from pathlib import Path

import click

from act_bench.tables.registry import import_own_tables
from builders.command import refusing
from builders.reports.studies import overview, page
from builders.reports.studies.studies import STUDIES, find
from builders.reports.studies.trainings import Resources
from regenerate.sweeps.executor import LocalExecutor
from regenerate.sweeps.processes import available_cores
from regenerate.sweeps.time_limit import TimeLimit


@click.command()
@click.argument("study", type=click.Choice([*STUDIES, "overview"]), required=False)
@click.argument("action", type=click.Choice(["train", "page"]), required=False)
@click.option("--out", type=click.Path(path_type=Path), default=Path("output/studies"),
              show_default=True, help="Folder of the parts; each study has one in it.")  # fmt: skip
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), help="The images.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Begin nothing later.")
def main(
    study: str | None,
    action: str | None,
    out: Path,
    data_dir: Path | None,
    jobs: int | None,
    minutes: float | None,
) -> None:
    r"""Train the parts of STUDY, or write its page."""
    import_own_tables()
    if study == "overview":
        click.echo(overview.write())
        return
    if study is None or action is None:
        for name in STUDIES:
            each = find(name)
            click.echo(f"{name:<16} about {each.minutes:>5.0f} core-minutes: {each.title}")
        return
    chosen = find(study)
    with refusing():
        if action == "page":
            click.echo(page.write(chosen, chosen.answer(out / study)))
            overview.write()
            return
        resources = Resources(
            LocalExecutor(jobs or available_cores()),
            data_dir.absolute() if data_dir else None,
            TimeLimit(60 * minutes) if minutes else None,
        )
        left = chosen.train(out / study, resources)
    click.echo(f"{left:,} trainings are left" if left else "all parts are there: write the page")


if __name__ == "__main__":
    main()
