"""HTML around text of others: escaped, so that no text ends an element or begins a script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

_IN_SCRIPTS: Final = str.maketrans(
    {
        "<": "\\u003c",  # </script> would end the element, <!-- change how it is read
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",  # ends a line in JavaScript of before 2019
        "\u2029": "\\u2029",
    }
)


def script_json(data: object) -> str:
    r"""Return JSON that may stand in a script element of a page; what it says is unchanged.

    Examples
    --------
    >>> print(script_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    # In JSON these characters stand in strings only, where each may be written as an escape.
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(_IN_SCRIPTS)


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """Return a small table of names and values, as notebooks show it.

    Examples
    --------
    >>> print(html_table("Result", {"outcome": "ok", "epochs": None}))
    <table><caption>Result</caption><tr><th>outcome</th><td>ok</td></tr></table>
    """
    from html import escape  # its table of characters is long, and a first query shows none

    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>"
        for name, value in rows.items()
        if value is not None
    )
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
