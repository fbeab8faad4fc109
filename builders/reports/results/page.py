"""Make docs/studies/results.md: every optimizer on every table, and the paper's claims tested.

    python -m builders.reports.results [--table mlp] [--splits 20] [--docs docs]

Each table has a page of its own, ``docs/studies/results/TABLE.md``; what the first page says of all
tables is kept beside them (`overview`), so that a new version of one table needs only ``--table``.
Searches are those of the leaderboard, whose traces are verified. The evaluation of surrogates is
kept under ``output/results`` with the hash of the data, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from act_bench import load_table
from act_bench.figures import Request
from act_bench.figures.tables import tables_with_data
from act_bench.files.atomic import replacing
from act_bench.search.loading import load_data
from act_bench.tables.registry import TABLES
from builders.reports.results.beside import put_beside
from builders.reports.results.claims import (
    claim_failures,
    claim_filter,
    claim_tens,
    claim_union,
)
from builders.reports.results.figures import (
    draw_learning,
    draw_searches,
    draw_table,
    keep_learning,
)
from builders.reports.results.goals import count, said
from builders.reports.results.kept import (
    EVALUATIONS,
    failure_rows,
    searches_of,
    sha256,
    spectra_of,
    surrogate_rows,
)
from builders.reports.results.opening import opening, opening_of_all
from builders.reports.results.overview import (
    CLAIMS_COLUMNS,
    CLAIMS_FILE,
    TableResults,
    keep,
    overview,
)
from builders.reports.results.ranking import differences, ranking
from surrogates import evaluation
from surrogates.exact import random_search_law


def main() -> None:
    """Run what is missing and write the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--table", action="append", choices=list(TABLES))
    arguments.add_argument("--splits", type=int, default=20)
    arguments.add_argument("--docs", type=Path, default=Path("docs"))
    arguments.add_argument("--traces", type=Path, default=Path("leaderboard"))
    arguments.add_argument("--kept", type=Path, default=Path("output/results"))
    chosen = arguments.parse_args()

    tables = chosen.table or tables_with_data(Request())
    (chosen.docs / "images").mkdir(parents=True, exist_ok=True)
    studies = chosen.docs / "studies"
    pages = studies / "results"
    pages.mkdir(parents=True, exist_ok=True)
    for table in tables:
        data = load_data(table)
        kept = chosen.kept / table
        made = searches_of(data, chosen.traces)
        rows = surrogate_rows(data, chosen.splits, kept / "surrogates")
        failures = failure_rows(data, chosen.splits, kept / "failures")
        found = TableResults(data, made, rows)
        text = page(found, failures, chosen.docs)
        keep(found, pages)
        text = text.replace(OPENING, opening(pages, table), 1)
        with replacing(pages / f"{table}.md") as draft:
            draft.write_text(put_beside(text, pages / f"{table}.md"), encoding="utf-8")
        print(pages / f"{table}.md")
    head = HEAD.format(evaluations=EVALUATIONS).replace(OPENING, opening_of_all(pages), 1)
    with replacing(studies / "results.md") as draft:
        draft.write_text("\n".join([head, overview(pages, stale(pages))]), encoding="utf-8")
    print(studies / "results.md")


def stale(pages: Path) -> list[str]:
    """Return the tables whose figures are of an earlier version of them."""
    known = pl.read_csv(pages / CLAIMS_FILE, schema=CLAIMS_COLUMNS)
    digests = dict(known.select("table", "sha256").iter_rows())
    return [table for table, digest in digests.items() if sha256(load_data(table)) != digest]


OPENING = "OPENING"
"""Stands where the sentences of :mod:`builders.reports.results.opening` come."""

HEAD = """\
# Results

OPENING

Made by `python -m builders.reports.results` from the traces of the
[leaderboard](../reference/protocol.md#the-leaderboard), which are verified: simulated searches of
{evaluations} evaluations by each optimizer on each table. What they take of a processor is said in
[searches](../reference/search.md). Regret is in the metric of the table,
the median over an entry's runs: the fewer runs, the more of being the best is luck, which regret
takes for merit. Goals are sets of functions, counted by canonical class, and ask for more than seed
noise: *better than every baseline* leaves out respellings of a baseline and may be empty, *within
noise of the best* never is (`builders/reports/results/goals.py`; each table's page states both).
The clock counts mean trainings of the table, and Fisher spectra; how soon the paper's search
reaches the goals by evaluations and by the clock, whoever pays for spectra, is on
[a page of its own](results/goals.md), what it owes to each choice on
[another](results/aquasurf.md), and what searches over tuned functions end with on
[a third](results/tuned.md). Optimizers
with a setting after a colon are the same search with that setting: `aquasurf:features=umap-outputs`
uses Fisher spectra as a filter only. Intervals are 95 % bootstrap intervals; differences are called
significant after Holm's correction over all pairs (Mann-Whitney test of the regret at the end).
Terms: [glossary](../reference/glossary.md).
"""


PAGE = """\
# Results on {title}, fidelity {fidelity}

OPENING

Made by `python -m builders.reports.results --table {table}`; the page of [all
tables](../results.md) says what the words mean. `python -m builders.reports.results.figures --table
{table}` draws its figures again. Terms: [glossary](../../reference/glossary.md).
"""


def page(found: TableResults, failures: pl.DataFrame, docs: Path) -> str:
    """Return the page on one table, and draw its figures."""
    data, made, rows = found.data, found.made, found.rows
    info = TABLES[data.table]
    scores = np.array([data.score(entry) for entry in data.covered], dtype=np.float64)
    law = random_search_law(scores, EVALUATIONS)
    goals, finals, pairs = found.goals, found.finals, found.pairs
    images, pages = docs / "images", docs / "studies" / "results"
    draw_searches(data, {name: each.steps for name, each in made.items()}, pairs, images)
    summary = evaluation.summarize(rows)
    keep_learning(summary, pages)
    draw_learning(data.table, pages, images)
    image = f"../../images/results-{data.table}"
    runs = load_table(data.table, fidelity=data.fidelity, columns=["runs"])["runs"].to_numpy()
    each = " to ".join(map(str, np.unique([runs.min(), runs.max()]).tolist()))
    about = (
        f"{len(data.covered):,} entries, runs of each: {each}; the best has "
        f"{info.score(law.scores[-1]):.4f}. {said(data, goals)}"
        f"Random search needs {count(goals[0].random)} evaluations in the median, exactly, "
        f"until {goals[0].about}, and {count(goals[1].random)} until {goals[1].about}.\n"
    )
    lines = [
        PAGE.format(title=info.title, fidelity=data.fidelity, table=data.table),
        about,
        ranking(made, finals, goals[0], info),
        f"\n{differences(pairs, finals)}\n",
        f"![regret against evaluations]({image}-regret.png)\n",
        f"![regret against simulated time]({image}-regret-time.png)\n",
        f"![regret at the end]({image}-finals.png)\n",
        f"![which differ]({image}-significance.png)\n",
        "## The paper's claims\n",
    ]
    if spectra_of(data):
        draw_table(data.table, images)
        lines += [
            claim_union(data, rows, summary, pairs),
            f"\n![maps by score]({image}-maps.png)\n",
            f"![surrogates]({image}-surrogates.png)\n",
            claim_tens(data, made, finals, goals),
            claim_filter(data, pairs),
            f"\n![distribution of scores]({image}-accuracies.png)\n",
            claim_failures(failures),
        ]
    else:
        untested = "No Fisher spectra of this table are embedded: claims that need them wait.\n"
        lines += [untested, f"![surrogates]({image}-surrogates.png)\n"]
    return "\n".join(lines)
