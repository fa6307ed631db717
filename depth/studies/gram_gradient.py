"""The gradient in the hidden units against depth: what batch normalization does on the way back.

    Pi_l = E ||df/dz^l||^2 per neuron and input,     Pi_{l-1}/Pi_l -> growth

With z ~ N(0, S), S as at the fixed point, and gradients above it taken to be independent of z (the
gradient-independence assumption of mean-field theory), one BN layer multiplies the mean square by

    growth = B sigma_w^2 / (lambda (B - 3)) E tr[Q D P D Q] / (B - 1)
    Q = P - zhat zhat^T/B,  D = diag(gamma phi'(gamma zhat)),  lambda = sigma_w^2 (G*_ii - G*_ij)

for B > 3: 1/s^2 and zhat are independent, and E 1/s^2 = B/(lambda (B - 3)) (derived here). Linear
layers have (B - 2)/(B - 3), as in Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz, arXiv
1902.08129, whose subject it is. Without BN and at the critical sigma_w the growth is 1 where phi
is of degree one; others, whose inputs shrink in depth, lose a power of the depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..fisher import RandomNet, dense
from ..fixed_points import fixed_point
from ..gram_mixture import square_root
from ..gram_sampled import REPLICATES, mean_and_error, normal_points
from ..layers import LayerSpec, centred
from .fits import Estimate, finding, within
from .layers import label, layer, refuse_below
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

POINTS = 2**11
NEAR = 0.02  # relative, of the growth
TOP = 5  # layers below the output that are left out: there the start is still felt


def gradient_growth(spec: LayerSpec, batch: int) -> tuple[float, float]:
    """Of a layer with RC and RS at its fixed point, and its standard error.

    Raises InputError for a batch of 3 or fewer, where it is infinite.

    >>> growth, error = gradient_growth(LayerSpec("linear"), 8)  # 6/5
    >>> abs(growth - 1.2) < 1e-9
    True
    """
    if batch <= 3:
        raise InputError(f"batch = {batch}: gradients of BN have a second moment from 4 inputs on")
    gram = fixed_point(spec, batch).gram
    spread = spec.sigma_w**2 * float(gram[0, 0] - gram[0, 1])
    traces = []
    for x in normal_points(batch, POINTS, REPLICATES, seed=3):
        zhat = spec.normalised(x)
        slope = spec.gamma * spec.phi.slope(spec.gamma * zhat + spec.beta)
        traces.append(float(np.mean(_trace(zhat, slope))))
    value, error = mean_and_error(np.array(traces))
    factor = batch * spec.sigma_w**2 / (spread * (batch - 3) * (batch - 1))
    return float(factor * value), float(factor * error)


def _trace(zhat: Array, slope: Array) -> Array:
    """(N,): tr[Q D P D Q] of rows (N, B); with D P D = D^2 - d d^T/B."""
    batch = zhat.shape[1]
    inner = slope[:, :, None] * np.eye(batch) - slope[:, :, None] / batch
    outer = centred(np.einsum("nij,nj->nij", inner, slope))
    along = np.einsum("ni,nij,nj->n", zhat, outer, zhat) / batch
    return np.asarray(np.trace(outer, axis1=1, axis2=2) - along)


def curves(settings: Settings) -> list[tuple[str, bool]]:
    """Activation and BN."""
    normalised = [(phi, True) for phi in settings["activations"]]
    return normalised + [(phi, False) for phi in settings["plain"]]


def piece_name(activation: str, normalised: bool) -> str:
    """Of one curve."""
    return f"{activation}-{'bn' if normalised else 'plain'}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """Networks with their weights, each differentiated once, and the prediction."""
    refuse_below(settings, batch=4, width=1, depth=10, nets=8)

    def networks(activation: str, normalised: bool) -> Computation:
        def compute(rng: np.random.Generator) -> Piece:
            spec, batch = layer(activation, normalised), settings["batch"]
            growth = gradient_growth(spec, batch) if normalised else (1.0, 0.0)
            squares = [squared_gradients(spec, settings, rng) for _ in range(settings["nets"])]
            return {
                "layer": variable(np.arange(1, settings["depth"] + 1), "layer", "hidden layer"),
                "square": variable(
                    np.array(squares).T, "layer net", "mean square of the gradient in z"
                ),
                "growth": variable(growth[0], "", "predicted growth a layer, towards the input"),
                "growth_error": variable(growth[1], "", "its standard error"),
            }

        return compute

    return {piece_name(*curve): networks(*curve) for curve in curves(settings)}


def squared_gradients(spec: LayerSpec, settings: Settings, rng: np.random.Generator) -> Array:
    """(depth,): mean square of d(u.f)/dz^l, u normal, of one network.

    Inputs are normal too; with BN of the covariance G*, so that no layer is still on its way to it.
    """
    width, batch = settings["width"], settings["batch"]
    net = RandomNet(dense([width] * (settings["depth"] + 1) + [1]), spec)
    root = square_root(fixed_point(spec, batch).gram) if spec.rescale else np.eye(batch)
    at = net.at(net.draw(rng), root @ rng.standard_normal((batch, width)))
    g, found = rng.standard_normal((batch, 1, 1)), []
    for bend, stage in zip(at.bends[::-1], at.stages[:0:-1], strict=True):
        g = bend.adjoint(stage.pulled(g))
        found.append(float(np.mean(g * g)))
    return np.array(found[::-1])


def observed_growth(square: Array) -> Estimate:
    """Of the mean over networks, a layer; the error by leaving out one network (jackknife)."""
    inner = square[: len(square) - TOP]
    count = inner.shape[1]
    total = inner.sum(axis=1)
    rates = np.array([_rate((total - inner[:, k]) / (count - 1)) for k in range(count)])
    error = np.sqrt((count - 1) * np.mean((rates - rates.mean()) ** 2))
    return within(_rate(total / count), float(error))


def _rate(mean_square: Array) -> float:
    """exp(slope) towards the input."""
    layers = np.arange(len(mean_square))
    return float(np.exp(-np.polyfit(layers, np.log(mean_square), 1)[0]))


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Observed over predicted growth."""
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    for phi, bn in curves(settings):
        piece = found[piece_name(phi, bn)]
        growth, error = float(piece["growth"].values), float(piece["growth_error"].values)
        seen = observed_growth(piece["square"].values)
        numbers[label(phi, bn)] = {"predicted": growth, "observed": seen.value}
        ratio = within(seen.value / growth, np.hypot(seen.error, error) / growth)
        name = f"growth a layer over the prediction {growth:.4g}, {label(phi, bn)}"
        findings.append(finding(name, ratio, 1 - NEAR, 1 + NEAR))
    return Verdict(tuple(findings), numbers)


STUDY = Study(
    name="gram-gradient",
    group="gram",
    claim="batch normalization makes the gradient of a random network grow geometrically towards "
    "its input, by (B - 2)/(B - 3) a layer if linear; at the critical weights it keeps its size "
    "without",
    source="Yang et al., arXiv 1902.08129; growth derived here",
    criterion="It holds where the observed growth a layer is the predicted one but for 2 %, in its "
    "95 % interval.",
    settings={
        "activations": ["linear", "relu", "tanh", "sin"],
        "plain": ["linear", "relu"],
        "width": 512,
        "depth": 30,
        "batch": 16,
        "nets": 32,
        "seed": 0,
    },
    quick={"width": 400, "depth": 16, "batch": 8, "nets": 32},
    pieces=pieces,
    judge=judge,
)
