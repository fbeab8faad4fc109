"""What the report of outcomes counts in the runs of a table."""

import pyarrow.parquet as pq

from act_bench.tables.files import table_file
from act_bench.tables.registry import TABLES
from builders.reports.outcomes import passing_float32


def test_runs_whose_losses_pass_float32() -> None:
    past = infinite = 0
    for name in ("runs", "rate-runs", "named-runs", "limit-runs"):
        for run in pq.read_table(table_file("mlp", f"mlp-{name}.parquet")).to_pylist():
            if run["outcome"] == "ok":
                losses = [*run["train_loss_curve"], *run["validation_loss_curve"]]
                past += max(losses) > 3.4028234663852886e38
                infinite += float("inf") in losses
    assert passing_float32(TABLES["mlp"]) == (past, infinite)
    assert infinite == 106, "those that did not repeat, and no more"
    assert passing_float32(TABLES["vit"]) == (0, 0)
