"""Launch of an activation's nonlinear part by itself, entry by entry; see elementwise.cu."""

from __future__ import annotations

from typing import Any

from ..reference.activations import Remainder
from .grid import threads
from .module import Module
from .pairs import MODULES, code_of


class Elementwise:
    """One remainder. modules : gives a family's module, for definitions."""

    def __init__(self, modules: MODULES, real: str, remainder: Remainder) -> None:
        code = {"DIMENSION": 2, "REMAINDER": code_of(remainder)}
        self.module: Module = modules("elementwise", code)
        self.device, self.real = self.module.device, real
        listed = remainder.parameters
        self.parameters = self.device.array(listed, real) if listed else None
        self.knots = len(listed) // 2

    def __call__(self, z: Any) -> Any:
        """Of every entry, in the backend's type."""
        z = self.device.array(z, self.real)
        out = self.device.xp.empty(z.shape, self.real)
        words = (z, z.size, self.parameters, self.knots, out)
        self.module("remainder_values", *threads(z.size), *words)
        return out
