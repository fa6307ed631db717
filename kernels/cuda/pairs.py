"""Launches of the sums over pairs of neurons and data rows; see pairs.cu, tiles.cu, sums.cu.

Small d has kernels of its own, larger d is tiled. The summed index is split so that all of a large
GPU has work; into how many parts depends on the sizes alone, so results do not depend on the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError
from ..reference.activations import Remainder
from .device import Device
from .grid import threads
from .module import Module

MODULES = Callable[[str, dict[str, int]], Module]
NAMES = (
    "abs",
    "square",
    "cos",
    "gelu",
    "softplus",
    "erf",
    "tanh",
    "sin",
    "sign",
    "bent",
    "clipped",
    "overlap",
)
REMAINDERS = {name: code for code, name in enumerate(NAMES)}  # as in remainders.cu
REGISTERS = 8  # largest d that pairs.cu is compiled for
PAIR_THREADS, TILE = 256, 256
TILE_NEURONS, TILE_ROWS = 64, 32
BLOCKS = 528  # wanted; two a multiprocessor of the largest GPUs, twice


def parts(blocks: int, length: int, tile: int) -> tuple[int, int]:
    """Into how many parts a sum of that length is split, and how long each is, whole tiles."""
    tiles = max(1, -(-length // tile))
    wanted = min(tiles, max(1, -(-BLOCKS // max(blocks, 1))))
    per_part = -(-tiles // wanted)
    return -(-tiles // per_part), per_part * tile


def code_of(remainder: Remainder) -> int:
    """As in remainders.cu; InputError where it has none."""
    if remainder.name not in REMAINDERS:
        raise InputError(
            f'activation "{remainder.name}" is a Python function, which the CUDA kernels cannot '
            'call; give backend = "numpy"'
        )
    return REMAINDERS[remainder.name]


class PairSums:
    """The sums of one remainder in one dimension. modules : gives a family's, for definitions."""

    def __init__(self, modules: MODULES, real: str, remainder: Remainder, dimension: int) -> None:
        self.dimension, self.degree = dimension, remainder.degree or 0
        self.small = dimension <= REGISTERS
        code = {"REMAINDER": code_of(remainder)}
        family = "pairs" if self.small else "tiles"
        self.module = modules(family, {"DIMENSION": dimension if self.small else 2, **code})
        self.sums = modules("sums", {"DIMENSION": 2})
        device = self.module.device
        listed = bool(remainder.parameters)
        self.parameters = device.array(remainder.parameters, real) if listed else None
        self.knots = len(remainder.parameters) // 2
        per_thread = (4 if dimension <= 4 else 2) * 4 // np.dtype(real).itemsize
        self.per_block = PAIR_THREADS * per_thread

    @property
    def device(self) -> Device:
        """Where they run."""
        return self.module.device

    def forward(self, points: Any, data: Any, weights: Any) -> Any:
        """(rows,): sum_j weights_j remainder(points_j . data_k)."""
        neurons, rows = len(points), len(data)
        blocks = -(-rows // (self.per_block if self.small else TILE_ROWS))
        splits, length = parts(blocks, neurons, TILE)
        partial = self.device.scratch("pairs", (splits, rows))
        sizes = (rows,) if self.small else (rows, self.dimension)
        self.module(
            "pair_forward" if self.small else "tiled_forward",
            (blocks, splits),
            (PAIR_THREADS,),
            points,
            weights,
            neurons,
            length,
            data,
            *sizes,
            self.parameters,
            self.knots,
            partial,
        )
        out = self.device.xp.empty(rows)
        self.sums("finish_forward", *threads(rows), partial, splits, rows, out)
        return out

    def backward(self, points: Any, data: Any, residual: Any) -> tuple[Any, Any]:
        """(neurons,) and (neurons, d): sums of residual x {remainder, remainder' x}."""
        neurons, rows = len(points), len(data)
        count = self.dimension + (not self.degree)
        blocks = -(-neurons // (self.per_block if self.small else TILE_NEURONS))
        columns = 1 if self.small else -(-self.dimension // TILE_NEURONS)
        splits, length = parts(blocks * columns, rows, TILE)
        partial = self.device.scratch("pairs", (splits, count, neurons))
        sizes = (neurons,) if self.small else (neurons, self.dimension)
        self.module(
            "pair_backward" if self.small else "tiled_backward",
            (blocks, splits, columns),
            (PAIR_THREADS,),
            data,
            residual,
            rows,
            length,
            points,
            *sizes,
            self.parameters,
            self.knots,
            partial,
        )
        out, gradients = self.device.xp.empty(neurons), self.device.xp.empty(points.shape)
        self.sums(
            "finish_backward",
            *threads(neurons),
            partial,
            splits,
            count,
            points,
            neurons,
            self.dimension,
            self.degree,
            out,
            gradients,
        )
        return out, gradients
