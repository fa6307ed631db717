"""The same cases on a GPU, by CuPy: `pytest -m gpu`; whole runs are in test_run.py.

That cases can be carried to a device at all is seen without one.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bnflow.kernels.cuda import CudaKernels

Carried = Callable[[CudaKernels], Any]


@pytest.mark.parametrize(
    "family",
    [
        *("directions", "transport muscl", "pairs abs"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("thermal weno", "tiles bent")),
    ],
)
def test_a_case_can_be_carried_to_a_device(
    family: str, exercise: Any, on_device: CudaKernels, carried: Carried
) -> None:
    case = next(case for case in exercise.cases() if case.name.startswith(family))
    assert case.check(carried(on_device)) <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("real", ["float64", "float32"])
def test_all_kernels_on_a_gpu(
    real: str, exercise: Any, on_gpu: Callable[[Any], CudaKernels], carried: Carried
) -> None:
    kernels = carried(on_gpu(real))
    worst = {case.name: case.check(kernels) for case in exercise.cases()}
    assert {name: error for name, error in worst.items() if not error <= 1} == {}
