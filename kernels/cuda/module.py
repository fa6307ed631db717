"""The one place that compiles kernels and launches them.

A module is a few `.cu` files, joined, under a handful of definitions (d, scheme or activation,
type). Its kernels are called by name; every argument is checked against the declaration in the
source, which says how it is converted too:

    const real *x, double *y   an array on the device, of that type, contiguous and aligned; or None
    int n, double w, ..        a Python number

`fixed` is the integer of as many bits as `real`.

A declaration is read as it is written: one type, perhaps `const`, perhaps `*`, one name.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from ..errors import COMPILED, Notice
from .device import Device

MARCH = ("common", "halo", "tile", "states", "lines", "outer", "columns", "march")
FAMILIES = {
    "limits": ("common", "limits"),
    "directions": ("common", "halo", "directions"),
    "transport": (*MARCH, "transport"),
    "heat": ("common", "halo", "gradient", "largest", "heat"),
    "thermal": (*MARCH, "gradient", "driven", "thermal"),
    "outflow": ("common", "halo", "tile", "gradient", "driven", "outflow"),
    "pairs": ("common", "remainders", "pairs"),
    "tiles": ("common", "remainders", "tiles"),
    "audits": ("common", "halo", "audits"),
    "sums": ("common", "sums"),
    "elementwise": ("common", "remainders", "elementwise"),
    "combination": ("common", "combination"),
    "regrid": ("common", "regrid"),
    "totals": ("common", "totals"),
    "line_forward": ("common", "remainders", "nodes", "line_forward"),
    "line_backward": ("common", "remainders", "nodes", "bins", "line_backward"),
}
OPTIONS = ("--std=c++17", "-ftz=true")  # the second is CuPy's own, for all that it compiles
UNASKED = 48 << 10  # bytes of shared memory that a launch has without asking
SLOW = 2.0  # seconds; a compilation that takes longer is told

_KERNEL = re.compile(
    r'extern "C" __global__ void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\(([^)]*)\)'
)
_PARAMETER = re.compile(r"(const )?([\w ]+?)\s*(\*)?\s*(?:__restrict__ )?(\w+)")


@dataclass(frozen=True)
class Parameter:
    """name; dtype : of the number, or of the array's entries; array : whether it is a pointer."""

    name: str
    dtype: np.dtype[Any]
    array: bool


@cache
def source(family: str) -> str:
    """The text of a family's files, joined."""
    room = files(__package__)
    return "\n".join((room / f"{part}.cu").read_text(encoding="utf-8") for part in FAMILIES[family])


def declarations(text: str, real: str) -> dict[str, list[Parameter]]:
    """The kernels of a source and their parameters; `real` is what that type means."""
    types = {"real": real, "double": "float64", "int": "int32", "long long": "int64"}
    types["fixed"] = {"float32": "int32", "float64": "int64"}[real]
    kernels: dict[str, list[Parameter]] = {}
    for name, parameters in _KERNEL.findall(text):
        kernels[name] = []
        for words in parameters.split(","):
            match = _PARAMETER.fullmatch(" ".join(words.split()))
            assert match is not None, f"{name}: cannot read the parameter {words!r}"
            dtype = np.dtype(types[match[2]])
            kernels[name].append(Parameter(match[4], dtype, match[3] is not None))
    return kernels


def options(real: str, definitions: dict[str, int]) -> tuple[str, ...]:
    """The compiler's, for a type and definitions."""
    c_type = {"float32": "float", "float64": "double"}[real]
    return (*OPTIONS, f"-DREAL={c_type}", *(f"-D{k}={v}" for k, v in definitions.items()))


class Module:
    """The kernels of a family, compiled for one device, type and set of definitions."""

    def __init__(self, device: Device, family: str, real: str, definitions: dict[str, int]) -> None:
        self.device, self.family, self.definitions = device, family, definitions
        text = source(family)
        self._declared = declarations(text, real)
        self._module = device.raw_module(code=text, options=options(real, definitions))
        self._functions: dict[str, Any] = {}

    def __call__(
        self,
        kernel: str,
        grid: Sequence[int],
        block: Sequence[int],
        *arguments: Any,
        shared: int = 0,
    ) -> None:
        """Launch a kernel on the current stream; nothing is waited for. An empty grid is none.

        shared : bytes of dynamic shared memory of a block
        """
        if kernel not in self._functions:
            self._functions[kernel] = self._compiled(kernel)
        declared = self._declared[kernel]
        if len(arguments) != len(declared):
            raise TypeError(f"{kernel} takes {len(declared)} arguments, not {len(arguments)}")
        checked = tuple(
            self._checked(kernel, parameter, argument)
            for parameter, argument in zip(declared, arguments, strict=True)
        )
        if all(grid):
            function = self._functions[kernel]
            if shared > UNASKED:
                function.max_dynamic_shared_size_bytes = shared
            function(tuple(grid), tuple(block), checked, shared_mem=shared)

    def _compiled(self, kernel: str) -> Any:
        began = time.perf_counter()
        function = self._module.get_function(kernel)
        if (took := time.perf_counter() - began) > SLOW:
            warnings.warn(
                f"{COMPILED} the CUDA kernels of {self.family} in {took:.0f} s; CuPy keeps them",
                Notice,
                stacklevel=2,
            )
        return function

    def _checked(self, kernel: str, parameter: Parameter, argument: Any) -> Any:
        """The argument as it is passed, or a TypeError."""
        where = f"{kernel}({parameter.name})"
        if not parameter.array:
            number = parameter.dtype.type(argument)
            if parameter.dtype.kind == "i" and number != argument:
                raise TypeError(f"{where}: {argument} is no {parameter.dtype}")
            return number
        if argument is None:
            return np.uint64(0)
        if not isinstance(argument, self.device.xp.ndarray):
            raise TypeError(f"{where}: {type(argument).__name__} is no array of the device")
        if argument.dtype != parameter.dtype:
            raise TypeError(f"{where}: entries are {argument.dtype}, not {parameter.dtype}")
        if not argument.flags.c_contiguous:
            raise TypeError(f"{where}: the array is not contiguous")
        return argument
