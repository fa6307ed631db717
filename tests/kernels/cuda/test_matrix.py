"""Machine code for real GPUs, made without one: no kernel spills a register, no hot loop grows.

One instance a family on three architectures; all of them by `python matrix.py`.
"""

from itertools import product
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda.thermal import flowing, tile


@pytest.fixture(scope="module")
def nvrtc(matrix: Any) -> Any:
    if matrix.find_nvrtc() is None:
        pytest.skip("NOT CHECKED, CUDA for real GPUs: no NVRTC; pip install bnflow[test-cuda]")
    return matrix.Nvrtc(matrix.find_nvrtc())


@pytest.mark.parametrize("architecture", [70, 90, 120])
def test_no_kernel_spills(architecture: int, matrix: Any, nvrtc: Any) -> None:
    for instance in matrix.one_a_family():
        compiled = matrix.compiled(nvrtc, instance, architecture)
        assert compiled.registers
        assert {kernel: size for kernel, size in compiled.spills.items() if size} == {}


def test_a_spill_is_seen(matrix: Any, nvrtc: Any) -> None:
    code = """extern "C" __global__ void __launch_bounds__(1024, 2) f(const double *x, double *y) {
      double held[64];
      for (int i = 0; i < 64; i++) held[i] = x[i + threadIdx.x];
      for (int k = 0; k < x[0]; k++)
        for (int i = 0; i < 64; i++) held[i] = held[i] * held[(i + 1) % 64] + x[k];
      for (int i = 0; i < 64; i++) y[i + threadIdx.x] = held[i];
    }"""
    assert nvrtc.compile(code, 90, ["--std=c++17"]).spills["f"] > 0


@pytest.mark.parametrize(
    ("family", "kernel"),
    [
        ("pairs", "pair_forward"),
        ("transport", "transport_stage"),
        ("thermal", "thermal_stage"),
        ("outflow", "thermal_outflow"),
        ("line_forward", "line_forward"),
        ("line_backward", "line_backward"),
    ],
)
def test_hot_loops_keep_to_their_budget(family: str, kernel: str, matrix: Any, nvrtc: Any) -> None:
    program = matrix.find_cuobjdump()
    if program is None:
        pytest.skip("NOT CHECKED, machine code: no cuobjdump; pip install bnflow[test-cuda]")
    loop = next(h for h in matrix.hot() if (h.instance.family, h.kernel) == (family, kernel))
    budget = matrix.budgets()[str(loop.instance), kernel]
    counted = matrix.count(nvrtc, program, loop)
    assert counted <= matrix.GROWTH * budget
    assert counted >= budget / 2  # else it is another loop that is counted


def test_budgets_hold_what_the_issue_of_speed_asks(matrix: Any) -> None:
    """Instructions a pair of neuron and row, and a cell of transport, in d = 3: the ceilings on a
    GPU follow from them. The limiter of the measure is van Leer's; ours comes with its balance.
    """
    known = matrix.budgets()
    for limiter in ({}, {"VAN_LEER": 1}):
        definitions = {"DIMENSION": 3, "SCHEME": 1, **matrix.tile(4, 3), **limiter}
        instance = str(matrix.Instance.of("transport", "float32", **definitions))
        assert known[instance, "transport_stage"] <= 95
    for name, forward, backward in (("abs", 4.4, 8.7), ("tanh", 10.6, 16.9)):
        instance = f"pairs float32 DIMENSION=3 REMAINDER={matrix.REMAINDERS[name]}"
        assert known[instance, "pair_forward"] <= forward
        assert known[instance, "pair_backward"] <= backward
    ahead, back = (loop for loop in matrix.hot() if loop.instance.family.startswith("line_"))
    assert 64 * known[str(ahead.instance), "line_forward"] <= 960
    assert 4 * known[str(back.instance), "line_backward"] <= 68


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_what_runs_at_a_temperature_is_what_is_compiled(real: str, matrix: Any) -> None:
    compiled, schemes = set(matrix.instances()), ("upwind", "muscl", "weno")
    met = 0
    for d, count, number in product((2, 3, 4, 5), (32, 64, 128, 256), range(3)):
        rho = np.broadcast_to(np.zeros((), real), (2 * d, *[4] * (d - 1), count))
        assert matrix.Instance.of("outflow", real, **flowing(rho, moves=True)) in compiled
        defined = tile(rho, schemes[number], moves=True)
        if defined["LANES"] in (0, 32):  # more lanes ask for more, so 32 stand for all
            assert matrix.Instance.of("thermal", real, **defined) in compiled
            met += 1
    assert met >= 24


@pytest.mark.parametrize(("real", "entries"), [("float32", 3), ("float64", 6)])
def test_bins_of_lines_are_added_to_by_native_integer_atomics(
    real: str, entries: int, matrix: Any, nvrtc: Any
) -> None:
    """Of 32 bits: others, and floats, are loops of compare and swap."""
    program = matrix.find_cuobjdump()
    if program is None:
        pytest.skip("NOT CHECKED, machine code: no cuobjdump; pip install bnflow[test-cuda]")
    instance = matrix.Instance.of("line_backward", real, **matrix.LINES)
    cubin = matrix.compiled(nvrtc, instance, 90).cubin
    code = matrix.instructions(cubin, program)["line_backward"]
    found = [operation for _, operation, _ in code if operation.startswith(("ATOM", "RED"))]
    assert set(found) == {"ATOMS.ADD"}
    assert len(found) >= entries
    if real == "float32":
        loop = matrix.longest_loop(code, False)
        assert sum(operation == "ATOMS.ADD" for _, operation, _ in loop) == 16 * entries
