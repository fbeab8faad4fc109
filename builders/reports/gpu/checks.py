"""Whether a device computes what it should: activations against their tables, recorded steps.

Every check runs on any device. On a CPU they check its own loops, and a stand-in for the recording;
under Triton's interpreter (``tests/regenerate/activations/test_triton_kernels.py``) the kernels of
GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_bench.errors import ActBenchError, ArgumentError, ExitCode
from act_bench.functions.catalogue import read
from act_bench.functions.expression import Expression
from builders.reports.gpu.steps import TrainingStep
from regenerate.activations import TabulatedActivation, tabulate
from regenerate.activations.tabulation import CODES
from regenerate.recipes import Recipe
from regenerate.training.step import Outcome, Recorder, record_on_gpu

SIZES: Final = (0, 1, 31, 1023, 1024, 1025, CODES + 1)
"""Lengths of vectors, around the block of the kernels."""

FAR: Final = 2**31 + 4097
"""Numbers of a vector whose last ones a 32-bit place would not reach."""
FAR_BYTES: Final = 3 * 2 * FAR
"""Memory that such a vector takes with what is made of it."""

STEPS: Final = 8
ROUNDING: Final = 0.02
"""Largest difference between first gradients, as a share of their norm, that is still rounding."""

Codes = NDArray[np.uint16]


class DeviceCheckError(ActBenchError, RuntimeError):
    """A device that computes something else than it should."""

    exit_code = ExitCode.DATA


def check_activations(functions: Iterable[str], device: str) -> int:
    """Compare activations with their tables, bit by bit, and return how many numbers were compared.

    Value and slope at all 65,536 inputs; then vectors of `SIZES`, maps in both memory formats and
    maps with gaps.

    Parameters
    ----------
    functions
        Expressions, or names of the catalogue without a parameter.
    device
        A torch device.

    Raises
    ------
    DeviceCheckError
        If a number is another than in the table; the first is named.

    Examples
    --------
    >>> check_activations(["tanh(x)"], "cpu") > 2 * 65_536
    True
    """
    compared = 0
    for text in functions:
        function = read(text)
        if not isinstance(function, Expression) and function.parameter is not None:
            raise ArgumentError(f"expected functions without a parameter, got {text}")
        tables = tabulate(function)
        module = TabulatedActivation(tables).to(device)
        for name, x in _inputs(device):
            at = _codes(x)
            with torch.no_grad():
                alone = module(x)
            x = x.detach().requires_grad_()  # a view keeps its gaps
            value = module(x)
            (slope,) = torch.autograd.grad(value, x, torch.ones_like(value))
            for kind, found, table in (
                ("value", alone, tables.value),
                ("value before the slope", value, tables.value),
                ("slope", slope, tables.slope),
            ):
                compared += _compare(f"{kind} of {text}, {name}", at, _codes(found), table)
    return compared


def _inputs(device: str) -> Iterator[tuple[str, Tensor]]:
    """Yield bfloat16 tensors of all kinds, each with its name."""
    every = torch.from_numpy(np.arange(CODES, dtype=np.uint16).view(np.int16).copy())
    yield "all inputs", every.to(device).view(torch.bfloat16)
    random = np.random.default_rng(0)
    drawn = random.integers(0, CODES, max(SIZES), dtype=np.uint16).view(np.int16)
    numbers = torch.from_numpy(drawn).to(device).view(torch.bfloat16)
    for size in SIZES:
        yield f"{size} numbers", numbers[:size]
    yield "numbers at an odd address", numbers[1:1025]
    maps = numbers[: 2 * 8 * 15 * 17].view(2, 8, 15, 17)
    yield "a map", maps
    yield "a map in channels_last", maps.contiguous(memory_format=torch.channels_last)
    yield "every second row of a map", maps[:, :, ::2, 1:]
    yield "channels of a map", maps[1:, 3:]
    yield "a number", maps[0, 0, 0, 0]
    yield "a number many times", maps[:1, :1, :1, :1].expand(2, 3, 4, 5)


def _codes(x: Tensor) -> Codes:
    bits = x.detach().cpu().contiguous().view(torch.int16).numpy()
    return np.asarray(bits.view(np.uint16)).reshape(-1)


def _compare(what: str, at: Codes, found: Codes, table: Codes) -> int:
    expected = table[at]
    # The product with a gradient of 1 may give a NaN other bits.
    wrong = (found != expected) & ~(_nan(found) & _nan(expected))
    if wrong.any():
        first = int(wrong.argmax())
        raise DeviceCheckError(
            f"{what}: {int(wrong.sum()):,} of {len(at):,} numbers are others than in the table; at "
            f"input {at[first]:#06x} expected {expected[first]:#06x}, got {found[first]:#06x}. "
            "Please report the GPU and the versions of torch and triton; until then train with "
            "--device cpu"
        )
    return len(at)


def _nan(codes: Codes) -> NDArray[np.bool_]:
    return np.asarray((codes & 0x7FFF) > 0x7F80)


def check_far(text: str, device: str, count: int = FAR) -> bool:
    """Compare the last numbers of a vector that is longer than 32 bits count.

    Returns
    -------
    bool
        False where the device has not the memory, and nothing was checked.

    Raises
    ------
    DeviceCheckError
        As `check_activations`.
    """
    if torch.device(device).type == "cuda" and torch.cuda.mem_get_info(device)[0] < 1.2 * FAR_BYTES:
        return False
    tables = tabulate(read(text))
    module = TabulatedActivation(tables).to(device)
    x = torch.full((count,), 0.5, dtype=torch.bfloat16, device=device)
    x[-CODES:] = torch.arange(-CODES // 2, CODES // 2, device=device).short().view(torch.bfloat16)
    with torch.no_grad():
        last = module(x)[-CODES:]
    _compare(f"value of {text}, far out", _codes(x[-CODES:]), _codes(last), tables.value)
    return True


class Recorded(NamedTuple):
    """A recorded step against one that is not.

    Attributes
    ----------
    identical
        Whether losses, gradients and running statistics are the same to the last bit.
    difference
        Between the first gradients, as a share of their norm.
    repeated
        The same between two steps neither of which was recorded: what the device itself varies.
    """

    identical: bool
    difference: float
    repeated: float


def check_recording(recipe: Recipe, device: str) -> Recorded:
    """Train a few steps three times from the same weights: twice plainly, once recorded.

    Raises
    ------
    DeviceCheckError
        If the recorded steps are off by more than `ROUNDING` and than plain ones among themselves.
    """
    recorder: Recorder = rerun
    if torch.device(device).type == "cuda":
        recorder = partial(record_on_gpu, torch.device(device))
    plain, again, recorded = (_trained(recipe, device, record) for record in (None, None, recorder))
    found = Recorded(
        identical=all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True)),
        difference=_difference(plain[0], recorded[0]),
        repeated=_difference(plain[0], again[0]),
    )
    if not found.difference <= max(ROUNDING, 2 * found.repeated):
        raise DeviceCheckError(
            f"{recipe.network}: the gradient of a recorded step is off by {found.difference:.2g} "
            f"of its norm, expected at most {ROUNDING}; train without ACT_BENCH_CUDA_GRAPHS=1 and "
            "please report the GPU and the version of torch"
        )
    return found


def _trained(recipe: Recipe, device: str, record: Recorder | None) -> list[Tensor]:
    """Return first gradient, losses, weights and buffers of some steps."""
    step = TrainingStep(recipe, device, record=record)
    first: Tensor | None = None
    losses = []
    for number in range(STEPS):
        loss, gradient = step.gradient(number)
        first = gradient.clone() if first is None else first
        losses.append(loss)
        step.update(gradient)
    assert first is not None  # noqa: S101  (there are steps)
    network: nn.Module = step.network
    return [first, torch.stack(losses), step.weights.master, *network.buffers()]


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / one.norm().clamp(min=1e-30))


def rerun(job: Callable[[], Outcome]) -> tuple[Callable[[], object], Outcome]:
    """Stand in for a recording where there is none: do the job again, into the same tensors."""
    outcome = job()

    def replay() -> None:
        for tensor, new in zip(outcome, job(), strict=True):
            tensor.copy_(new)

    return replay, outcome
