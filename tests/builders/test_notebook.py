"""The notebook is that of README's examples, and its cells run."""

from __future__ import annotations

import ast
import json

from builders.notebook import NOTEBOOK, ROOT, notebook


def test_the_notebook_is_that_of_readme():
    expected = notebook((ROOT / "README.md").read_text("utf-8"))
    assert NOTEBOOK.read_text("utf-8") == expected, "python -m builders.notebook writes it"


def test_its_cells_give_the_outputs_that_it_shows():
    """As Jupyter runs them: all lines in one namespace, the last expression is shown."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    namespace: dict[str, object] = {}
    shown = 0
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        *lines, last = ast.parse(cell["source"]).body
        exec(compile(ast.Module(lines, []), "cell", "exec"), namespace)  # noqa: S102
        if cell["outputs"]:
            assert isinstance(last, ast.Expr)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)  # noqa: S307
            assert repr(value) == cell["outputs"][0]["data"]["text/plain"]
            shown += 1
    assert shown == 6
