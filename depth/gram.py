"""The mean-field map of Gram matrices, one layer, and how infinite width goes through many.

    T(G) = E_{z ~ N(0, S(G))}[h(z) h(z)^T],     G_{l+1} = T(G_l)

h is what a layer makes of a row (`layers`). At width n, G_{l+1} is an average of n independent such
h h^T given G_l (`ensemble`), whose mean is T(G_l). Batch normalization keeps the two together in
depth: Joudaki, Daneshmand, Bach, arXiv 2205.13076.

| method | serves | error |
|---|---|---|
| closed | no RS and a formula; step | rounding |
| integral | RS and phi of degree one, beta = 0 | 1e-15, relative |
| series | no RS, smooth phi that is not too steep | a bound, 1e-8 at most |
| symmetric | RC and RS, any smooth phi, on a G with no preferred input | two rules' difference |
| sampled | everything | a standard error |

"auto" takes the first that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError, NumericalFailure
from ..pde.config.text import listed, nearest, shown
from .gram_closed import closed_map
from .gram_mixture import homogeneous_map, slopes
from .gram_sampled import POINTS, sampled_map
from .gram_series import series_map
from .gram_symmetric import has_symmetric_map, symmetric_map
from .layers import LayerSpec, checked_gram, count

Array = NDArray[np.float64]
Method = Literal["auto", "closed", "integral", "series", "symmetric", "sampled"]

METHODS = ("auto", "closed", "integral", "series", "symmetric", "sampled")


@dataclass(frozen=True)
class Mapped:
    """gram (B, B) T(G); standard_error (B, B), 0 where the value is exact but for rounding."""

    gram: Array
    standard_error: Array
    method: str


@dataclass(frozen=True)
class MeanField:
    """Infinite width through depth: depths (D,), grams (D, B, B), standard_error (D, B, B).

    standard_error : of the last map alone; errors of the layers before are carried, and shrink
        at the rate of mixing
    """

    depths: NDArray[np.int64]
    grams: Array
    standard_error: Array


def gram_map(
    spec: LayerSpec,
    gram: ArrayLike,
    method: Method = "auto",
    *,
    points: int = POINTS,
    seed: int = 0,
) -> Mapped:
    """T(G) of one layer.

    gram : (B, B) G, of the layer before
    points, seed : of "sampled"; the value depends on nothing else

    Raises InputError where the method does not serve, or RS would divide by zero;
    NumericalFailure where numbers overflow.

    >>> gram_map(LayerSpec("linear", recenter=False), 3 * np.eye(2)).gram.round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    g = checked_gram(spec, gram)
    if method not in METHODS:
        raise InputError(f'method = "{method}" must be {listed(METHODS)}{nearest(method, METHODS)}')
    return _finite(spec, g, method, count("points", points), count("seed", seed, 0))


def _finite(spec: LayerSpec, gram: Array, method: str, points: int, seed: int = 0) -> Mapped:
    """`mapped`; NumericalFailure where numbers become too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = mapped(spec, gram, method, points, seed)
    if not np.isfinite(found.gram).all():
        raise NumericalFailure(
            f"T(G) overflows: G goes up to {np.abs(gram).max():.3g}, and {spec.phi.label} "
            "makes them larger; give a smaller gamma or sigma_w, fewer layers, or rescale = True"
        )
    return found


def mapped(
    spec: LayerSpec, gram: Array, method: str = "auto", points: int = POINTS, seed: int = 0
) -> Mapped:
    """`gram_map` of a matrix that has been checked, or is next to one that has."""
    found = None if method == "sampled" else _exact(spec, gram, method)
    if found is None and method not in ("auto", "sampled"):
        raise InputError(
            f'method = "{method}" does not serve {spec.phi.label} with recenter = {spec.recenter}, '
            f'rescale = {spec.rescale}; give "auto"'
        )
    return found or Mapped(*sampled_map(spec, gram, points, seed=seed), "sampled")


def _exact(spec: LayerSpec, gram: Array, method: str) -> Mapped | None:
    exact = np.zeros_like(gram)
    wanted = "integral" if spec.rescale else "closed"
    if method in ("auto", wanted) and (value := homogeneous_map(spec, gram)) is not None:
        return Mapped(value, exact, wanted)
    if method in ("auto", "closed") and (value := closed_map(spec, gram)) is not None:
        return Mapped(value, exact, "closed")
    if method in ("auto", "series") and (found := series_map(spec, gram)) is not None:
        return Mapped(*found, "series")
    if method in ("auto", "symmetric") and has_symmetric_map(spec, gram):
        value, error = symmetric_map(spec, len(gram))
        return Mapped(value, np.full_like(value, error), "symmetric")
    return None


def mean_field(
    spec: LayerSpec,
    gram: ArrayLike,
    depth: int,
    *,
    depths: Sequence[int] | None = None,
    unit_trace: bool = False,
    points: int = POINTS,
) -> MeanField:
    """G, T(G), T(T(G)), .. to a depth.

    depths : layers to be kept; all, 0 included, unless given
    unit_trace : each G is divided by its trace over B, which leaves directions (`scale_free`)

    >>> path = mean_field(LayerSpec("relu"), np.eye(4), 2)
    >>> np.trace(path.grams[-1]).round(9)  # B/2
    np.float64(2.0)
    """
    g = checked_gram(spec, gram)
    kept = kept_depths(depth, depths)
    if unit_trace:
        refuse_scale(spec)
        g = unit(g)
    grams, errors = [g] if kept[0] == 0 else [], [np.zeros_like(g)] if kept[0] == 0 else []
    settled = False
    for layer in range(1, int(kept[-1]) + 1):
        if not settled:
            step = _finite(spec, g, "auto", points)
            after = unit(step.gram) if unit_trace else step.gram
            settled, g, error = np.array_equal(after, g), after, step.standard_error
        if layer in kept:
            grams.append(g)
            errors.append(error)
    return MeanField(kept, np.array(grams), np.array(errors))


def kept_depths(depth: int, depths: Sequence[int] | None) -> NDArray[np.int64]:
    """The layers to be kept, ascending. Raises InputError where one is not in 0 .. depth."""
    last = count("depth", depth)
    kept = np.arange(last + 1) if depths is None else np.unique(np.atleast_1d(depths))
    if kept.dtype.kind not in "iu" or not kept.size or kept[0] < 0 or kept[-1] > last:
        raise InputError(
            f"depths = {shown(depths)} must be layers in 0 .. {last}; give depths = [{last}]"
        )
    return kept.astype(np.int64)


def unit(grams: Array) -> Array:
    """(.., B, B): scaled to the trace B.

    >>> unit(np.diag([2.0, 6.0])).tolist()
    [[0.5, 0.0], [0.0, 1.5]]
    """
    trace = np.einsum("...ii->...", grams)[..., None, None]
    scaled: Array = grams * (grams.shape[-1] / trace)
    return scaled


def scale_free(spec: LayerSpec) -> bool:
    """Whether a layer takes multiples of G to multiples of T(G), or to T(G) itself."""
    unbiased = spec.sigma_b == 0.0 or spec.recenter  # RC takes biases away
    return slopes(spec) is not None and unbiased and (not spec.rescale or spec.eps == 0.0)


def refuse_scale(spec: LayerSpec) -> None:
    """Raise InputError where a trace cannot be divided out."""
    if not scale_free(spec):
        raise InputError(
            f"unit_trace with {spec.phi.label}, beta = {spec.beta:g}, sigma_b = {spec.sigma_b:g}, "
            f"eps = {spec.eps:g} changes the network; give relu or linear with 0 for these"
        )
