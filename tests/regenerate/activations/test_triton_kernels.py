"""The kernels of GPUs without a GPU: interpreted against the tables, and compiled for each kind."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from act_bench.functions.expression import parse
from builders.reports.gpu.checks import DeviceCheckError, check_activations, check_far
from regenerate.activations import TabulatedActivation, cpu, tabulate

FILE = Path(cpu.__file__).with_name("triton_kernels.py")

FUNCTIONS = [
    "relu(x)", "tanh(x)", "swish(x)", "gelu", "mish", "square(x)", "div(exp(x),x)",
    "max(relu(x),elu(x))", "mul(erf(x),softplus(x))", "reciprocal(x)", "div(x,abs(x))", "zero(x)",
]  # fmt: skip
"""Smooth and kinked ones, poles, overflow, what is nowhere a number, and a constant."""

ARCHITECTURES = [
    ("cuda", 80, 32, "cubin"),
    ("cuda", 90, 32, "cubin"),
    ("cuda", 100, 32, "cubin"),
    ("cuda", 120, 32, "cubin"),
    ("hip", "gfx942", 64, "hsaco"),
]
"""A100, H100, B200, RTX 50 and MI300."""

SIGNATURES = {
    "_value_kernel": {"codes": "*i16", "table": "*i16", "value": "*i16"},
    "_both_kernel": {"codes": "*i16", "packed": "*i32", "value": "*i16", "slope": "*i16"},
}


def fresh(name: str) -> ModuleType:
    """Return the kernels as another module: Triton looks at its variables when they are made."""
    spec = importlib.util.spec_from_file_location(name, FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the kernels under Triton's interpreter, in the place of the loops of the CPU."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    kernels = fresh("interpreted_kernels")
    monkeypatch.setattr(cpu, "value", kernels.value)
    monkeypatch.setattr(cpu, "value_and_slope", kernels.value_and_slope)
    return kernels


@pytest.mark.triton
@pytest.mark.parametrize("text", FUNCTIONS)
def test_interpreted_kernels_give_the_tables(text: str, interpreted: ModuleType) -> None:
    assert check_activations([text], "cpu") > 3 * 65_536


@pytest.mark.triton
def test_a_kernel_that_errs_is_found(
    interpreted: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(
        x: torch.Tensor, packed: torch.Tensor, value: torch.Tensor, slope: torch.Tensor
    ) -> None:
        interpreted.value_and_slope(x, packed, slope, value)

    monkeypatch.setattr(cpu, "value_and_slope", swapped)
    with pytest.raises(DeviceCheckError, match=r"value before the slope of tanh\(x\), all inputs"):
        check_activations(["tanh(x)"], "cpu")

    def short(x: torch.Tensor, table: torch.Tensor, value: torch.Tensor) -> None:
        interpreted.value(x.flatten()[:-1], table, value.fill_(0.25).flatten()[:-1])

    monkeypatch.setattr(cpu, "value", short)
    with pytest.raises(DeviceCheckError, match=r"value of tanh\(x\), far out: 1 of 65,536"):
        check_far("tanh(x)", "cpu", count=65_536)


@pytest.mark.triton
@pytest.mark.parametrize(
    ("backend", "architecture", "warp", "binary", "count"),
    [(*each, "i32") for each in ARCHITECTURES] + [(*ARCHITECTURES[0], "i64")],
)
@pytest.mark.parametrize("name", SIGNATURES)
def test_kernels_compile_for_every_architecture(
    name: str,
    backend: str,
    architecture: int | str,
    warp: int,
    binary: str,
    count: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    pointers = SIGNATURES[name]
    source = ASTSource(
        getattr(fresh("compiled_kernels"), name),
        {**pointers, "count": count, "block": "constexpr"},
        constexprs={(len(pointers) + 1,): 1024},
    )
    compiled = triton.compile(source, target=GPUTarget(backend, architecture, warp))
    assert len(compiled.asm[binary]) > 1000


@pytest.mark.gpu
def test_the_gpu_gives_the_tables() -> None:
    assert check_activations(FUNCTIONS, "cuda") > len(FUNCTIONS) * 3 * 65_536
    check_far("tanh(x)", "cuda")


def test_another_device_gathers_in_its_own_memory() -> None:
    """Tensors without content stand for devices that are neither a CPU nor a GPU with Triton."""
    module = TabulatedActivation(tabulate(parse("tanh(x)"))).to("meta")
    x = torch.zeros(2, 3, dtype=torch.bfloat16, device="meta", requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert (y.shape, y.dtype, y.device.type) == (x.shape, torch.bfloat16, "meta")
    assert x.grad is not None
    with torch.no_grad():
        assert module(x).device.type == "meta"
