"""Order parameters of wide random networks, and the Fisher eigenvalue that they predict.

The mean over the data of grad f is one direction of the Fisher information (`spectrum`), so

    lambda_max >= sum_l f_l + g_l,    f_l = N_{l-1} E[h.h'/N_{l-1}] E[delta.delta']  (weights),
                                      g_l = E[delta.delta']                          (biases)

over pairs of data, delta = df/dz summed over neurons and places, N_{l-1} the fan-in. With n data a
pair is one datum with itself in 1/n of the cases:

    f_l = N_{l-1} [(1 - 1/n) qh_xy^{l-1} qt_xy^l + (1/n) qh^{l-1} qt^l],   g_l likewise

The order parameters, kappa(c) = E[s(z) s(z')] for s(z) = phi(gamma z sqrt(v) + beta) and
correlation c:

| | plain (v = q^l, c = q_xy^l/q^l) | batch normalization (v = s^2/(s^2 + eps)) |
|---|---|---|
| q^l, q_xy^l | sigma_b^2 + sigma_w^2 qh^{l-1}, sigma_b^2 + sigma_w^2 qh_xy^{l-1} | the same |
| qh^l, qh_xy^l | kappa(1), kappa(c) | kappa(1), kappa(c), c = 0 |
| qt^l | sigma_w^2 kappa'(1)/q^l qt^{l+1} | sigma_w^2 kappa'(1)/s^2 qt^{l+1} |
| qt_xy^l | sigma_w^2 kappa'(c)/q^l qt_xy^{l+1} | sigma_w^2 kappa'(c)/s^2 qt_xy^{l+1} |

from qh^0 = 1, qh_xy^0 = 0 and qt^L = qt_xy^L = 1. A convolution obeys the same with its fan-in
(`architecture`) and qt summed over places, where the head is fully connected, padding is circular
or "valid", and inputs at different places are independent.

The paper's: ReLU, the bound sum_l f_l at n -> infinity, s^2 = q^l. Derived here and checked against
networks: biases, finite n, other activations, beta, and two corrections.

- `variance = "centred"`: the variance over the data at fixed weights is q^l - q_xy^l, not q^l. Over
  m values (m = n, or n x places if shared) E[1/s^2] = (1 - 3/m)^{-1}/(q^l - q_xy^l), as of chi^2,
  and two standardised values of a neuron have the correlation c = -1/(m - 1).
- `statistics = "full"`: back-propagation through the statistics takes the constant out of delta:
  in hidden layers sum_x delta(x) = 0, so qt_xy^l = -qt^l/(n - 1) and f_l is of order N/n. What
  remains of the bound is the last layer's. In the last hidden layer, where delta is W^L s'(z), qt
  has kappa'(1) - E[s'(z)]^2 - E[z s'(z)]^2 for kappa'(1), the latter two divided by the number of
  places if statistics are shared; in the others the projections take something of order 1/m.

Measured networks exceed this by terms of order 1/N, and more where the data are not like
independent normal vectors (images); lambda_max itself is larger than the quotient.
The projections take eps as small. Networks with only one of RC and RS have no theory here.
Source: Wei, Stokes and Schwab, arXiv 1903.02606, with the printed base values of qh^0 and qh_xy^0
exchanged, which are swapped there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest
from ...pde.network.activations import Activation, piecewise_linear
from ...pde.network.custom import custom_activation
from ...pde.network.dual import DualKernel
from ...pde.network.normal import features, normal_rule, panel_of
from ..layers import LayerSpec, count
from .architecture import Architecture
from .normalization import Spatial
from .training import refuse_momentum

Array = NDArray[np.float64]
Variance = Literal["second-moment", "centred"]
Derivative = Literal["frozen", "full"]

_WORDS = {
    "variance": get_args(Variance),
    "statistics": get_args(Derivative),
    "spatial": get_args(Spatial),
}


@dataclass(frozen=True, eq=False)
class FisherTheory:
    """Order parameters and shares of the eigenvalue, all of shape (L,), L = number of affine maps.

    q, q_xy : of the map's z, of one datum and of two different data
    qh, qh_xy : of the map's input
    qt, qt_xy : of delta at the map's z, summed over neurons and places
    weights, biases : f_l and g_l
    """

    q: Array
    q_xy: Array
    qh: Array
    qh_xy: Array
    qt: Array
    qt_xy: Array
    weights: Array
    biases: Array

    @property
    def bound(self) -> float:
        """sum_l f_l, the paper's lower bound of lambda_max; biases not counted."""
        return float(self.weights.sum())

    @property
    def quotient(self) -> float:
        """sum_l f_l + g_l, the Rayleigh quotient of the constant function."""
        return float((self.weights + self.biases).sum())


def max_learning_rate(eigenvalue: ArrayLike, momentum: float = 0.0) -> Array:
    """eta* = 2 (1 + momentum)/lambda: below it, heavy ball is linearly stable at a minimum.

    >>> float(max_learning_rate(4.0, momentum=0.9))
    0.95
    """
    value = np.asarray(eigenvalue, float)
    if not (value > 0.0).all():
        raise InputError(f"eigenvalue = {value.min():g} must be > 0; give lambda_max or the bound")
    refuse_momentum(momentum)
    return np.asarray(2.0 * (1.0 + momentum) / value)


def data_moments(architecture: Architecture, x: ArrayLike) -> tuple[float, float]:
    """(qh^0, qh_xy^0) of data (n, ..): mean |x|^2/N and mean x.y/N over pairs of different data."""
    rows = architecture.arranged(x).reshape(len(np.asarray(x)), -1)
    if len(rows) < 2:
        raise InputError(f"{len(rows)} datum has no pair; give 2 data at least")
    square, total = np.einsum("ni,ni->", rows, rows), rows.sum(axis=0)
    pairs = len(rows) * (len(rows) - 1)
    return float(square / rows.size), float((total @ total - square) / pairs / rows.shape[1])


def fisher_theory(
    architecture: Architecture,
    spec: LayerSpec,
    *,
    samples: int | None = None,
    variance: Variance = "second-moment",
    statistics: Derivative = "frozen",
    spatial: Spatial = "location",
    moments: tuple[float, float] = (1.0, 0.0),
) -> FisherTheory:
    """What order parameters predict for a wide network; by default as in the paper.

    samples : n; None is infinitely many
    variance : "second-moment", s^2 = q (the paper's), or "centred", the variance over the data
    statistics : "frozen", constants in the derivative (the paper's), or "full"
    spatial : as the network's; matters to the two corrections at finite n only
    moments : qh^0 and qh_xy^0 (`data_moments`)

    Raises InputError for a network with only one of RC and RS, or unknown words.

    >>> from bnflow.depth.layers import LayerSpec
    >>> from bnflow.depth.fisher import dense
    >>> spec = LayerSpec(gamma=0.5, sigma_w=2**0.5, sigma_b=0.5**0.5)
    >>> round(fisher_theory(dense([784, 1000, 1000, 1000, 10]), spec).bound, 1)
    47.5
    """
    _refuse(spec, samples, variance=variance, statistics=statistics, spatial=spatial)
    full = spec.rescale and statistics == "full"
    forward, factors = [], []
    qh, qh_xy = _checked_moments(moments)
    for index, layer in enumerate(architecture.layers, start=1):
        q, q_xy = (spec.sigma_b**2 + spec.sigma_w**2 * each for each in (qh, qh_xy))
        forward.append((q, q_xy, qh, qh_xy))
        if index == architecture.depth:
            break
        values = _standardised_over(samples, layer.places, spatial)
        c, square = _correlation(spec, variance, q, q_xy, values)
        sigma = _of_unit(spec, square / (square + spec.eps) if spec.rescale else q)
        kernel = DualKernel(sigma)
        qh, qh_xy = (float(kernel.value(each)) for each in (1.0, c))
        own, pair = (float(kernel.slope(each)) for each in (1.0, c))
        if full:
            last = index == architecture.depth - 1
            alike = layer.places if spatial == "shared" else 1
            own = _projected(sigma, values, alike) if last else own - _lost(sigma) / values
        factors.append((spec.sigma_w**2 / square * own, spec.sigma_w**2 / square * pair))
    qt, qt_xy = np.cumprod([(1.0, 1.0), *factors[::-1]], axis=0)[::-1].T
    if full:
        qt_xy[:-1] = -qt[:-1] / (samples - 1) if samples else 0.0
    return _shared_out(architecture, samples, np.array(forward).T, qt, qt_xy)


def _standardised_over(samples: int | None, places: int, spatial: Spatial) -> float:
    """m, the number of values that one pair of statistics is taken over."""
    return float(samples * (places if spatial == "shared" else 1)) if samples else np.inf


def _correlation(
    spec: LayerSpec, variance: Variance, q: float, q_xy: float, values: float
) -> tuple[float, float]:
    """c of two different data, and the square s^2 that back-propagation divides by."""
    if not spec.rescale:
        return q_xy / q, q
    if variance == "second-moment":
        return 0.0, q
    return -1.0 / (values - 1.0), (1.0 - 3.0 / values) * (q - q_xy)


def _of_unit(spec: LayerSpec, square: float) -> Activation:
    """z -> phi(gamma sqrt(square) z + beta), for a standard normal z."""
    phi, scale, shift = spec.phi, spec.gamma * float(np.sqrt(square)), spec.beta
    if shift == 0.0:
        return phi.with_gain(scale)
    if phi.bends:
        bends = sorted((kink - shift) / scale for kink in phi.kinks)
        knots = np.array([bends[0] - 1.0, *bends, bends[-1] + 1.0])
        return piecewise_linear(knots, phi.value(scale * knots + shift))
    return custom_activation(
        lambda z: phi.value(scale * z + shift),
        lambda z: scale * phi.slope(scale * z + shift),
        kinks=[(kink - shift) / scale for kink in phi.kinks],
        name=f"shifted {phi.label}",
    )


def _projected(sigma: Activation, values: float, alike: int) -> float:
    """E of the square of s' less its mean and its part along z, each once per `alike` places."""
    own, mean, along, _ = _slope_moments(sigma)
    return (1.0 - 2.0 / values) * (own - (mean + along) / alike)


def _lost(sigma: Activation) -> float:
    """m times what the projections take of s'(z(x)) u(x), where u over the m values sums to zero.

    E of the squares of the means of s' u and of z s' u, of u with unit variance.
    """
    own, mean, along, second = _slope_moments(sigma)
    return (own - mean) + (second - along)


def _slope_moments(sigma: Activation) -> tuple[float, float, float, float]:
    """E[s'^2], E[s']^2, E[z s']^2, E[z^2 s'^2]."""
    z, weight = normal_rule(features(sigma), panel_of(sigma))
    slope = sigma.slope(z)
    squares = weight * slope**2
    return (
        float(squares.sum()),
        float(weight @ slope) ** 2,
        float(weight @ (z * slope)) ** 2,
        float(squares @ z**2),
    )


def _shared_out(
    architecture: Architecture, samples: int | None, forward: Array, qt: Array, qt_xy: Array
) -> FisherTheory:
    """f_l and g_l of the order parameters."""
    q, q_xy, qh, qh_xy = forward
    own = 1.0 / samples if samples else 0.0
    fan_in = np.array([layer.fan_in for layer in architecture.layers])
    weights = fan_in * ((1.0 - own) * qh_xy * qt_xy + own * qh * qt)
    biases = (1.0 - own) * qt_xy + own * qt
    return FisherTheory(q, q_xy, qh, qh_xy, qt, qt_xy, weights, biases)


def _checked_moments(moments: tuple[float, float]) -> tuple[float, float]:
    own, pair = (float(each) for each in moments) if len(moments) == 2 else (0.0, 0.0)
    if not (0.0 < own < np.inf and -own <= pair < own):
        raise InputError(
            f"moments = {moments} must be (qh, qh_xy), qh > 0 and |qh_xy| < qh; see data_moments"
        )
    return own, pair


def _refuse(spec: LayerSpec, samples: int | None, **words: str) -> None:
    if spec.recenter != spec.rescale:
        raise InputError(
            f"recenter = {spec.recenter} with rescale = {spec.rescale} has no Fisher theory; "
            "give both or none, or measure with lambda_max"
        )
    if spec.phi.name == "step":
        raise InputError('activation "step" has no gradient; choose relu, tanh or erf')
    if samples is not None:
        count("samples", samples, 4)
    for name, word in words.items():
        allowed = _WORDS[name]
        if word not in allowed:
            raise InputError(f'{name} = "{word}" must be {listed(allowed)}{nearest(word, allowed)}')
