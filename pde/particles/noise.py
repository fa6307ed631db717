"""Noise of neurons: every one takes a walk of its own on the manifold of its weights.

    d theta = -grad_g Psi dt + sqrt(2 tau) dW_g

A step of the flow of length dt stands between two walks of dt/2 (Strang), each of the exact law in
a, gamma, beta and plain w, where the manifold is flat. On the sphere of radius r a walk goes along
the great circle of a normal vector xi,

    u -> cos(s) u + sin(s) t/|t|,   t = P_u xi,   s = q |t|,   q^2 = p^2/(1 + (d-2) p^2/6)

p^2 = 2 k_w tau dt/r^2. With n = d - 1 and t = p^2/2 now, the heat flow has E s^2 = 2 n t - (2/3) n
(n-1) t^2 + O(t^3) and E s^4 = 4 n (n+2) t^2 + O(t^3) (from Lap = d_ss + (n-1) cot(s) d_s applied
twice), and so has this walk: harmonics decay at l(l+d-2) tau/r^2 up to O(dt^2), and exactly on the
circle. So expectations are of second order in dt (paths are not).

The numbers are a function of (seed, step, replica, which of the two walks) alone, so a run goes on
bitwise from its step count, and replicas do not depend on their number. Batch normalization's
metric walks in u, the round one in v, whatever the coordinates of the flow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..problem import Problem
from .charts import Chart

Array = NDArray[np.float64]

NOISE = 101  # stream of the generator, apart from those of the data and of the start


class Noise:
    """The walks of a problem's neurons, in a chart. seed : of the run."""

    def __init__(self, problem: Problem, chart: Chart, seed: int) -> None:
        self.problem, self.chart = problem, chart
        self.key = np.random.SeedSequence((seed, NOISE)).generate_state(2, np.uint64)

    def walked(
        self, point: Sequence[Array], heat: float, step: int, walk: int
    ) -> tuple[Array, ...]:
        """(x, a[, gamma, beta]) after tau dt = `heat`, with the numbers of a step's walk."""
        problem = self.problem
        x, a, *affine = point
        drawn = self._numbers((*a.shape, x.shape[-1] + 1 + len(affine)), step, walk)
        numbers: Array = np.asarray(drawn, like=a)
        xi, eta = numbers[..., : x.shape[-1]], np.moveaxis(numbers[..., x.shape[-1] :], -1, 0)
        if problem.trains_inner:
            x = self._inner(x, 2 * problem.rates.inner * heat, xi)
        if problem.trains_outer:
            a = a + np.sqrt(2 * problem.rates.outer * heat) * eta[0]
        if problem.affine is not None:
            moves = (problem.affine.trains_gamma, problem.affine.trains_beta)
            affine = [
                part + np.sqrt(2 * heat) * each if moving else part
                for part, each, moving in zip(affine, eta[1:], moves, strict=True)
            ]
        return (x, a, *affine)

    def rate(self, temperature: float, x: Array, mass: Array) -> float:
        """How fast the walk of the inner weights changes what they mean, in unit time."""
        problem, d = self.problem, self.problem.dimension
        if not problem.trains_inner:
            return 0.0
        if problem.normalised:
            square = problem.metric.norm**2
        else:
            square = float((np.einsum("knd,knd->kn", x, x) @ mass).mean())
        return 2 * d * problem.rates.inner * temperature / square

    def _inner(self, x: Array, variance: float, xi: Array) -> Array:
        """Inner weights in the chart; variance : of the walk along one direction."""
        problem = self.problem
        if not problem.normalised:
            walked: Array = x + np.sqrt(variance) * xi
            return walked
        spread = np.sqrt(variance) / problem.metric.norm
        if problem.induced == "bn":
            return self.chart.from_raw(on_sphere(self.chart.raw(x), spread, xi))
        v = on_sphere(self.chart.points(x), spread, xi)
        return self.chart.from_raw(problem.metric.raw(v))

    def _numbers(self, shape: tuple[int, ...], step: int, walk: int) -> Array:
        """Independent normal numbers (replicas, ..), drawn on the host: the same on any backend."""
        drawn = np.empty(shape)
        for replica in range(shape[0]):
            bits = np.random.Philox(key=self.key, counter=[0, walk, replica, step])
            np.random.Generator(bits).standard_normal(out=drawn[replica])
        return drawn


def on_sphere(u: Array, spread: float, xi: Array) -> Array:
    """Unit vectors (.., d) after a walk.

    spread : p, of standard deviation along one direction; xi : (.., d) normal numbers
    """
    bent = max(u.shape[-1] - 2, 0) / 6
    q = spread / np.sqrt(1 + bent * spread**2)
    tangent = q * (xi - u * np.einsum("...d,...d->...", u, xi)[..., None])
    angle = np.linalg.norm(tangent, axis=-1, keepdims=True)
    end: Array = np.cos(angle) * u + np.sinc(angle / np.pi) * tangent
    end /= np.linalg.norm(end, axis=-1, keepdims=True)
    return end
