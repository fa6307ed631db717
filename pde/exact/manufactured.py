"""A given density on circle x R, and the source that makes it solve the full nonlocal equation.

    rho_t = d_a(rho (h + lambda a)) + (1/r^2) d_phi(a rho h_phi) + tau (rho_aa + rho_phiphi/r^2) + S

    rho*(phi, a, t) = p(phi, t) q(a, t)/r      per Riemannian volume r dphi, phi the angle of u
    p = (1 + eps cos(phi - t))/(2 pi),   q = N(mu(t), s^2)(a),   mu(t) = 0.4 + 0.3 sin t

Derivation: h is the field of rho* itself, square loss on N(0, diag(s1, s2)), theta the whitened
angle of phi, kappa the dual kernel of the activation, a function of the angle between neurons:

    h(phi) = int kappa(theta(phi) - theta(psi)) p(psi) mu dpsi
             - sum_i w_i kappa(theta(phi) - theta_i)
    tan theta = sqrt(s2/s1) tan phi,   theta' = sqrt(s1 s2)/(s1 cos^2 phi + s2 sin^2 phi)

The integral is a Fourier sum, sum_k kappa_k Re(conj(c_k) exp(i k theta)) with c_k = mu int p
exp(i k theta) dphi by the trapezoidal rule (p and theta are analytic, so both converge
geometrically); the teacher's part and its derivatives are taken in closed form. Putting rho* into
the equation, every term is a product, S = sum_j P_j(phi, t) Q_j(a, t), listed in `terms`; so cell
averages of S are products of averages in one variable each. Terms come and go with `inner`,
`outer`, `ridge` and `temperature`. All angles and a may have any shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kernel = tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Array], Array]]
Term = tuple[Array, Array]

EPSILON, SPREAD = 0.5, 0.3
NODES, MODES = 1024, 96


class Manufactured:
    """The density, its field, its risk and its source.

    activation : "relu" or "linear"; variances : diagonal of S; norm : r
    weights, angles : of the teacher's whitened directions
    inner, outer : whether w and a are trained; ridge : lambda; temperature : tau
    """

    def __init__(
        self,
        activation: Literal["relu", "linear"] = "relu",
        variances: tuple[float, float] = (1.0, 1.0),
        weights: Sequence[float] = (1.0, -0.5),
        angles: Sequence[float] = (0.3, 1.9),
        *,
        inner: bool = True,
        outer: bool = True,
        ridge: float = 0.0,
        temperature: float = 0.0,
        norm: float = 1.0,
    ) -> None:
        self.kernel = KERNELS[activation]
        self.variances, self.norm = variances, norm
        self.weights, self.angles = np.asarray(weights, float), np.asarray(angles, float)
        self.inner, self.outer = inner, outer
        self.ridge, self.temperature = ridge, temperature
        self._nodes: Array = np.arange(NODES) * 2 * np.pi / NODES
        cosines = np.fft.rfft(self.kernel[0](self._nodes)).real / NODES
        self._order = np.arange(MODES)
        self._weight = cosines[:MODES] * np.where(self._order > 0, 2, 1)
        self._waves = np.exp(1j * np.outer(self._order, self.whitened(self._nodes)[0]))

    # -- the density -----------------------------------------------------------------------------

    def density(self, phi: Array, a: Array, t: float) -> Array:
        """(phi.., a..): rho*."""
        ((p, q),) = self.factors(phi, a, t)
        return np.multiply.outer(p, q)

    def factors(self, phi: Array, a: Array, t: float) -> list[Term]:
        """The one pair P(phi), Q(a) of rho*."""
        return [(self.along_circle(phi, t)[0] / self.norm, self.along_a(a, t)[0])]

    def along_circle(self, phi: Array, t: float) -> tuple[Array, Array, Array]:
        """p, p_phi, p_phiphi; p_t = -p_phi."""
        wave, slope = EPSILON * np.cos(phi - t), -EPSILON * np.sin(phi - t)
        return (1 + wave) / (2 * np.pi), slope / (2 * np.pi), -wave / (2 * np.pi)

    def along_a(self, a: Array, t: float) -> tuple[Array, Array, Array]:
        """q, q_a, q_aa; q_t = -mu' q_a."""
        z = (a - self.mean(t)) / SPREAD
        q = np.exp(-z * z / 2) / (SPREAD * np.sqrt(2 * np.pi))
        return q, -z * q / SPREAD, (z * z - 1) * q / SPREAD**2

    def mean(self, t: float) -> float:
        """mu."""
        return float(0.4 + 0.3 * np.sin(t))

    def direction(self, t: float) -> Array:
        """(2,): <u>."""
        return np.array([np.cos(t), np.sin(t)]) * EPSILON / 2

    # -- what it does ----------------------------------------------------------------------------

    def whitened(self, phi: Array) -> tuple[Array, Array, Array]:
        """theta, theta', theta''."""
        s1, s2 = self.variances
        theta = np.arctan2(np.sqrt(s2) * np.sin(phi), np.sqrt(s1) * np.cos(phi))
        below = s1 * np.cos(phi) ** 2 + s2 * np.sin(phi) ** 2
        root = np.sqrt(s1 * s2)
        return theta, root / below, root * (s1 - s2) * np.sin(2 * phi) / below**2

    def field(self, phi: Array, t: float) -> tuple[Array, Array, Array]:
        """h, h_phi, h_phiphi."""
        theta, first, second = self.whitened(phi)
        h, slope, bend = self._in_theta(theta, t)
        return h, slope * first, bend * first**2 + slope * second

    def risk(self, t: float) -> float:
        """R, without noise."""
        c = self._coefficients(t)
        own = float(self._weight @ np.abs(c) ** 2)
        cross = float(self.weights @ self._response(self.angles, c)[0])
        between = self.kernel[0](self.angles[:, None] - self.angles)
        return 0.5 * own - cross + 0.5 * float(self.weights @ between @ self.weights)

    def _coefficients(self, t: float) -> NDArray[np.complex128]:
        p = self.along_circle(self._nodes, t)[0]
        return np.asarray(self._waves @ p * (self.mean(t) * 2 * np.pi / NODES))

    def _in_theta(self, theta: Array, t: float) -> list[Array]:
        own = self._response(theta, self._coefficients(t))
        off = np.asarray(theta)[..., None] - self.angles
        return [
            mine - each(off) @ self.weights for mine, each in zip(own, self.kernel, strict=True)
        ]

    def _response(self, theta: Array, c: NDArray[np.complex128]) -> list[Array]:
        """The integral and its two derivatives in theta."""
        waves = np.exp(1j * np.multiply.outer(theta, self._order))
        pull = self._weight * c.conj()
        return [np.asarray((waves @ (pull * (1j * self._order) ** k)).real) for k in range(3)]

    # -- the source ------------------------------------------------------------------------------

    def source(self, phi: Array, a: Array, t: float) -> Array:
        """(phi.., a..): S."""
        return np.asarray(sum(np.multiply.outer(P, Q) for P, Q in self.terms(phi, a, t)))

    def terms(self, phi: Array, a: Array, t: float) -> list[Term]:
        """The pairs P_j(phi), Q_j(a) of S."""
        p, p1, p2 = (each / self.norm for each in self.along_circle(phi, t))
        q, q1, q2 = self.along_a(a, t)
        h, h1, h2 = self.field(phi, t)
        square, tau = self.norm**2, self.temperature
        terms = [(-p1, q), (-p, 0.3 * np.cos(t) * q1)]
        if self.outer:
            terms += [(-p * h, q1), (-self.ridge * p, q + a * q1), (-tau * p, q2)]
        if self.inner:
            terms += [(-(p1 * h1 + p * h2) / square, a * q), (-tau * p2 / square, q)]
        return terms


def _relu(t: Array) -> Array:
    t = np.abs(_principal(t))
    return np.asarray((np.sin(t) + (np.pi - t) * np.cos(t)) / (2 * np.pi))


def _relu_slope(t: Array) -> Array:
    t = _principal(t)
    return np.asarray(-np.sign(t) * (np.pi - np.abs(t)) * np.sin(np.abs(t)) / (2 * np.pi))


def _relu_bend(t: Array) -> Array:
    t = np.abs(_principal(t))
    return np.asarray((np.sin(t) - (np.pi - t) * np.cos(t)) / (2 * np.pi))


def _principal(t: Array) -> Array:
    """The same angle in [-pi, pi)."""
    return np.asarray((t + np.pi) % (2 * np.pi) - np.pi)


KERNELS: dict[str, Kernel] = {  # kappa of the angle, and its two derivatives
    "relu": (_relu, _relu_slope, _relu_bend),
    "linear": (np.cos, lambda t: -np.sin(t), lambda t: -np.cos(t)),
}
