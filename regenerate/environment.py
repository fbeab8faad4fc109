"""Where a run was made: the versions and the processor that can change its last bits."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch


def _processor() -> str:
    """Return the CPU's model name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def environment() -> str:
    """Return JSON of all that can change the last bits of a run on this machine.

    Keys: ``act_bench``, ``python``, ``torch``, ``numpy`` (versions), ``platform`` (system and
    architecture), ``processor`` (model), ``instructions`` (the vector instructions that torch
    uses) and ``threads``. Two runs with the same JSON on the CPU are expected to agree exactly.

    Examples
    --------
    >>> sorted(json.loads(environment()))[:3]
    ['act_bench', 'instructions', 'numpy']
    """
    try:
        own = version("act-bench")
    except PackageNotFoundError:  # run from a source tree that is not installed
        own = "source"
    facts = {
        "act_bench": own,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": f"{platform.system()}-{platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    return json.dumps(facts, sort_keys=True)
