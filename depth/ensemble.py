"""Networks of finite width: many at once, as a chain of Gram matrices or with their weights.

    chain    G_{l+1} = (1/n) sum_{k <= n} h(z_k) h(z_k)^T,   z_k ~ N(0, S(G_l)) independent
    direct   H_{l+1} = rows(W H_l + b 1^T),   G = H^T H / n,   W_ij ~ N(0, sigma_w^2/n)

Given G_l, the rows of W H_l + b 1^T are independent N(0, S(G_l)): the chain has the law of the
network exactly, at the cost n B^2 a layer and without weights (derived here; one layer is in
`chain`). "direct" is its check, at the cost n^2 B; it starts at an input layer of B units whose
Gram matrix is the one given.

Networks go in blocks that stay in cache; every block has a stream of its own, spawned from the
generator that is passed in, so the result depends neither on how many blocks run side by side nor
on their order. A device takes many blocks at once and the same numbers, drawn by the host: its
networks are NumPy's to rounding, and drawing, which `workers` share, is most of its time.

| symbol | name | shape |
|---|---|---|
| E | nets | |
| G | grams | (D, E, B, B) at the D layers that are kept |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels import Kernels, select
from ..kernels.errors import InputError, NumericalFailure
from ..pde.config.text import listed, nearest
from .chain import Layer
from .gram import kept_depths, refuse_scale, unit
from .gram_mixture import square_root
from .layers import LayerSpec, checked_gram, checked_grams, count, generator

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
Share = Callable[..., Iterable[Array]]
Stream = np.random.Generator

BLOCK = 2**14  # numbers of a block's rows; another number gives other networks
METHODS = ("chain", "direct")
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
    backend: str = "numpy",
    progress: Progress | None = None,
) -> Ensemble:
    """Networks of one width that all start at the Gram matrix G_0 (B, B).

    rng : streams are spawned from it, so a second call gives other networks
    depths : layers to be kept; all, 0 included, unless given
    unit_trace : every G is divided by its trace over B: directions, where RS is off
    workers : threads
    backend : where the chain runs, as `run.backend` in a configuration
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
    if method not in METHODS:
        guess = nearest(method, METHODS) or "; give chain"
        raise InputError(f'method = "{method}" must be {listed(METHODS)}{guess}')
    _refuse_too_many(len(kept), nets, len(g))
    layer = Layer(spec, len(g), width, _kernels(method, backend))
    sizes = _blocks(nets, layer, method)
    grams = np.empty((len(kept), nets, len(g), len(g)))
    streams, ends = rng.spawn(len(sizes)), np.cumsum(sizes)
    together = max(1, layer.kernels.chunk // max(BLOCK, layer.rows * layer.batch))
    groups = [slice(first, first + together) for first in range(0, len(sizes), together)]
    pool = ThreadPoolExecutor(workers)
    # a block in every thread; or many blocks at once, whose numbers all threads draw
    spread, share = (pool.map, map) if together == 1 else (map, pool.map)

    def compute(group: slice) -> None:
        if method == "chain":
            draw = partial(_drawn, layer, sizes[group], streams[group], share)
            layers = _chain(layer, g, draw, int(kept[-1]), unit_trace)
        else:
            layers = _direct(layer, g, sizes[group.start], streams[group.start], unit_trace)
        nets = slice(ends[group.start] - sizes[group.start], ends[group][-1])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # `_keep` looks
            _keep(layers, kept, grams[:, nets], layer.kernels)

    try:
        for index, _ in enumerate(spread(compute, groups), start=1):
            if progress is not None:
                progress(index, len(groups))
    finally:  # also when progress raises: blocks that have not begun are not waited for
        pool.shutdown(cancel_futures=True)
    return Ensemble(kept, grams, width, method)


def _refuse_too_many(kept: int, nets: int, batch: int) -> None:
    if 8 * kept * nets * batch**2 > LARGEST:
        raise InputError(
            f"{kept} layers of {nets} networks at a batch of {batch} are "
            f"{8e-9 * kept * nets * batch**2:.1f} GB of Gram matrices; give fewer depths"
        )


def _kernels(method: str, backend: str) -> Kernels:
    """Those of the backend; weights are not worth the way to a device."""
    if method == "chain" or backend in ("auto", "numpy"):
        return select(backend if method == "chain" else "numpy")
    raise InputError(
        f'method = "direct" with backend = "{backend}": weight matrices are drawn where they are '
        'used; give method = "chain", or backend = "numpy"'
    )


def _blocks(nets: int, layer: Layer, method: str) -> list[int]:
    """Networks of every block; that of "direct" holds one weight matrix at a time."""
    size = max(1, BLOCK // (layer.rows * layer.batch)) if method == "chain" else 8
    return [min(size, nets - first) for first in range(0, nets, size)]


def _keep(layers: Iterator[Array], kept: NDArray[np.int64], out: Array, kernels: Kernels) -> None:
    """Go down the layers, the input first; write those that are kept to out (D, E, B, B)."""
    at = 0
    for layer, grams in enumerate(islice(layers, int(kept[-1]) + 1)):
        if not np.isfinite(grams).all():
            raise NumericalFailure(
                f"a network has vanished or overflowed in layer {layer}: its Gram matrix is "
                "not finite; a larger width, or eps > 0, keeps it alive"
            )
        if layer == kept[at]:
            out[at] = kernels.host(grams)
            at += 1


def _drawn(layer: Layer, sizes: list[int], streams: list[Stream], share: Share) -> Array:
    """(nets, ..): the numbers of a layer of some blocks, each from its own stream."""
    blocks = list(share(layer.draw, sizes, streams))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _chain(
    layer: Layer, gram: Array, draw: Callable[[], Array], depth: int, scaled: bool
) -> Iterator[Array]:
    """(nets, B, B) of every layer, arrays of the backend."""
    numbers = draw()
    grams: Array = np.broadcast_to(layer.kernels.array(gram), (len(numbers), *gram.shape))
    yield grams
    for left in reversed(range(depth)):
        grams = layer.step(grams, layer.kernels.array(numbers))
        grams = unit(grams) if scaled else grams
        numbers = draw() if left else numbers  # while a device computes
        yield grams


def _direct(layer: Layer, gram: Array, nets: int, rng: Stream, scaled: bool) -> Iterator[Array]:
    """(nets, B, B) of every layer, without end, by weight matrices."""
    batch, spec = layer.batch, layer.spec
    h = np.broadcast_to(np.sqrt(batch) * square_root(gram).T, (nets, batch, batch))
    while True:
        grams = h.transpose(0, 2, 1) @ h / h.shape[1]
        if scaled:
            trace = np.trace(grams, axis1=-2, axis2=-1)[:, None, None]
            h, grams = h * np.sqrt(batch / trace), unit(grams)
        yield grams
        h = np.stack([spec.rows(_affine(spec, each, layer.width, rng)) for each in h])


def _affine(spec: LayerSpec, h: Array, width: int, rng: np.random.Generator) -> Array:
    """(width, B): W h + b 1^T with fresh weights, h (fan-in, B)."""
    weights = rng.standard_normal((width, len(h))) * (spec.sigma_w / np.sqrt(len(h)))
    return np.asarray(weights @ h + spec.sigma_b * rng.standard_normal((width, 1)))
