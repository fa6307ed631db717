"""One input apart: a cluster of B - 1 inputs and one odd, orthogonal one, under RC and ReLU.

Found by Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843. What stands here is derived and
measured, not theirs. Where a cluster u and an outlier v are exact, RC makes them antiparallel and
ReLU gives them disjoint supports, so that their overlap is 0 and G_vv/G_uu = (B - 1)^2:

    G_uu = 1/(2 (B - 1)),   G_vv = (B - 1)/2,   G_uv = 0           (`cluster_gram`, B/2 its trace)

which a layer keeps, with RS or without. It is unstable: the cluster opens. With RS it goes on to
the state without preferred input. Without RS a branch stays, at an angle theta in the cluster:

    theta ~ 3 pi/B,   1 - cos theta ~ 9 pi^2/(2 B^2),   G_vv/G_uu ~ (B - 1)^2 - 9 pi^2/2,
    cos(u, v) ~ 9 pi^2/(2 sqrt(2) B^3)

It exists for B >= 7 and is stable, as the state without preferred input is: two states at once.
Wide networks wait for long in the second and then go to the first.

The detector asks for a norm AND for an angle: RC alone gives large norms along one line, RC + RS
small angles at equal norms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError
from ..pde.config.text import shown
from .ensemble import Progress, simulate
from .fixed_points import fixed_point
from .gram import scale_free, unit
from .gram_symmetric import symmetric_gram
from .layers import LayerSpec, checked_gram, checked_grams, cosines, count
from .stability import jacobian_spectrum

Array = NDArray[np.float64]

COSINE = 0.15  # of the outlier to the others, at most; without preferred input it is 0.17 .. 0.32
OPENING = 0.5  # 1 - cos theta in the cluster at the start of the search, at most
CONFIDENCE = 1.959964  # standard deviations of a normal law that hold 95 %


@dataclass(frozen=True)
class Outliers:
    """Of Gram matrices (.., B, B): the input of the largest norm beside the rest; all (..).

    index : which input
    norm_ratio : G_vv over the median of the other diagonal entries
    cosine : median |cosine| of that input to the others
    within : median cosine among the others
    present : norm_ratio >= B - 1, the geometric mean of 1 and (B - 1)^2, and cosine <= COSINE
    """

    index: NDArray[np.int64]
    norm_ratio: Array
    cosine: Array
    within: Array
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class Branch:
    """The fixed direction with an outlier: its Gram matrix at trace B, its shape and its stability.

    rates : largest |eigenvalues| of the map that divides by the trace; stable: the first is < 1
    """

    batch: int
    gram: Array
    within: float
    cosine: float
    norm_ratio: float
    rates: Array

    @property
    def stable(self) -> bool:
        """Whether small changes die out."""
        return bool(self.rates[0] < 1.0)


@dataclass(frozen=True)
class Share:
    """Of `nets` networks, the share with an outlier, and its 95 % interval (Wilson)."""

    batch: int
    width: int
    depth: int
    nets: int
    share: float
    low: float
    high: float


def find_outliers(grams: ArrayLike, cosine: float = COSINE) -> Outliers:
    """The detector, on Gram matrices (.., B, B), B >= 3.

    >>> bool(find_outliers(cluster_gram([15, 1])).present)
    True
    """
    g = checked_grams(grams, least=3)
    batch = g.shape[-1]
    norms = np.diagonal(g, axis1=-2, axis2=-1)
    index = np.asarray(norms.argmax(axis=-1))
    others = np.arange(batch) != index[..., None]
    shape = index.shape
    rest = norms[others].reshape(*shape, batch - 1)
    angles = cosines(g)
    to_others = np.take_along_axis(angles, index[..., None, None], axis=-2)[..., 0, :]
    pairs = others[..., :, None] & others[..., None, :] & ~np.eye(batch, dtype=bool)
    among = angles[pairs].reshape(*shape, (batch - 1) * (batch - 2))
    median = np.maximum(np.median(rest, axis=-1), np.finfo(float).tiny)
    with np.errstate(over="ignore"):  # beside inputs that are zero it is infinite
        ratio = norms.max(axis=-1) / median
    angle = np.median(np.abs(to_others[others].reshape(*shape, batch - 1)), axis=-1)
    present = (ratio >= batch - 1) & (angle <= cosine)
    return Outliers(index, ratio, angle, np.median(among, axis=-1), np.asarray(present))


def cluster_gram(sizes: Sequence[int]) -> Array:
    """(B, B): two clusters after RC and ReLU, of any norms at trace B/2; orthogonal, exactly.

    sizes : of the two clusters; (B - 1, 1) is the indicative model. A layer of RC and ReLU keeps
        it but for a factor, and with RS it keeps it whole.

    >>> cluster_gram([2, 1]).tolist()
    [[0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.0, 0.0, 1.0]]
    """
    if np.shape(sizes) != (2,):
        raise InputError(f"sizes = {shown(sizes)} must be those of two clusters; give [B - 1, 1]")
    first, second = (count("a cluster", size) for size in sizes)
    gram = np.zeros((first + second, first + second))
    gram[:first, :first] = 0.5 * second / first
    gram[first:, first:] = 0.5 * first / second
    return gram


def grouped_gram(batch: int, within: float, norm_ratio: float, cosine: float = 0.0) -> Array:
    """(B, B) at trace B: a cluster of B - 1 inputs of one norm, and one input apart, the last.

    within : cosine in the cluster; cosine : of the last input to the others
    norm_ratio : square of its norm over that of the others
    """
    if not (0.0 < norm_ratio < np.inf and abs(within) <= 1.0 and abs(cosine) <= 1.0):
        raise InputError(
            f"within = {within:g}, norm_ratio = {norm_ratio:g}, cosine = {cosine:g} make no Gram "
            "matrix; give cosines in -1 .. 1 and a ratio > 0"
        )
    gram = symmetric_gram(count("batch", batch, least=3), 1.0, float(within))
    gram[-1, :] = gram[:, -1] = cosine * np.sqrt(norm_ratio)
    gram[-1, -1] = norm_ratio
    return unit(gram)


def outlier_branch(spec: LayerSpec, batch: int, rates: int = 6) -> Branch | None:
    """The fixed direction of cluster and outlier; None where the search ends elsewhere.

    spec : without RS, its activation of degree one
    rates : how many

    >>> branch = outlier_branch(LayerSpec("relu", rescale=False), 16)
    >>> round(branch.norm_ratio), branch.stable
    (193, True)
    """
    batch = count("batch", batch, least=3)
    opening = min(OPENING, 4.5 * (np.pi / batch) ** 2)
    start = grouped_gram(batch, 1.0 - opening, (batch - 1.0) ** 2)
    found = fixed_point(spec, batch, groups=(batch - 1, 1), start=start, unit_trace=True).gram
    seen = find_outliers(found)
    if not seen.present:
        return None
    return Branch(
        batch,
        found,
        float(seen.within),
        float(seen.cosine),
        float(seen.norm_ratio),
        jacobian_spectrum(spec, found, rates, unit_trace=True),
    )


def critical_batch_size(spec: LayerSpec, largest: int = 32) -> int | None:
    """The smallest batch with a stable outlier; None up to the largest.

    >>> critical_batch_size(LayerSpec("relu", rescale=False))
    7
    """
    for batch in range(3, count("largest", largest, least=3) + 1):
        found = outlier_branch(spec, batch, rates=1)
        if found is not None and found.stable:
            return batch
    return None


def outlier_share(
    spec: LayerSpec,
    batch: int,
    width: int,
    depth: int,
    nets: int,
    rng: np.random.Generator,
    *,
    gram: ArrayLike | None = None,
    workers: int = 1,
    backend: str = "numpy",
    progress: Progress | None = None,
) -> Share:
    """How many random networks have an outlier at a depth, from G_0 = I or the one given.

    workers, backend, progress : as in `simulate`
    """
    start = np.eye(count("batch", batch, least=3)) if gram is None else checked_gram(spec, gram)
    if len(start) != batch:
        raise InputError(f"batch = {batch} with a Gram matrix of {len(start)} inputs; give one")
    found = simulate(
        spec,
        start,
        width,
        depth,
        nets,
        rng,
        depths=[depth],
        unit_trace=scale_free(spec),
        workers=workers,
        backend=backend,
        progress=progress,
    )
    hits = int(find_outliers(found.grams[-1]).present.sum())
    return Share(batch, width, depth, nets, hits / nets, *wilson(hits, nets))


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22 (1927) 209).

    >>> [round(end, 3) for end in wilson(0, 20)]
    [0.0, 0.161]
    """
    share, z = hits / trials, CONFIDENCE
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = (
        z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    )
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
