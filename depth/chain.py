"""One layer of the exact chain of Gram matrices, on the arrays of any backend.

    G_{l+1} = (1/n) sum_{k <= n} h(z_k) h(z_k)^T,   z_k = R x_k,   R R^T = S(G_l),   x_k ~ N(0, I)

With RC only z - mean(z) matters, so R is (B, B - 1) and B - 1 normal numbers a row suffice. Where
phi is linear and RS off, the sum over rows is a Wishart matrix, drawn as a whole by Bartlett's
triangle (Proc. R. Soc. Edinb. 53 (1933) 260): B^2 numbers a layer, whatever the width.

What is random is drawn apart from what is computed, and by the host: `Layer.draw` gives the numbers
and `Layer.step` takes them as arrays of the backend, so that backends differ by rounding alone. R
is triangular; where S is singular it is symmetric. A network at the border between the two goes on
by either, in one law, but not by the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

from ..kernels import Kernels
from .gram_mixture import slopes, square_root
from .layers import LayerSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """A layer of networks of one width, at a batch of that size."""

    spec: LayerSpec
    batch: int
    width: int
    kernels: Kernels

    @property
    def rank(self) -> int:
        """r: normal numbers a row."""
        return self.batch - self.spec.recenter

    @property
    def is_wishart(self) -> bool:
        """Whether rows are normal and their sum can be drawn as a whole."""
        linear = not self.spec.phi.parts and slopes(self.spec) is not None
        return linear and not self.spec.rescale and self.width >= self.rank

    @property
    def rows(self) -> int:
        """Rows of numbers that a network draws."""
        return self.batch if self.is_wishart else self.width

    def draw(self, nets: int, rng: np.random.Generator) -> Array:
        """(nets, n, r) normal numbers, or (nets, r, r) triangles; of the host."""
        if not self.is_wishart:
            return rng.standard_normal((nets, self.width, self.rank))
        return _bartlett(nets, self.rank, self.width, rng)

    def step(self, grams: Array, numbers: Array) -> Array:
        """(E, B, B): one layer deeper, from G (E, B, B) and what was drawn."""
        root, spec = self._root(grams), self.spec
        if self.is_wishart:
            h = (spec.gamma * spec.phi.linear) * root @ numbers
            wishart: Array = h @ h.transpose(0, 2, 1) / self.width
            return wishart
        z = spec.gamma * spec.normalised(numbers @ root.transpose(0, 2, 1)) + spec.beta
        h = spec.phi.value_by(self.kernels.remainder, z)
        found: Array = h.transpose(0, 2, 1) @ h / self.width
        return found

    def _root(self, grams: Array) -> Array:
        """(E, B, r): R."""
        s = self.spec.covariance(grams)
        if not self.spec.recenter:
            return self._regular_root(s)
        basis = self.kernels.array(centred_basis(self.batch))
        root: Array = basis @ self._regular_root(basis.T @ s @ basis)
        return root

    def _regular_root(self, s: Array) -> Array:
        lower, regular = self.kernels.cholesky(s)
        if regular.all():
            return lower
        return np.where(regular[:, None, None], lower, self._singular_root(s))

    def _singular_root(self, s: Array) -> Array:
        """By the host: batched eigenvectors of a device are of uneven quality."""
        held = self.kernels.host(s)
        finite = np.isfinite(held).all(axis=(1, 2), keepdims=True)  # `eigh` raises on others
        root = np.where(finite, square_root(np.where(finite, held, 0.0)), np.nan)
        return self.kernels.array(root)


def _bartlett(nets: int, rank: int, width: int, rng: np.random.Generator) -> Array:
    """(nets, rank, rank): lower triangles A; A A^T is the sum of `width` squares x x^T."""
    lower = np.tril(rng.standard_normal((nets, rank, rank)), -1)
    diagonal = np.arange(rank)
    lower[:, diagonal, diagonal] = np.sqrt(rng.chisquare(width - diagonal, (nets, rank)))
    return lower


@lru_cache(maxsize=16)
def centred_basis(batch: int) -> Array:
    """(B, B - 1): orthonormal columns that sum to zero (Helmert)."""
    return np.ascontiguousarray(helmert(batch).T)
