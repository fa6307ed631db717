"""Dual kernels as series in the angle, which is how a device has them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

from bnflow.kernels.contract import Overlap
from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.cuda.overlaps import series
from bnflow.pde.network.activations import activation
from bnflow.pde.network.dual import DualKernel
from bnflow.pde.network.kernel_sums import remainder_kernels

Array = np.ndarray
BENT = {"kind": "piecewise-linear", "knots": [-1.0, 0.5, 2.0], "values": [0.0, 0.3, 2.0]}
PAIRS: list[tuple[Any, float, Any]] = [
    *((name, 1.0, None) for name in ("relu", "abs", "step", "erf", "tanh", "gelu", "softplus")),
    *((name, 1.0, None) for name in ("cos", "linear", "quadratic", BENT)),
    *((name, 5.0, None) for name in ("erf", "tanh", "sin")),
    ("relu", 1.0, "erf"),
    ("step", 1.0, "relu"),
    ("tanh", 1.0, BENT),
]


def summed(parameters: tuple[float, ...], c: Array) -> tuple[Array, Array]:
    """Value and slope of one part, as remainders.cu has them."""
    half = len(parameters) // 2
    value, jump = parameters[: half - 1], parameters[half - 1]
    slope, parity = parameters[half:-1], parameters[-1]
    x = 2 / np.pi * np.arcsin(c)
    odd, even = (x, 1.0) if parity > 0 else (1.0, x)
    values = even * chebval(2 * x * x - 1, value) + jump * np.arcsin(c)
    return values, odd * chebval(2 * x * x - 1, slope) + jump / np.sqrt((1 - c) * (1 + c))


@pytest.mark.parametrize(("name", "gain", "other"), PAIRS, ids=str)
def test_a_series_is_its_kernel_to_rounding(name: Any, gain: float, other: Any) -> None:
    kernel = DualKernel(activation(name, gain), other)
    parts = series(kernel.overlap)
    assert parts is not None
    c = np.cos(np.linspace(0.01, np.pi - 0.01, 501))
    found = [summed(part.parameters, c) for part in parts]
    for got, wanted in zip(map(sum, zip(*found, strict=True)), kernel.overlap.both(c), strict=True):
        # slopes at 5 z grow to 14; the interpolants of `dual` are themselves good to 1e-13 of it
        assert np.abs(got - wanted).max() <= 1e-13 * max(1.0, np.abs(wanted).max())


def test_a_remainder_keeps_the_jump_of_its_kernel() -> None:
    """Without it there would be no series, and matrices would be kept instead."""
    (kernel,) = remainder_kernels(activation("step"))
    parts = series(kernel.overlap)
    assert parts is not None
    c = np.linspace(-0.99, 0.99, 101)
    got = map(sum, zip(*(summed(part.parameters, c) for part in parts), strict=True))
    for found, wanted in zip(got, (np.arcsin(c), 1 / np.sqrt(1 - c * c)), strict=True):
        assert np.abs(found - wanted / (2 * np.pi)).max() <= 1e-14  # Sheppard; less E[sigma]^2


def test_parts_that_are_nothing_are_not_summed() -> None:
    parities = {
        name: [part.parameters[-1] for part in series(DualKernel(name).overlap) or []]
        for name in ("abs", "tanh", "relu")
    }
    assert parities == {"abs": [1.0], "tanh": [-1.0], "relu": [1.0, -1.0]}
    (nothing,) = series(DualKernel("abs", "tanh").overlap) or []  # even and odd: orthogonal
    assert not any(nothing.parameters[:-1])


def test_a_kernel_that_bends_within_less_than_a_node_has_no_series() -> None:
    def sharp(c: Array) -> tuple[Array, Array]:
        return np.abs(c - 0.3), np.sign(c - 0.3)

    assert series(Overlap(sharp)) is None


def test_sums_take_what_is_not_contiguous(on_host: Callable[..., CudaKernels]) -> None:
    """As all others: it is copied first."""
    random, sums = np.random.default_rng(0), on_host().overlap_sums(DualKernel("relu").overlap)
    points, neurons = random.normal(size=(2, 9, 3))
    points, neurons = (x / np.linalg.norm(x, axis=1)[:, None] for x in (points, neurons))
    weights = np.arange(9.0)
    assert sums is not None
    strided = (np.asfortranarray(points), np.asfortranarray(neurons), np.repeat(weights, 2)[::2])
    for got, wanted in zip(sums(*strided), sums(points, neurons, weights), strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("name", ["relu", "quadratic", "erf"])
def test_a_small_gain_costs_no_relative_accuracy(name: str) -> None:
    (kernel,) = remainder_kernels(activation(name, 1e-3))
    parts = series(kernel.overlap)
    assert parts is not None
    c = np.cos(np.linspace(0.01, np.pi - 0.01, 101))
    found = [summed(part.parameters, c) for part in parts]
    for got, wanted in zip(map(sum, zip(*found, strict=True)), kernel(c), strict=True):
        # of erf the kernel itself is what is left of gain^2: 1e-16 / gain^4
        assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()
