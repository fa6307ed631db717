"""A density on another axis, and sums of wholes, to the last bit: cases of exercise.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnflow.kernels import select
from bnflow.kernels.cuda import CudaKernels

Array = Any
TWIN = select("numpy")


def regrid(kernels: CudaKernels) -> float:
    """0 where every axis that grows or shrinks, from one cell and from more than a block's, is the
    twin's in all bits.
    """
    rng = np.random.default_rng(1)
    for d, n, count in ((2, 1, 1), (2, 5, 33), (3, 3, 7), (2, 1, 300)):
        rho = rng.random((2 * d, *[n] * (d - 1), count))
        for below, above in ((0, 1), (3, 0), (1, 32), (40, 97), (-(count // 2), 2), (1, -count)):
            for real in ("float64", "float32"):
                old = np.ascontiguousarray(rho, real)
                got, wanted = (k.regrid(old, below, above) for k in (kernels, TWIN))
                if got.dtype != old.dtype or not np.array_equal(got, wanted):
                    return np.inf
    return 0.0


def totals(kernels: CudaKernels) -> float:
    """Rows from one entry to three levels of blocks: near the twin's, and in the order of totals.cu
    to the last bit.
    """
    rng, worst = np.random.default_rng(1), 0.0
    for rows, count in ((1, 1), (3, 31), (1, 256), (2, 257), (5, 1009), (1, 70_001)):
        values, weights = rng.normal(size=(rows, count)), rng.normal(size=count)
        for by in (None, weights):
            got, wanted = (k.totals(values.reshape(rows, 1, count), by) for k in (kernels, TWIN))
            terms = values if by is None else values * by
            if not np.array_equal(got, halved(terms)):
                return np.inf
            # of both: an eps for each sum on the way, of 16 and of all halvings
            scale = (20 + np.log2(count)) * np.abs(terms).sum(axis=1)
            worst = max(
                worst, float((np.abs(got - wanted) / (2 * np.finfo(float).eps * scale)).max())
            )
    return worst


def halved(terms: Array) -> Array:
    """Sums of rows in blocks of 256, the second half onto the first; then of blocks."""
    while True:
        short = -terms.shape[1] % 256
        terms = np.pad(terms, [(0, 0), (0, short)]).reshape(len(terms), -1, 256)
        for reach in (128, 64, 32, 16, 8, 4, 2, 1):
            terms = terms[..., :reach] + terms[..., reach : 2 * reach]
        terms = terms[..., 0]
        if terms.shape[1] == 1:
            return terms[:, 0]
