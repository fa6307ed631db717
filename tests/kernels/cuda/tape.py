"""CUDA graphs without a GPU: work is recorded by addresses and done again, as a stream captures.

While a tape runs nothing is computed. Operations are noted with the places of their arguments and
of their results, not with the arrays, which are given back to the pool as they would be; kernels
with what they are launched with. What CuPy refuses while a stream captures is refused here: numbers
that the host reads or brings, libraries of matrices, transforms and sorts, and more arrays side by
side than it joins without a table from the host. A replay begins with poison in all memory that is
free.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

LIBRARIES = {
    *("matmul", "dot", "vdot", "inner", "einsum", "tensordot", "cholesky", "solve", "eigh", "svd"),
    *("fft", "ifft", "rfft", "irfft"),
    *("sort", "argsort", "searchsorted", "cumsum", "nonzero", "unique"),
}
JOINED = 8  # arrays, at most, by `concatenate` and `stack`


class Recorder:
    """What `device.Recorder` asks for, on the arrays of a `device_arrays` module."""

    def __init__(self, arrays: Any) -> None:
        self.arrays, self.pool = arrays, arrays.Pool()
        self.tapes: list[Tape] = []

    @contextmanager
    def apart(self) -> Iterator[None]:
        """In memory of its own."""
        xp = self.arrays.xp
        outside, xp.pool = xp.pool, self.pool
        try:
            yield
        finally:
            xp.pool = outside

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What `work` does, to be done again."""
        xp, tape = self.arrays.xp, Tape(self.arrays)
        with self.apart():
            xp.tape = tape
            try:
                work()
            finally:
                xp.tape = None
        self.tapes.append(tape)
        known = weakref.ref(self.pool)  # a graph keeps no pool

        def launch() -> None:
            xp.launches += 1
            if (pool := known()) is not None:
                pool.poison()
            tape.replay()

        return launch


class Tape:
    """Operations in order."""

    def __init__(self, arrays: Any) -> None:
        self.arrays, self.steps, self.replays = arrays, list[Callable[[], Any]](), 0

    def replay(self) -> None:
        """Do all again."""
        self.replays += 1
        for step in self.steps:
            step()

    def run(self, name: str, function: Callable[..., Any], words: Any, more: Any) -> Any:
        """Note an operation; its result is poison yet."""
        arrays = self.arrays
        joined = len(words[0]) if name in ("concatenate", "stack") else 0
        if name in LIBRARIES or joined > JOINED:
            raise NotImplementedError(f"{name} while work is recorded")
        given, options = self._places(words), self._places(more)
        if name == "setitem" or "out" in more:
            self.steps.append(lambda: function(*given, **options))
            return more["out"][0] if "out" in more else None
        with np.errstate(all="ignore"):  # for its shape alone: what is there is poison
            found = np.asarray(function(*given, **options))
        if self._is_view(found, given):
            return arrays.DeviceArray(function(*arrays._off(words), **arrays._off(more)))
        made = arrays.DeviceArray(arrays.xp.pool.empty(found.shape, found.dtype))
        made.held[...] = np.frombuffer(b"\xff" * found.itemsize, found.dtype)[0]
        place = self._places(made)

        def again() -> None:
            place[...] = function(*given, **options)

        if name != "empty_like":
            self.steps.append(again)
        return made

    def launch(self, function: Any, grid: Any, block: Any, words: Any, more: Any) -> None:
        """Note a kernel."""
        given = tuple(self._places(x) for x in words)
        self.steps.append(lambda: function(grid, block, given, **more))

    def _places(self, value: Any) -> Any:
        """Arrays at the same addresses, whoever has the memory then."""
        if isinstance(value, self.arrays.DeviceArray):
            held = value.held
            interface = dict(held.__array_interface__)
            interface["strides"] = held.strides
            return np.asarray(SimpleNamespace(__array_interface__=interface))
        if isinstance(value, tuple | list):
            return type(value)(self._places(x) for x in value)
        if isinstance(value, dict):
            return {name: self._places(x) for name, x in value.items()}
        return self.arrays._off(value)

    @staticmethod
    def _is_view(found: Any, given: Any) -> bool:
        arrays = [x for x in given if isinstance(x, np.ndarray)]
        return any(np.may_share_memory(found, x) for x in arrays)
