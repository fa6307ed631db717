"""The largest eigenvalue of the Fisher information of a network, and its constant direction.

For a Gaussian model with outputs f and n data, summed over outputs,

    I = (1/n) sum_x,k grad f_k(x) grad f_k(x)^T = J^T J/n,

the Hessian of the loss (1/2n) sum (f - y)^2 where f = y. Its positive eigenvalues are those of the
dual J J^T/n of size n x outputs, which Lanczos needs as products only. The constant functions
u = e_k/sqrt n give Rayleigh quotients of the dual,

    |J^T e_k|^2/n^2 = |mean over x of grad f_k|^2 <= lambda_max,

which is what the bound of Wei, Stokes and Schwab (arXiv 1903.02606) predicts (`theory`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from ...kernels.errors import InputError
from .linearization import Linearization

Array = NDArray[np.float64]

_SMALL = 3  # size of the dual up to which it is formed: Lanczos needs room


@dataclass(frozen=True, eq=False)
class ConstantDirection:
    """Rayleigh quotients of the constant functions, in shares.

    weights, biases : (outputs, L), the shares of the layers' parameters
    """

    weights: Array
    biases: Array

    @property
    def quotient(self) -> Array:
        """(outputs,): of the constant function of each output."""
        return np.asarray((self.weights + self.biases).sum(axis=1))


def constant_direction(at: Linearization) -> ConstantDirection:
    """|mean over the data of grad f_k|^2 for every output k and layer."""
    architecture = at.architecture
    shares = np.empty((2, architecture.outputs, architecture.depth))
    for k in range(architecture.outputs):
        u = np.zeros_like(at.output)
        u[:, k] = 1.0 / len(u)
        for index, (_, weight, bias) in enumerate(architecture.split(at.vjp(u))):
            shares[:, k, index] = np.vdot(weight, weight), bias @ bias
    return ConstantDirection(*shares)


def lambda_max(at: Linearization, tolerance: float = 1e-6) -> float:
    """The largest eigenvalue of I, to a relative tolerance.

    It starts from the constant function of all outputs and a fixed disturbance, so that the result
    is reproducible.
    """
    shape, size = at.output.shape, at.output.size
    if not 0.0 <= tolerance < 1.0:
        raise InputError(f"tolerance = {tolerance} must be at least 0 and below 1; give 1e-6, say")

    def product(u: Array) -> Array:
        return np.asarray(at.jvp(at.vjp(u.reshape(shape))).ravel() / shape[0])

    if size <= _SMALL:
        matrix = np.stack([product(unit) for unit in np.eye(size)])
        return float(np.linalg.eigvalsh(matrix)[-1])
    start = 1.0 + 0.1 * np.random.default_rng(0).standard_normal(size)
    dual = LinearOperator((size, size), matvec=product, dtype=np.float64)
    found = eigsh(dual, k=1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
    return float(found[0])
