"""Small products of arrays, NumPy's or those of any backend.

    product(x, y)   x @ y, of (.., k) and (k,) or (k, l), or of (k,) and (k, l)
    inner(x, y)     (..,): x.y along the last axis
    form(x, s)      (..,): x' S x along the last axis
    numbers(xs)     (k,): single numbers side by side

Of NumPy's arrays they are its own. On a device they are elementwise operations and sums, always in
one order, and no call of a library, so that a device may record them (`Kernels.recorded`): for
matrices of at most `SMALL` rows; a larger one is worth its call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALL = 8  # a temporary has so many numbers for each of the result


def product(x: Array, y: Array) -> Array:
    """x @ y, see the module."""
    made: Array
    if isinstance(x, np.ndarray) or (x.ndim > 1 and y.ndim > 1 and len(y) > SMALL):
        made = x @ y
    elif y.ndim == 1:
        made = (x * y).sum(axis=-1)
    elif x.ndim == 1:
        made = (x[:, None] * y).sum(axis=0)
    else:
        made = (x[..., None] * y).sum(axis=-2)
    return made


def inner(x: Array, y: Array) -> Array:
    """(..,): sum_k x_k y_k, see the module."""
    made: Array = (
        np.einsum("...d,...d->...", x, y) if isinstance(x, np.ndarray) else (x * y).sum(axis=-1)
    )
    return made


def form(x: Array, s: Array) -> Array:
    """(..,): sum_jk x_j s_jk x_k, see the module."""
    if isinstance(x, np.ndarray):
        return np.asarray(np.einsum("...i,ij,...j->...", x, s, x))
    return inner(product(x, s), x)


def numbers(values: Sequence[Array]) -> Array:
    """(k,): one by one, since to stack many at once a device may need a table from the host."""
    made = np.empty_like(values[0], shape=(len(values),))
    for k, value in enumerate(values):
        made[k] = value
    return made
