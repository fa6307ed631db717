"""Networks of finite width: many at once, as a chain of Gram matrices or with their weights.

    chain    G_{l+1} = (1/n) sum_{k <= n} h(z_k) h(z_k)^T,   z_k ~ N(0, S(G_l)) independent
    direct   H_{l+1} = rows(W H_l + b 1^T),   G = H^T H / n,   W_ij ~ N(0, sigma_w^2/n)

Given G_l, the rows of W H_l + b 1^T are independent N(0, S(G_l)): the chain has the law of the
network exactly, at the cost n B^2 a layer and without weights (derived here). "direct" is its
check, at the cost n^2 B; it starts at an input layer of B units whose Gram matrix is the one given.

With RC only z - mean(z) matters, so B - 1 normal numbers a row suffice. Where phi is linear and RS
off, the sum over rows is a Wishart matrix, drawn as a whole by Bartlett's triangle (Proc. R. Soc.
Edinb. 53 (1933) 260): B^2 numbers a layer, whatever the width. Networks go in blocks that
stay in cache; every block has a stream of its own, spawned from the generator that is passed in, so
the result depends neither on how many blocks run side by side nor on their order.

| symbol | name | shape |
|---|---|---|
| E | nets | |
| G | grams | (D, E, B, B) at the D layers that are kept |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import helmert

from ..kernels.errors import InputError, NumericalFailure
from ..pde.config.text import listed, nearest
from .gram import kept_depths, refuse_scale, unit
from .gram_mixture import slopes, square_root
from .layers import LayerSpec, checked_gram, checked_grams, count, generator

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

BLOCK = 2**14  # numbers of a block's rows: 128 KiB, so that its few arrays stay in cache
LARGEST = 2**32  # bytes of Gram matrices kept


@dataclass(frozen=True)
class Ensemble:
    """Gram matrices of networks: depths (D,), grams (D, E, B, B); width n; method."""

    depths: NDArray[np.int64]
    grams: Array
    width: int
    method: str

    def errors(self, reference: ArrayLike) -> Array:
        """(D, E): ||G - reference||_F, reference (B, B) or (D, B, B)."""
        by_layer, depths = checked_grams(reference), len(self.depths)
        if by_layer.shape not in (self.grams.shape[2:], (depths, *self.grams.shape[2:])):
            raise InputError(
                f"a reference of shape {by_layer.shape} beside Gram matrices of shape "
                f"{self.grams.shape}; give (B, B), or one at each of the {depths} depths"
            )
        by_layer = by_layer[:, None] if by_layer.ndim == 3 else by_layer
        return np.asarray(np.linalg.norm(self.grams - by_layer, axis=(-2, -1)))

    def relative_errors(self, reference: ArrayLike) -> Array:
        """(D, E): errors over ||reference||_F."""
        size = np.linalg.norm(np.asarray(reference, float), axis=(-2, -1))
        return np.asarray(self.errors(reference) / size[..., None])


def orthogonality_gap(grams: ArrayLike) -> Array:
    """(..): ||G/tr G - I/B||_F of Gram matrices (.., B, B).

    Daneshmand, Joudaki, Bach, arXiv 2106.03970.

    >>> float(orthogonality_gap(np.eye(3)))
    0.0
    """
    g = checked_grams(grams)
    return np.asarray(np.linalg.norm(unit(g) - np.eye(g.shape[-1]), axis=(-2, -1)) / g.shape[-1])


def simulate(
    spec: LayerSpec,
    gram: ArrayLike,
    width: int,
    depth: int,
    nets: int,
    rng: np.random.Generator,
    *,
    depths: Sequence[int] | None = None,
    method: Literal["chain", "direct"] = "chain",
    unit_trace: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Ensemble:
    """Networks of one width that all start at the Gram matrix G_0 (B, B).

    rng : streams are spawned from it, so a second call gives other networks
    depths : layers to be kept; all, 0 included, unless given
    unit_trace : every G is divided by its trace over B: directions, where RS is off
    workers : threads
    progress : called with (blocks done, blocks)

    Raises InputError for sizes out of range, NumericalFailure where a network vanishes.

    >>> rng = np.random.default_rng(0)
    >>> simulate(LayerSpec("relu"), np.eye(4), 100, 10, 5, rng, depths=[10]).grams.shape
    (1, 5, 4, 4)
    """
    g, kept = checked_gram(spec, gram), kept_depths(depth, depths)
    generator(rng)
    width, nets, workers = count("width", width), count("nets", nets), count("workers", workers)
    if unit_trace:
        refuse_scale(spec)
        g = unit(g)
    if method not in list(_PATHS):
        guess = nearest(method, _PATHS) or "; give chain"
        raise InputError(f'method = "{method}" must be {listed(_PATHS)}{guess}')
    _refuse_too_many(len(kept), nets, len(g))
    rows = len(g) if method == "chain" and _is_wishart(spec, width, len(g)) else width
    sizes = _blocks(nets, rows, len(g), method)
    grams = np.empty((len(kept), nets, len(g), len(g)))
    path, first = _PATHS[method], np.concatenate([[0], np.cumsum(sizes)])

    def block(index: int, stream: np.random.Generator) -> None:
        layers = path(spec, g, width, sizes[index], stream, unit_trace)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # `_keep` looks
            _keep(layers, kept, grams[:, first[index] : first[index + 1]])

    pool = ThreadPoolExecutor(workers)
    try:
        done = pool.map(block, range(len(sizes)), rng.spawn(len(sizes)))
        for index, _ in enumerate(done, start=1):
            if progress is not None:
                progress(index, len(sizes))
    finally:  # also when progress raises: blocks that have not begun are not waited for
        pool.shutdown(cancel_futures=True)
    return Ensemble(kept, grams, width, method)


def _refuse_too_many(kept: int, nets: int, batch: int) -> None:
    if 8 * kept * nets * batch**2 > LARGEST:
        raise InputError(
            f"{kept} layers of {nets} networks at a batch of {batch} are "
            f"{8e-9 * kept * nets * batch**2:.1f} GB of Gram matrices; give fewer depths"
        )


def _blocks(nets: int, rows: int, batch: int, method: str) -> list[int]:
    """Networks of every block; that of "direct" holds one weight matrix at a time."""
    size = max(1, BLOCK // (rows * batch)) if method == "chain" else 8
    return [min(size, nets - first) for first in range(0, nets, size)]


def _keep(layers: Iterator[Array], kept: NDArray[np.int64], out: Array) -> None:
    """Go down the layers, the input first; write those that are kept to out (D, E, B, B)."""
    at = 0
    for layer, grams in enumerate(islice(layers, int(kept[-1]) + 1)):
        if not np.isfinite(grams).all():
            raise NumericalFailure(
                f"a network has vanished or overflowed in layer {layer}: its Gram matrix is "
                "not finite; a larger width, or eps > 0, keeps it alive"
            )
        if layer == kept[at]:
            out[at] = grams
            at += 1


def _chain(
    spec: LayerSpec, gram: Array, width: int, nets: int, rng: np.random.Generator, scaled: bool
) -> Iterator[Array]:
    """(nets, B, B) of every layer, without end."""
    grams: Array = np.broadcast_to(gram, (nets, *gram.shape))
    while True:
        yield grams
        grams = gram_step(spec, grams, width, rng)
        grams = unit(grams) if scaled else grams


def gram_step(spec: LayerSpec, grams: Array, width: int, rng: np.random.Generator) -> Array:
    """(E, B, B): Gram matrices one layer deeper, of networks of that width at G (E, B, B)."""
    root = _row_root(spec, grams)
    if _is_wishart(spec, width, root.shape[-1]):
        slope = spec.gamma * spec.phi.linear
        h = slope * root @ _bartlett(len(grams), root.shape[-1], width, rng)
        return np.asarray(h @ h.transpose(0, 2, 1) / width)
    x = rng.standard_normal((len(grams), width, root.shape[-1]))
    h = spec.rows(x @ root.transpose(0, 2, 1))
    return np.asarray(h.transpose(0, 2, 1) @ h / width)


def _is_wishart(spec: LayerSpec, width: int, rank: int) -> bool:
    """Whether rows are normal and their sum can be drawn as a whole."""
    return not spec.rescale and not spec.phi.parts and slopes(spec) is not None and width >= rank


def _bartlett(nets: int, rank: int, width: int, rng: np.random.Generator) -> Array:
    """(nets, rank, rank): lower triangles A; A A^T is the sum of `width` squares x x^T."""
    lower = np.tril(rng.standard_normal((nets, rank, rank)), -1)
    diagonal = np.arange(rank)
    lower[:, diagonal, diagonal] = np.sqrt(rng.chisquare(width - diagonal, (nets, rank)))
    return lower


def _row_root(spec: LayerSpec, grams: Array) -> Array:
    """(E, B, rank): R with R R^T = S, or P S P. Triangular where S is regular, for speed."""
    s = spec.covariance(grams)
    basis = centred_basis(s.shape[-1]) if spec.recenter else np.eye(s.shape[-1])
    reduced = basis.T @ s @ basis
    try:
        return np.asarray(basis @ np.linalg.cholesky(reduced))
    except np.linalg.LinAlgError:
        return np.asarray(basis @ square_root(reduced))


@lru_cache(maxsize=16)
def centred_basis(batch: int) -> Array:
    """(B, B - 1): orthonormal columns that sum to zero (Helmert)."""
    return np.ascontiguousarray(helmert(batch).T)


def _direct(
    spec: LayerSpec, gram: Array, width: int, nets: int, rng: np.random.Generator, scaled: bool
) -> Iterator[Array]:
    """(nets, B, B) of every layer, without end, by weight matrices."""
    batch = len(gram)
    h = np.broadcast_to(np.sqrt(batch) * square_root(gram).T, (nets, batch, batch))
    while True:
        grams = h.transpose(0, 2, 1) @ h / h.shape[1]
        if scaled:
            trace = np.trace(grams, axis1=-2, axis2=-1)[:, None, None]
            h, grams = h * np.sqrt(batch / trace), unit(grams)
        yield grams
        h = np.stack([spec.rows(_affine(spec, each, width, rng)) for each in h])


def _affine(spec: LayerSpec, h: Array, width: int, rng: np.random.Generator) -> Array:
    """(width, B): W h + b 1^T with fresh weights, h (fan-in, B)."""
    weights = rng.standard_normal((width, len(h))) * (spec.sigma_w / np.sqrt(len(h)))
    return np.asarray(weights @ h + spec.sigma_b * rng.standard_normal((width, 1)))


_PATHS = {"chain": _chain, "direct": _direct}
