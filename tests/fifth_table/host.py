"""A fresh process that knows of the fifth table: it runs the Python that comes on stdin.

One request per line, ``{"lines": PYTHON, "arguments": [ARGUMENT, ...]}`` in JSON; the answer is
``{"code": EXIT CODE, "stdout": TEXT, "stderr": TEXT}``. A traceback ends with the code 1, as in a
process of its own: imports are what such a process spends most of its time with.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout


def run(lines: str, arguments: list[str]) -> dict[str, int | str]:
    """Run lines of Python as a program with these arguments."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    sys.argv = ["-c", *arguments]
    code: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            exec(lines, {"__name__": "__main__"})  # noqa: S102
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
    text = [stream.buffer.getvalue().decode() for stream in (out, err)]
    assert isinstance(code, int), code
    return {"code": code, "stdout": text[0], "stderr": text[1]}


if __name__ == "__main__":
    answers = sys.stdout
    for request in sys.stdin:
        answers.write(json.dumps(run(**json.loads(request))) + "\n")
        answers.flush()
