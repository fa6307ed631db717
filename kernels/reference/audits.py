"""Audits of a density that read all of its cells: one number a column of a, in blocks in cache.

    column_audits   smallest value; sum rho log rho, 0 log 0 = 0; sum |a| rho; count of not finite
    narrow_columns  sum of rho over cells that stand out from both neighbours along an axis, as a
                    ridge too narrow: low + high < 2 share centre

Along the axes of a panel a cell has neighbours within its panel alone, along a within the walls.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .interaction import tiles

Array = NDArray[np.float64]

BLOCK = 1 << 15  # entries of a block, at least a column


def column_audits(rho: Array, a_values: Array) -> Array:
    """(4, 2d, n, .., n): see above; the smallest value is NaN where an entry is not finite."""
    out = np.empty((4, *rho.shape[:-1]))
    rows, found = rho.reshape(-1, rho.shape[-1]), out.reshape(4, -1)
    sizes = np.abs(a_values)
    for part in tiles(len(rows), max(1, BLOCK // rows.shape[1])):
        q = rows[part].astype(float, copy=False)
        found[0, part] = q.min(axis=-1)
        log = np.log(np.where(q > 0, q, 1.0))
        found[1, part] = np.einsum("ji,ji->j", q, log, dtype=float)
        found[2, part] = np.einsum("ji,i->j", q, sizes)
        found[3, part] = 0.0
        if not np.isfinite(found[2, part]).all():  # else every entry is
            found[3, part] = np.count_nonzero(~np.isfinite(q), axis=-1)
            found[0, part][found[3, part] > 0] = np.nan
    return out


def narrow_columns(rho: Array, share: float, *, along_a: bool) -> Array:
    """(2d, n, .., n): see above; along_a : whether a is an axis of cells, and not a list."""
    out = np.empty(rho.shape[:-1])
    for panel, q in enumerate(rho):
        narrow = np.zeros(q.shape, bool)
        for axis in range(q.ndim if along_a else q.ndim - 1):
            lines, marks = np.moveaxis(q, axis, 0), np.moveaxis(narrow, axis, 0)
            low, centre, high = lines[:-2], lines[1:-1], lines[2:]
            ridge = (centre > low) & (centre > high) & (low + high < 2 * share * centre)
            marks[1:-1] |= ridge
        out[panel] = np.where(narrow, q, 0.0).sum(axis=-1, dtype=float)
    return out
