"""Long tables lie beside their page, every cell of them."""

from __future__ import annotations

from pathlib import Path

from builders.reports.results.beside import mark, put_beside

TABLE = """\
| model | Spearman | n |
|---|---|---|
| knn | 0.5 [0.4, 0.6] | 3 |
| `gp` | -0.1 | 4 |
"""


def test_a_marked_table_becomes_a_file_and_a_link(tmp_path: Path) -> None:
    page = tmp_path / "mlp.md"
    found = put_beside(f"Before.\n\n{mark('models')}\n{TABLE}\nAfter.\n", page)
    assert found == "Before.\n\n2 rows: [mlp-models.csv](mlp-models.csv).\n\nAfter.\n"
    written = (tmp_path / "mlp-models.csv").read_text()
    assert written == (
        "model,Spearman,Spearman low,Spearman high,n\nknn,0.5,0.4,0.6,3\ngp,-0.1,,,4\n"
    )


def test_other_tables_stay(tmp_path: Path) -> None:
    assert put_beside(TABLE, tmp_path / "mlp.md") == TABLE
    assert not list(tmp_path.iterdir())
