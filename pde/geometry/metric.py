"""The Riemannian metric that batch normalization induces on the directions of the inner weights.

A neuron sees z = w.(x - mu)/sqrt(w' S w) = v.xt with xt = S^(-1/2)(x - mu), so only the direction
counts, in two coordinates on the sphere:

    u = w/|w|  (raw),   v = S^(1/2) u / |S^(1/2) u|  (whitened),   r = |w|  (conserved)

Gradient flow of w moves v with the mobility (inverse metric), and u with that of a round sphere:

    v' = -M(v) grad Psi,   M(v) = (v' S^-1 v)/r^2  P_v S P_v,   u' = -(1/r^2) P_u grad_u Psi

    g_v(xi, xi) = r^2 [ xi' S^-1 xi / q - (v' S^-1 xi)^2 / q^2 ],   q = v' S^-1 v
    dvol_g = r^(d-1) dS(u) = r^(d-1) det(S)^(-1/2) q^(-d/2) dS(v)

Source: Ma and Ying, arXiv 2110.08725, in the coordinates above. All arrays of directions have shape
(.., d); r and S carry the units of the weights and of the inputs. No grid here.
"""

from __future__ import annotations

import weakref
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ..products import form, inner, product

Array = NDArray[np.float64]
Entry = TypeVar("Entry", bound=np.generic)

EXACT = 1e-13  # relative deviation from the identity that is rounding

_placed: dict[tuple[int, type], NDArray[Any]] = {}


class BatchNormMetric:
    """Metric of a batch-normalized neuron for inputs of a given covariance.

    covariance : (d, d) symmetric positive definite, or (d,) its diagonal
    norm : r = |w| > 0

    Raises InputError where the covariance is not symmetric positive definite or the norm not
    positive.

    >>> metric = BatchNormMetric([10.0, 1.0])
    >>> metric.mobility([1.0, 0.0]).diagonal()
    array([0. , 0.1])
    """

    def __init__(self, covariance: ArrayLike, norm: float = 1.0) -> None:
        self.covariance = _checked_covariance(covariance)
        if not (np.isfinite(norm) and norm > 0):
            raise InputError(f"norm = {norm}: the norm of the weights is a positive number")
        self.norm = float(norm)
        values, vectors = np.linalg.eigh(self.covariance)
        self.square_root: Array = (vectors * np.sqrt(values)) @ vectors.T
        self.inverse_square_root: Array = (vectors / np.sqrt(values)) @ vectors.T
        self.inverse: Array = (vectors / values) @ vectors.T
        self.determinant = float(np.prod(values))

    @property
    def dimension(self) -> int:
        """d, the dimension of the inputs."""
        return len(self.covariance)

    @property
    def isotropic(self) -> bool:
        """Whether the covariance is a multiple of the identity: then u = v."""
        scale = self.covariance[0, 0]
        return bool(np.abs(self.covariance / scale - np.eye(self.dimension)).max() < EXACT)

    def whitened(self, u: ArrayLike) -> Array:
        """(.., d): v = S^(1/2) u / |S^(1/2) u| of raw directions u (any length)."""
        u = _points(u)
        return _normalised(product(u, beside(self.square_root, u)))

    def raw(self, v: ArrayLike) -> Array:
        """(.., d): u = S^(-1/2) v / |S^(-1/2) v| of whitened directions v (any length)."""
        v = _points(v)
        return _normalised(product(v, beside(self.inverse_square_root, v)))

    def mobility(self, v: ArrayLike) -> Array:
        """(.., d, d): M(v), the inverse metric on the tangent space at unit v."""
        v = np.asarray(v, float)
        projection = _tangent_projection(v)
        return (self._q(v) / self.norm**2)[..., None, None] * (
            projection @ self.covariance @ projection
        )

    def metric(self, v: ArrayLike) -> Array:
        """(.., d, d): g at unit v, restricted to the tangent space (M g is its projection)."""
        v = np.asarray(v, float)
        projection, q = _tangent_projection(v), self._q(v)[..., None, None]
        normal = (v @ self.inverse)[..., :, None]
        full = self.inverse / q - normal * np.swapaxes(normal, -1, -2) / q**2
        return self.norm**2 * (projection @ full @ projection)

    def raised(self, covector: Array, v: Array) -> Array:
        """(.., d): M(v) on a covector (.., d), without forming M; at unit v."""
        stretched = _tangent(product(_tangent(covector, v), beside(self.covariance, v)), v)
        return (self._q(v) / self.norm**2)[..., None] * stretched

    @property
    def dual(self) -> BatchNormMetric:
        """The metric of the inverse covariance, for which u and v change places."""
        return BatchNormMetric(self.inverse, self.norm)

    def volume_density(self, v: ArrayLike) -> Array:
        """(..,): dvol_g / dS(v) at unit v."""
        d = self.dimension
        scale = self.norm ** (d - 1) / np.sqrt(self.determinant)
        return np.asarray(scale * self._q(np.asarray(v, float)) ** (-d / 2.0))

    def raw_gradient(self, gradient: Array, u: Array, v: Array) -> Array:
        """(.., d): grad_u of a function of v, from its ambient gradient in v.

        grad_u = S^(1/2) P_v grad_v / |S^(1/2) u|; tangent to the sphere at u.
        """
        root = beside(self.square_root, u)
        tangent = product(gradient - inner(gradient, v)[..., None] * v, root)
        length: Array = np.linalg.norm(product(u, root), axis=-1, keepdims=True)
        return tangent / length

    def _q(self, v: Array) -> Array:
        return form(v, beside(self.inverse, v))


def _checked_covariance(covariance: ArrayLike) -> Array:
    matrix = np.asarray(covariance, float)
    if matrix.ndim == 1:
        matrix = np.diag(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 1:
        raise InputError(
            f"covariance of shape {np.shape(covariance)}: give d >= 1 variances or a d x d matrix"
        )
    asymmetry, scale = np.abs(matrix - matrix.T).max(), np.abs(matrix).max()
    if not np.isfinite(matrix).all() or asymmetry > 1e-10 * scale:
        raise InputError("covariance: the matrix is not finite and symmetric")
    size = np.abs(matrix).max()
    if size > 0 and not 1e-200 < size < 1e200:
        raise InputError(f"covariance: entries of {size:.1e} are out of range; rescale the inputs")
    smallest, largest = np.linalg.eigvalsh(matrix)[[0, -1]]
    if not smallest > 1e-13 * largest:
        raise InputError(
            f"covariance: smallest eigenvalue {smallest:.3g}; all must be positive "
            "(drop constant or dependent inputs)"
        )
    return matrix


def _points(given: Any) -> Array:
    """Numbers as an array of the host; an array, of any backend, as it is."""
    points: Array = given if hasattr(given, "__array_function__") else np.asarray(given)
    return points.astype(float, copy=False)


def _normalised(x: Array) -> Array:
    one: Array = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return one


def _tangent(x: Array, v: Array) -> Array:
    return x - inner(x, v)[..., None] * v


def beside(matrix: NDArray[Entry], points: Array) -> NDArray[Entry]:
    """A small array where the points are; the copy lives as long as the array, in one place."""
    if isinstance(points, np.ndarray):
        return matrix
    key = (id(matrix), type(points))
    if key not in _placed:
        _placed[key] = np.asarray(matrix, like=points)
        weakref.finalize(matrix, _placed.pop, key, None).atexit = False
    return _placed[key]


def _tangent_projection(v: Array) -> Array:
    return np.asarray(np.eye(v.shape[-1]) - v[..., :, None] * v[..., None, :])
