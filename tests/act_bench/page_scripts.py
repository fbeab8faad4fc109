"""The page's scripts that touch no document, run by node on the page's own data."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from act_bench import explore
from tests.act_bench.headless_browser import REQUIRED

NODE = shutil.which("node")
FOLDER = Path(explore.__file__).parent / "page"
PURE = [FOLDER / f"{name}.js" for name in explore.SCRIPTS[: explore.SCRIPTS.index("state") + 1]]
"""Those that touch no document, the model and the state."""

Run = Callable[[str], Any]


def in_node(data: explore.Payload, folder: Path) -> Run:
    """Return what evaluates the body of a function in node, with the page's model unpacked.

    Skips where node is not installed; fails there if ACT_BENCH_BROWSER=required.
    """
    if NODE is None and REQUIRED:
        pytest.fail("needs node")
    if NODE is None:
        pytest.skip("needs node")
    (folder / "data.json").write_text(json.dumps(data, allow_nan=False))
    sources = "\n".join(file.read_text(encoding="utf-8") for file in PURE)

    def run(body: str) -> Any:
        script = folder / "script.js"
        script.write_text(
            f'{sources}\nconst payload = JSON.parse(require("fs").readFileSync('
            f"{json.dumps(str(folder / 'data.json'))}));\n"
            "(async () => { const model = new Model(payload); await model.start();"
            "await model.rest(); const found = await (async () => {"
            f"{body}}})(); console.log(JSON.stringify(found)); }})();"
        )
        done = subprocess.run(
            [str(NODE), str(script)], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return run
