"""CUDA C++ on the CPU: `HostModule` has the call shape of `cupy.RawModule`.

The source is compiled by g++ behind host_shim.h, which runs every thread of a block as a fiber.
Launches raise on barrier divergence, deadlock, and arguments whose number or size is wrong. `order`
says in which order the threads of a block run between barriers: 0 as numbered, 1 backwards, else a
seed. Compiled libraries stay in a folder, by a digest of everything that they depend on.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHIM = Path(__file__).with_name("host_shim.h")
HEADERS = (SHIM, SHIM.with_name("host_builtins.h"))
KERNEL = re.compile(
    r'extern "C" __global__ void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\(([^)]*)\)'
)
FLAGS = (
    *("-std=c++17", "-fPIC", "-shared", "-ffp-contract=off"),
    *(("-mfma", "-mavx2") if platform.machine() == "x86_64" else ()),
    *("-fno-strict-aliasing", "-Wno-unknown-pragmas", "-Wno-attributes"),
)


class HostModule:
    """The kernels of a source.

    folder : of compiled libraries; sanitize : of g++ -fsanitize; edit : of the source, before
    last : by a kernel's name, how many of the blocks of a launch run, from the end; 0 is all
    """

    def __init__(
        self,
        code: str,
        options: Sequence[str] = (),
        *,
        folder: Path,
        sanitize: str = "",
        optimise: str = "-O1",
        order: int = 0,
        edit: Callable[[str], str] = str,
        last: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self.order, self.last, code = order, last, edit(code)
        self.kernels = [name for name, _ in KERNEL.findall(code)]
        exports = "".join(f"\nSHIM_EXPORT(shim_{name}, {name})" for name in self.kernels)
        defined = [option for option in options if option.startswith("-D")]
        flags = [*FLAGS, optimise, *defined]
        if sanitize:
            flags += [f"-fsanitize={sanitize}", "-g1", "-fno-omit-frame-pointer"]
        self.library = ctypes.CDLL(str(self._compiled(code + exports + "\n", flags, folder)))
        self.library.shim_error.restype = ctypes.c_char_p

    @staticmethod
    def _compiled(text: str, flags: list[str], folder: Path) -> Path:
        parts = [text, *(header.read_text() for header in HEADERS), *flags]
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        library = folder / f"{key[:24]}.so"
        if not library.exists():
            source, part = library.with_suffix(".cpp"), library.with_suffix(f".{os.getpid()}")
            source.write_text(text)
            command = ["g++", *flags, "-include", str(SHIM), "-o", str(part), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            part.replace(library)
        return library

    def get_function(self, name: str) -> Any:
        """The kernel, called as (grid, block, arguments)."""
        entry = getattr(self.library, f"shim_{name}")

        def launch(grid: Any, block: Any, arguments: Any, *, shared_mem: int = 0) -> None:
            packed = [np.array(_passed(x)) for x in arguments]
            places = (ctypes.c_void_p * max(1, len(packed)))(*(x.ctypes.data for x in packed))
            sizes = (ctypes.c_int * max(1, len(packed)))(*(x.nbytes for x in packed))
            shape = [(ctypes.c_int * 3)(*(*extent, 1, 1)[:3]) for extent in (grid, block)]
            memory = ctypes.c_size_t(shared_mem)
            self.library.shim_last(ctypes.c_long(self.last(name)))
            if entry(*shape, memory, places, sizes, len(packed), self.order):
                raise RuntimeError(f"{name}: {self.library.shim_error().decode()}")

        return launch


def _passed(argument: Any) -> Any:
    """CuPy's rule: an array is its address, a NumPy number itself, others are 8 bytes."""
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return np.uint64(argument.ctypes.data)
    if isinstance(argument, np.generic):
        return argument
    return np.float64(argument) if isinstance(argument, float) else np.int64(argument)
