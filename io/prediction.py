"""The network's output from the signed measure of a saved density, or from saved neurons.

    f(x) = shift + scale * sum_j c_j sigma(v_j . xt),   xt = S^(-1/2) (P (x - centre) - mean)
    c_j = m_j vol_j,  m(v) = int a rho(v, a) da   of a density;   c_j = mass_j a_j   of neurons

S^(1/2) is symmetric. Without batch normalization w_j . P (x - centre) stands for v_j . xt; with
scales and shifts of its own, gamma_j v_j . xt + beta_j.

x (rows, raw inputs) · P the principal directions, where the data are projected, else the identity ·
xt (rows, d) whitened inputs · v_j (neurons, d) whitened directions · c_j (neurons,).

Memory stays bounded: rows are taken in blocks, and no rows x neurons array is ever whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..kernels.errors import InputError
from ..pde.frame import AnyLayout, Array, Layout, NeuronLayout

BLOCK = 2**21  # numbers in a rows x cells block: 16 MiB
Activation = Callable[[Array], Array]


def whitened_inputs(layout: AnyLayout, x: ArrayLike) -> Array:
    """xt of raw inputs: (rows, d)."""
    return whitened_rows(layout, projected_inputs(layout, x))


def whitened_rows(layout: AnyLayout, rows: Array) -> Array:
    """xt of projected inputs (rows, d)."""
    return np.asarray((rows - layout.data_mean) @ power(layout.data_covariance, -0.5))


def unwhitened_rows(layout: AnyLayout, xt: Array) -> Array:
    """Projected inputs of whitened ones (rows, d)."""
    return np.asarray(layout.data_mean + xt @ power(layout.data_covariance, 0.5))


def projected_inputs(layout: AnyLayout, x: ArrayLike) -> Array:
    """P (x - centre) of raw inputs, or these as they are: (rows, d)."""
    rows = _checked(layout, x)
    if layout.input_centre is not None:
        rows = rows - layout.input_centre
    return rows if layout.input_basis is None else np.asarray(rows @ layout.input_basis.T)


def raw_inputs(layout: AnyLayout) -> int:
    """Number of columns of the raw inputs."""
    return layout.dimension if layout.input_basis is None else int(layout.input_basis.shape[1])


def power(matrix: Array, exponent: float) -> Array:
    """A power of a symmetric positive definite matrix, symmetric itself."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)


def network_output(layout: Layout, measure: Array, sigma: Activation, xt: Array) -> Array:
    """f at whitened inputs, in the units of the raw targets: (rows,).

    measure : (2d, n, .., n) - m(v), per Riemannian volume
    xt : (rows, d)
    """
    directions = layout.direction_whitened.reshape(-1, layout.dimension)
    weights = (measure * layout.cell_volume).ravel()
    return _output(layout, directions, weights, sigma, xt)


def neuron_output(
    layout: NeuronLayout,
    direction: Array,
    a: Array,
    sigma: Activation,
    xt: Array,
    affine: tuple[Array, Array] | None = None,
) -> Array:
    """The same of the neurons of one replica, direction (neurons, d) and a (neurons,) as saved.

    affine : gamma and beta, (neurons,) each, of a batch-normalized network; None is 1 and 0
    """
    weights = layout.neuron_mass * a
    if not layout.normalised:
        return _output(layout, direction, weights, sigma, unwhitened_rows(layout, xt))
    image = direction @ power(layout.data_covariance, 0.5)
    directions = image / np.linalg.norm(image, axis=1, keepdims=True)
    if affine is not None:
        gamma, beta = affine
        directions = np.column_stack([gamma[:, None] * directions, beta])
        xt = np.column_stack([xt, np.ones(len(xt))])
    return _output(layout, directions, weights, sigma, xt)


def _output(
    layout: AnyLayout, directions: Array, weights: Array, sigma: Activation, rows: Array
) -> Array:
    carriers = np.flatnonzero(weights)
    directions, weights = directions[carriers], weights[carriers]
    output = np.empty(len(rows))
    block = max(BLOCK // max(len(weights), 1), 1)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        output[part] = sigma(rows[part] @ directions.T) @ weights
    return layout.target_shift + layout.target_scale * output


def _checked(layout: AnyLayout, x: ArrayLike) -> Array:
    columns = raw_inputs(layout)
    try:
        rows = np.asarray(x, float)
    except (TypeError, ValueError):
        raise InputError(f"predict: x is not numeric; give an array (rows, {columns})") from None
    if rows.ndim != 2 or rows.shape[1] != columns:
        hint = "; one input is x[None, :]" if rows.shape == (columns,) else ""
        raise InputError(f"predict: x has shape {rows.shape}, expected (rows, {columns}){hint}")
    if not np.isfinite(rows).all():
        row = int(np.argwhere(~np.isfinite(rows))[0, 0])
        raise InputError(f"predict: row {row} of x is not finite; give finite inputs")
    return rows
