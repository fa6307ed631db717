"""Functions whose launches are recorded once and replayed: CUDA graphs.

Where arrays are small a step may be bound by the host's launches of its many small operations. A
graph is launched as one. For arguments of the same `Tree`:

    1st call   as it is: compiles, places constants, makes kept memory
    2nd        as it is; then in memory of the recorder, and recorded, on a copy of the arguments
    3rd        replayed, and as it is beside: both must agree to the last bit
    later      replayed

A graph knows addresses, so all that it touches stays while it lives: its arguments' copies, what it
leaves, kept memory of the device that it was handed, and the recorder's, which gives out what the
function frees to other graphs alone; graphs run one after the other, so they may share that.
Constants must not lie there: what the device has forgotten since the first call is placed anew as
the second one begins, outside.
Arguments that stay are read where they are; their address is part of what a graph is known by, so
it reads what it is given, and keeps nothing of them. Results are copied out, as one array of bytes,
and are the caller's. Where anything goes wrong, once is told and everything goes on as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..errors import WITHOUT, Notice
from .device import Device
from .trees import Leaf, Tree, put_back, taken

Key = tuple[Any, ...]  # tree of the arguments, of those that stay, and their addresses

KEPT = 2  # graphs of a function; what they take is planned for, see `memory.recorded`
ALIGNED = 256  # bytes, of an array among the results


class Recorded:
    """A function of device arrays. Its contract: `contract.Kernels.recorded`."""

    def __init__(self, device: Device, function: Callable[..., Any], still: int = 0) -> None:
        self.device, self.function, self.still = device, function, still
        self._graphs: dict[Key, Graph | None] = {}

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives."""
        if self.device.recorder is None or not self.device.records:
            self._graphs.clear()
            return self.function(*arguments)
        leaves: list[Any] = []
        still, moving = arguments[: self.still], arguments[self.still :]
        tree = taken(moving, self.device.xp.ndarray, leaves)
        if not all(each.flags.c_contiguous for each in (*still, *leaves)):
            return self.function(*arguments)  # sums of other layouts are in another order
        key = (tree, taken(still, self.device.xp.ndarray, []), *(x.data.ptr for x in still))
        if key not in self._graphs:
            self._remember(key, None)
            return self.function(*arguments)
        graph = self._graphs.pop(key)
        self._remember(key, graph)
        if graph is not None and graph.trusted:
            return graph.replayed(leaves)
        try:
            return self._first(key, graph, arguments, leaves)
        except Exception as error:  # of a driver or a library, whatever it may be
            self._give_up(f"{type(error).__name__}: {error}")
        return self.function(*arguments)

    def _first(self, key: Key, graph: Graph | None, arguments: Any, leaves: list[Any]) -> Any:
        """The second and the third call."""
        result = self.function(*arguments)
        if graph is None:
            function = partial(self.function, *arguments[: self.still])
            self._graphs[key] = Graph(self.device, function, key[0], leaves)
        elif not graph.agrees(leaves, result):
            self._give_up("what is replayed is not what is computed")
        else:
            graph.trusted = True
        return result

    def _remember(self, key: Key, graph: Graph | None) -> None:
        while len(self._graphs) >= KEPT:
            del self._graphs[next(iter(self._graphs))]
        self._graphs[key] = graph

    def _give_up(self, why: str) -> None:
        """Of all functions of the device, for good."""
        self.device.records = False
        self._graphs.clear()
        warnings.warn(
            f"{WITHOUT} CUDA graphs, with the same results: {why}",
            Notice,
            stacklevel=4,
        )


class Graph:
    """A function's launches for arguments of one tree.

    trusted : whether a replay has been seen to agree
    """

    def __init__(
        self, device: Device, function: Callable[..., Any], tree: Tree, leaves: list[Any]
    ) -> None:
        assert device.recorder is not None
        self.device, self.trusted, results = device, False, list[Any]()
        xp = device.xp
        with device.recorder.apart():
            self.inputs = [xp.empty(leaf.shape, leaf.dtype) for leaf in leaves]
            self._place(leaves)
            arguments = put_back(tree, iter(self.inputs))
            self.result = taken(function(*arguments), xp.ndarray, results)
            self.places, size = places(results)
            self.left = xp.empty((size,), np.uint8)
        results.clear()

        def work() -> None:
            made: list[Any] = []
            same = taken(function(*arguments), xp.ndarray, made) == self.result
            if not same:
                raise TypeError("a result of another shape")
            for view, each in zip(self._views(self.left), made, strict=True):
                view[...] = each

        with device.noted() as self.touched:
            self.launch = device.recorder.record(work)

    def _place(self, leaves: list[Any]) -> None:
        for own, leaf in zip(self.inputs, leaves, strict=True):
            own[...] = leaf

    def _views(self, flat: Any) -> list[Any]:
        """The results in an array of bytes."""
        return [
            flat[first:last].view(leaf.dtype).reshape(leaf.shape)
            for first, last, leaf in self.places
        ]

    def replayed(self, leaves: list[Any]) -> Any:
        """What the function gives for arguments with these arrays."""
        self._place(leaves)
        self.launch()
        return put_back(self.result, iter(self._views(self.left.copy())))

    def agrees(self, leaves: list[Any], result: Any) -> bool:
        """Whether a replay gives that result to the last bit, NaN for NaN."""
        wanted: list[Any] = []
        if taken(result, self.device.xp.ndarray, wanted) != self.result:
            return False
        found: list[Any] = []
        taken(self.replayed(leaves), self.device.xp.ndarray, found)
        pairs = zip(found, wanted, strict=True)
        return all(bool(((x == y) | ((x != x) & (y != y))).all()) for x, y in pairs)


def places(arrays: list[Any]) -> tuple[list[tuple[int, int, Leaf]], int]:
    """First and last byte of every array in one, and how many there are in all."""
    found, size = [], 0
    for each in arrays:
        leaf = Leaf(tuple(each.shape), each.dtype.str)
        last = size + prod(leaf.shape) * each.dtype.itemsize
        found.append((size, last, leaf))
        size = -(-last // ALIGNED) * ALIGNED
    return found, size
