"""Which backend runs, and what is known about the device.

`select` turns the words of a configuration into an object with every function of
`contract.Kernels`. A GPU that was asked for and is absent is an error; only "auto" may choose, and
the head of a run says what it chose. CuPy is imported when a GPU is asked for, never before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .contract import Given, Grid, Kernels, Real, Result, Scheme, Stage, Velocity
from .errors import InputError
from .meter import peak_bytes, seconds
from .reference.activations import Remainder
from .reference.audits import column_audits, narrow_columns
from .reference.combination import combine
from .reference.diffusion import thermal_dissipation, thermal_outflow, thermal_transport
from .reference.faces import face_velocities, outflow
from .reference.interaction import pair_backward, pair_forward
from .reference.lines import LineSums, lines_pay
from .reference.moments import moments
from .reference.overlaps import OverlapSums
from .reference.regrid import regrid
from .reference.roots import cholesky
from .reference.totals import totals
from .reference.transport import BLOCK_CELLS, SLABS, transport

BACKENDS = ("auto", "numpy", "cuda")
KEPT_FREE = 31 << 20  # bytes; what the C library of Linux may learn from ends at 32 MiB
TEMPORARIES = 32  # blocks alive at once, at most
EXTRAS = "bnflow[gpu12], or gpu13 for CUDA 13"
LIBRARIES = {"nvrtc": "NVRTC", "cublas": "cuBLAS", "cufft": "cuFFT", "cusolver": "cuSOLVER"}
OLDEST_CUPY = (14, 2)  # older ones raise without a driver, or do not keep what they compiled


class NumpyKernels:
    """The reference twins, as the backend that every machine has. real : type of its densities"""

    name = "numpy"
    on_host = keeps_overlaps = True
    sorts_from = 0
    chunk = 1 << 14  # 128 KiB: the few arrays of a layer stay in cache

    moments = staticmethod(moments)
    column_audits = staticmethod(column_audits)
    narrow_columns = staticmethod(narrow_columns)
    pair_forward = staticmethod(pair_forward)
    pair_backward = staticmethod(pair_backward)
    lines_pay = staticmethod(lines_pay)
    line_sums = staticmethod(LineSums)
    overlap_sums = staticmethod(OverlapSums)
    combine = staticmethod(combine)
    regrid = staticmethod(regrid)
    totals = staticmethod(totals)
    face_velocities = staticmethod(face_velocities)
    outflow = staticmethod(outflow)
    thermal_outflow = staticmethod(thermal_outflow)
    thermal_dissipation = staticmethod(thermal_dissipation)
    seconds = staticmethod(seconds)
    peak_bytes = staticmethod(peak_bytes)
    cholesky = staticmethod(cholesky)

    def __init__(self, real: Real = "float64") -> None:
        self.real = real
        # Freed at once, which teaches malloc to keep that much: else blocks of a step may go back
        # to the system at their end, and come again page by page, at a fifth of the step.
        np.empty(KEPT_FREE, np.uint8)

    def typed(self, real: Real) -> NumpyKernels:
        """The same for densities of a type."""
        return NumpyKernels(real)

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """The values themselves, contiguous."""
        return np.ascontiguousarray(values, dtype)

    def host(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values themselves."""
        return values

    def about(self) -> dict[str, str]:
        """Nothing: the host is no device."""
        return {}

    def recorded(
        self, function: Callable[Given, Result], still: int = 0
    ) -> Callable[Given, Result]:
        """The function itself: a launch costs the host nothing here."""
        return function

    def remainder(self, remainder: Remainder, z: NDArray[Any]) -> NDArray[Any]:
        """Its own function."""
        return remainder.value(z)

    def memory(self) -> int:
        """Bytes of the machine's memory."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    @staticmethod
    def transport(
        out: NDArray[Any], rho: NDArray[Any], stage: Stage, velocity: Velocity, grid: Grid
    ) -> None:
        """One stage, with heat or without."""
        move = transport if velocity.heat is None else thermal_transport
        move(out, rho, stage, velocity, grid)

    def held(self, shape: tuple[int, ...], scheme: Scheme, noise: bool) -> int:
        """Bytes that kernels take: temporaries of blocks and slabs."""
        directions, slab = prod(shape[:-1]), prod(shape) // shape[1] * (len(shape) - 2) * 2
        block = max(BLOCK_CELLS, prod(shape[2:]), directions if noise else 0)
        slabs = SLABS[scheme] * slab * np.dtype(self.real).itemsize
        return 8 * TEMPORARIES * block + slabs


def select(backend: str, real: Real = "float64") -> Kernels:
    """The kernels of a backend: "numpy", "cuda" or "auto", for densities of that type.

    Raises InputError for another name, and where a GPU is asked for and none can be used.
    """
    if backend not in BACKENDS:
        raise InputError(f'backend = "{backend}" must be auto, numpy or cuda; give "auto"')
    if backend in ("auto", "numpy"):
        return NumpyKernels(real)
    there, found = probe_cuda()
    if not there:
        raise InputError(
            f'run.backend = "cuda": {found}; use "numpy", or "auto" to let bnflow choose'
        )
    from .cuda import CudaKernels, cupy_device

    return CudaKernels(cupy_device(import_module("cupy")), real)


def probe_cuda() -> tuple[bool, str]:
    """Whether CuPy finds a GPU, and one phrase that says what was found."""
    try:
        cupy = import_module("cupy")
    except ImportError:
        return False, f"CuPy is not installed: pip install {EXTRAS}"
    if _version(cupy.__version__) < OLDEST_CUPY:
        return False, f"CuPy {cupy.__version__} is too old: pip install -U {EXTRAS}"
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception as error:
        return False, f"CuPy finds no usable GPU ({type(error).__name__})"
    if count == 0:
        return False, "CuPy finds no GPU"
    if missing := [name for library, name in LIBRARIES.items() if _lacks(cupy, library)]:
        return False, f"CuPy finds no {', no '.join(missing)}: pip install {EXTRAS}"
    return True, str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())


def _lacks(cupy: Any, library: str) -> bool:
    """Whether a library of CUDA is not installed: CuPy comes without, and loads them when asked."""
    try:
        found = getattr(cupy.cuda, library)
        if library == "nvrtc":
            found.getVersion()  # loads it
    except (ImportError, RuntimeError):
        return True
    return False


def _version(text: str) -> tuple[int, ...]:
    """Major and minor."""
    return tuple(int(part) for part in text.split(".")[:2])
