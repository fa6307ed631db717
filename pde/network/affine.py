"""Scale and shift of batch normalization: sigma(gamma z + beta), z = v.xt, of every neuron.

    sigma(gamma v.xt + beta) = sigma(p.(xt, 1)),   p = (gamma v, beta) in R^(d+1)
    with G = (G_x, G_1) the gradient in p of h(p) = E[l' sigma(p.(xt, 1))]:
    dh/dv = gamma G_x,   dh/dgamma = v.G_x,   dh/dbeta = G_1

so the sums over neurons and rows stay what they are, on rows with a column of ones. The metric is
the product da^2 + dgamma^2 + dbeta^2 + r^2 |du|^2 (Ma and Ying, arXiv 2110.08725), so that

    a' = -h,   gamma' = -a v.G_x,   beta' = -a G_1

and, where sigma is homogeneous of degree one, h = p.G (Euler) conserves a^2 - gamma^2 - beta^2 of
every neuron.

v : (.., neurons, d) whitened directions · gamma, beta : (.., neurons) · xt : (rows, d)

Dual kernels are not here: shifted activations on a normal law have no closed form in this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..config.affine import has_affine
from ..products import inner
from .initial import OuterLaw

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AffineLaw:
    """Laws of gamma and beta at the start, and which of them move."""

    gamma: OuterLaw
    beta: OuterLaw
    trains_gamma: bool
    trains_beta: bool

    @classmethod
    def from_config(cls, config: Config) -> AffineLaw | None:
        """The laws of a configuration; None where gamma stays 1 and beta 0."""
        if not has_affine(config):
            return None
        initial, train = config.initial, config.network.train
        return cls(
            OuterLaw.from_config(initial.gamma),
            OuterLaw.from_config(initial.beta),
            "gamma" in train,
            "beta" in train,
        )

    @property
    def homogeneous(self) -> bool:
        """Whether (gamma, beta) moves along with all that scales sigma: each moves, or stays 0."""
        pairs = ((self.trains_gamma, self.gamma), (self.trains_beta, self.beta))
        return all(moves or law.atoms == (0.0,) for moves, law in pairs)

    def random(self) -> dict[str, OuterLaw]:
        """By name, the laws of more than one value."""
        laws = {"gamma": self.gamma, "beta": self.beta}
        return {name: law for name, law in laws.items() if law.atoms is None or len(law.atoms) > 1}


class Affine(NamedTuple):
    """gamma and beta, (.., neurons) each; or what belongs to each: derivatives, velocities."""

    gamma: Array
    beta: Array

    def points(self, v: Array) -> Array:
        """(.., neurons, d + 1): where the neurons meet `with_ones` rows."""
        return np.concatenate([self.gamma[..., None] * v, self.beta[..., None]], axis=-1)

    def pulled(self, v: Array, gradient: Array) -> tuple[Array, Affine]:
        """dh/dv (.., neurons, d), and dh/dgamma, dh/dbeta, of the gradient of h in the points."""
        along = gradient[..., :-1]
        slope = inner(v, along)
        return self.gamma[..., None] * along, Affine(slope, gradient[..., -1])

    def square(self) -> Array:
        """gamma^2 + beta^2."""
        return self.gamma**2 + self.beta**2


def with_ones(rows: Array) -> Array:
    """(n, d + 1): rows (n, d) beside a column of ones."""
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
