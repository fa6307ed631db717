"""What other kernels are held against does what it says, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.benchmarks.kernel_cases import CHAINS, THREADS, limit_cases
from bnflow.kernels import select
from bnflow.kernels.cuda import CudaKernels

OnHost = Callable[..., CudaKernels]


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_multiply_adds_are_as_many_as_are_counted(real: Any, on_host: OnHost) -> None:
    """x = x/2 + 1 from x_0 is 2 + (x_0 - 2)/2^turns, exact for few turns; x_0 = thread % 32 + i."""
    kernels, turns = on_host(real), 6
    out = np.zeros(2 * THREADS, real)
    module = kernels.module("limits", {"DIMENSION": 2})
    module("multiply_adds", (2,), (THREADS,), turns, 0.5, 1.0, out)
    starts = np.arange(2 * THREADS)[:, None] % 32 + np.arange(CHAINS)
    assert np.array_equal(out, (2 + (starts - 2) / 2**turns).sum(axis=1))


@pytest.mark.parametrize("asked", [1, 1 << 14, 1 << 25])
@pytest.mark.parametrize("backend", ["host", "numpy"])
def test_limits_are_near_what_was_asked_for(asked: int, backend: str, on_host: OnHost) -> None:
    kernels = on_host() if backend == "host" else select("numpy")
    copied, fma = limit_cases(kernels, "float64", 1000, asked)
    assert copied.work == 16 * 1000
    least = 2 * THREADS * CHAINS if backend == "host" else 2
    assert max(0.9 * 2 * asked, least) <= 1.5 * fma.work <= 1.5 * max(1.1 * 2 * asked, least)


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_the_machine_code_of_multiply_adds_is_little_else(real: str, matrix: Any) -> None:
    """Of a turn of the loop, 8 x CHAINS of them and the loop's own three."""
    library, program = matrix.find_nvrtc(), matrix.find_cuobjdump()
    if library is None or program is None:
        pytest.skip("NOT CHECKED, machine code: no NVRTC; pip install bnflow[test-cuda]")
    nvrtc, instance = matrix.Nvrtc(library), matrix.Instance.of("limits", real, DIMENSION=2)
    assert matrix.count(nvrtc, program, matrix.Hot(instance, "multiply_adds", 8 * CHAINS)) <= 1.03
    for architecture in (70, 90, 120):
        assert not any(matrix.compiled(nvrtc, instance, architecture).spills.values())
