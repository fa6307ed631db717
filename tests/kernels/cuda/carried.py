"""A backend for NumPy's arrays: they are carried to its device and back, call by call.

So a case that is written with NumPy's arrays runs on any device. What the contract keeps on the
host (values of a, the connectivity, lines) stays there; all other arrays go, also those in a
velocity or a stencil, an array that comes twice as one, and the arguments come back, for a call may
have written in them. What a call makes, as `line_sums` does, is carried to in its turn.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from inspect import signature
from typing import Any

import numpy as np

from bnflow.kernels.contract import Connectivity, Kernels, Lines
from bnflow.kernels.reference.activations import Remainder

STAY = (Connectivity, Lines, Remainder)
ON_HOST = ("a_values",)
PLAIN = (bool, int, float, str, np.generic, type(None))


class Carried:
    """What `target` computes, between arrays of NumPy: a backend, or sums that it has made.

    kernels : the backend
    """

    def __init__(self, target: Any, kernels: Kernels) -> None:
        self.target, self.kernels = target, kernels

    def __getattr__(self, name: str) -> Any:
        return self._back(getattr(self.target, name))

    def __call__(self, *words: Any, **more: Any) -> Any:
        given = signature(self.target).bind(*words, **more)
        own, seen = dict(given.arguments), dict[int, Any]()
        there = self._fields_there(own, seen)
        given.arguments.update(there)
        result = self.target(*given.args, **given.kwargs)
        for name, value in own.items():
            if isinstance(value, np.ndarray) and value.flags.writeable:
                value[...] = self.kernels.host(there[name])
        return self._back(result)

    def _fields_there(self, values: dict[str, Any], seen: dict[int, Any]) -> dict[str, Any]:
        return {
            name: value if name in ON_HOST else self._there(value, seen)
            for name, value in values.items()
        }

    def _there(self, value: Any, seen: dict[int, Any]) -> Any:
        if isinstance(value, STAY):
            return value
        if isinstance(value, np.ndarray):
            if id(value) not in seen:
                seen[id(value)] = self.kernels.array(value, value.dtype)
            return seen[id(value)]
        if isinstance(value, list | tuple):
            return type(value)(self._there(each, seen) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            own = {f.name: getattr(value, f.name) for f in fields(value)}
            return replace(value, **self._fields_there(own, seen))
        return value

    def _back(self, value: Any) -> Any:
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, list | tuple):
            return type(value)(self._back(each) for each in value)
        return self.kernels.host(value) if hasattr(value, "dtype") else Carried(value, self.kernels)
