"""The notebook of README's examples: ``python -m builders.notebook`` writes it.

Its cells and their outputs are those of README, whose examples run as a doctest; so there is one
text to keep true, and a test says when the notebook is another.
"""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NOTEBOOK: Final = ROOT / "docs" / "tutorials" / "first-look.ipynb"

_ABOUT: Final = """\
# A first look

The examples of [README](../../README.md). Needs `pip install act-bench`, or a clone and
`pip install .`; the words are in the [glossary](../reference/glossary.md)."""


def cells(text: str) -> list[tuple[str, str]]:
    r"""Return the code of a page's examples, and what each prints; a cell ends where one does.

    Examples
    --------
    >>> cells("```python\n>>> a = 1\n>>> a + 1\n2\n>>> a\n1\n\n```")
    [('a = 1\na + 1', '2'), ('a', '1')]
    """
    found = []
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        lines: list[str] = []
        for example in doctest.DocTestParser().get_examples(block):
            lines.append(example.source.rstrip("\n"))
            if example.want:
                found.append(("\n".join(lines), example.want.rstrip("\n")))
                lines = []
        if lines:
            found.append(("\n".join(lines), ""))
    return found


def notebook(text: str) -> str:
    """Return the notebook of a page's examples, format 4.5, as JSON."""
    made: list[dict[str, object]] = [
        {"cell_type": "markdown", "id": "about", "metadata": {}, "source": _ABOUT}
    ]
    for number, (code, output) in enumerate(cells(text), start=1):
        result = {
            "data": {"text/plain": output},
            "execution_count": number,
            "metadata": {},
            "output_type": "execute_result",
        }
        made.append(
            {
                "cell_type": "code",
                "execution_count": number,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [result] if output else [],
                "source": code,
            }
        )
    document = {
        "cells": made,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the notebook."""
    from act_bench.files.atomic import replacing

    with replacing(NOTEBOOK) as draft:
        draft.write_text(notebook((ROOT / "README.md").read_text("utf-8")), encoding="utf-8")
    print(NOTEBOOK.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
