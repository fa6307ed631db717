"""Which backend runs, and what is known about the device.

`select` turns the words of a configuration into an object with every function of
`contract.Kernels`. A GPU that was asked for and is absent is an error; only "auto" may choose, and
`describe` says what it chose. This release has the NumPy backend alone.
"""

from __future__ import annotations

import os
from importlib import import_module

import numpy as np

from .contract import Kernels
from .errors import InputError
from .reference.diffusion import thermal_dissipation, thermal_outflow, thermal_transport
from .reference.faces import face_velocities, outflow
from .reference.interaction import pair_backward, pair_forward
from .reference.lines import LineSums
from .reference.moments import moments
from .reference.transport import transport

KEPT_FREE = 31 << 20  # bytes; what the C library of Linux may learn from ends at 32 MiB


class NumpyKernels:
    """The reference twins, as the backend that every machine has."""

    name = "numpy"

    moments = staticmethod(moments)
    pair_forward = staticmethod(pair_forward)
    pair_backward = staticmethod(pair_backward)
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

    def memory(self) -> int:
        """Bytes of the machine's memory."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def select(backend: str) -> Kernels:
    """The kernels of a backend: "numpy", "cuda" or "auto".

    Raises InputError where a GPU is asked for and none can be used.
    """
    if backend in ("auto", "numpy"):
        return NumpyKernels()
    _, reason = probe_cuda()
    raise InputError(f'run.backend = "cuda": {reason}; use "numpy", or "auto" to let bnflow choose')


def probe_cuda() -> tuple[bool, str]:
    """Whether CuPy finds a GPU, and one phrase that says what was found."""
    try:
        cupy = import_module("cupy")
    except ImportError:
        return False, "CuPy is not installed, and the CUDA kernels are not yet in this version"
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:
        return False, f"CuPy finds no usable GPU ({type(error).__name__})"
    if count == 0:
        return False, "CuPy finds no GPU"
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return True, f"{name} is there, but the CUDA kernels are not yet in this version"
