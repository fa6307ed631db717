"""Which backend runs, and what is known about the device.

`select` turns the words of a configuration into an object with every function of
`contract.Kernels`. A GPU that was asked for and is absent is an error; only "auto" may choose, and
the head of a run says what it chose. CuPy is imported when a GPU is asked for, never before.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .contract import Kernels
from .errors import InputError
from .reference.diffusion import thermal_dissipation, thermal_outflow, thermal_transport
from .reference.faces import face_velocities, outflow
from .reference.interaction import pair_backward, pair_forward
from .reference.lines import LineSums, lines_pay
from .reference.moments import moments
from .reference.transport import transport

KEPT_FREE = 31 << 20  # bytes; what the C library of Linux may learn from ends at 32 MiB
OLDEST_CUPY = (14, 2)  # older ones raise without a driver, or do not keep what they compiled


class NumpyKernels:
    """The reference twins, as the backend that every machine has."""

    name = "numpy"

    moments = staticmethod(moments)
    pair_forward = staticmethod(pair_forward)
    pair_backward = staticmethod(pair_backward)
    lines_pay = staticmethod(lines_pay)
    line_sums = staticmethod(LineSums)
    face_velocities = staticmethod(face_velocities)
    outflow = staticmethod(outflow)
    transport = staticmethod(transport)
    thermal_transport = staticmethod(thermal_transport)
    thermal_outflow = staticmethod(thermal_outflow)
    thermal_dissipation = staticmethod(thermal_dissipation)

    def __init__(self) -> None:
        # Freed at once, which teaches malloc to keep that much: else blocks of a step may go back
        # to the system at their end, and come again page by page, at a fifth of the step.
        np.empty(KEPT_FREE, np.uint8)

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """The values themselves, contiguous."""
        return np.ascontiguousarray(values, dtype)

    def host(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values themselves."""
        return values

    def memory(self) -> int:
        """Bytes of the machine's memory."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def select(backend: str) -> Kernels:
    """The kernels of a backend: "numpy", "cuda" or "auto".

    Raises InputError where a GPU is asked for and none can be used.
    """
    if backend in ("auto", "numpy"):
        return NumpyKernels()
    there, found = probe_cuda()
    if not there:
        raise InputError(
            f'run.backend = "cuda": {found}; use "numpy", or "auto" to let bnflow choose'
        )
    from .cuda import CudaKernels, cupy_device

    return CudaKernels(cupy_device(import_module("cupy")))


def probe_cuda() -> tuple[bool, str]:
    """Whether CuPy finds a GPU, and one phrase that says what was found."""
    try:
        cupy = import_module("cupy")
    except ImportError:
        return False, "CuPy is not installed: pip install bnflow[gpu12], or gpu13 for CUDA 13"
    if _version(cupy.__version__) < OLDEST_CUPY:
        return False, f"CuPy {cupy.__version__} is too old: pip install -U cupy-cuda12x"
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:
        return False, f"CuPy finds no usable GPU ({type(error).__name__})"
    if count == 0:
        return False, "CuPy finds no GPU"
    return True, str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())


def _version(text: str) -> tuple[int, ...]:
    """Major and minor."""
    return tuple(int(part) for part in text.split(".")[:2])
