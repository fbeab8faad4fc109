"""Where a run was made: what can change its last bits, beside the recipe and the seed.

Not recorded are the compilers of our own loops, numba and Triton, of which another version may
round another way.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch


def processor() -> str:
    """Return the CPU's model name as the system gives it; ``unknown`` where it gives none."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def device_name(device: str) -> str:
    """Return what a record calls a device: ``"cpu"``, or the name of the GPU.

    Parameters
    ----------
    device
        As torch takes it: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.

    Examples
    --------
    >>> device_name("cpu")
    'cpu'
    """
    kind = torch.device(device).type
    return torch.cuda.get_device_name(device) if kind == "cuda" else kind


def environment(data: str, device: str = "cpu") -> str:
    """Return JSON of what can change the last bits of a run on this machine.

    Its keys are ``act_bench``, ``python``, ``torch`` and ``numpy`` (versions),
    ``platform`` (system and architecture), ``processor`` (model), ``instructions`` (the vector
    instructions that torch uses), ``threads``, ``device`` and ``data``.

    Parameters
    ----------
    data
        ``ImageData.fingerprint`` of the images.
    device
        ``"cpu"``, or the name of the GPU.

    Examples
    --------
    >>> facts = json.loads(environment("420ae8afe12c7447"))
    >>> facts["data"], facts["device"]
    ('420ae8afe12c7447', 'cpu')
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
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": device,
        "data": data,
    }
    return json.dumps(facts, sort_keys=True)


def same_platform(versions: Iterable[str]) -> bool:
    """Return whether environments agree in all that they record.

    Runs of one recipe and seed on the CPU of one platform are expected to agree exactly. The
    versions of Python and of this package do not count.

    Parameters
    ----------
    versions
        JSON from ``environment``.

    Examples
    --------
    >>> here = environment("420ae8afe12c7447")
    >>> same_platform([here, here]), same_platform([here, environment("other images")])
    (True, False)
    """
    platforms = [json.loads(text) for text in set(versions)]
    for facts in platforms:
        for name in ("python", "act_bench"):
            facts.pop(name, None)
    return all(facts == platforms[0] for facts in platforms)
