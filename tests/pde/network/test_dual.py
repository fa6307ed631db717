"""Dual kernels to 1e-10, against nested quadrature in polar coordinates."""

import warnings
from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr, owens_t

from bnflow import custom_activation
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.network import dual
from bnflow.pde.network.activations import ACTIVATIONS, Spec, activation, piecewise_linear
from bnflow.pde.network.closed_kernels import closed
from bnflow.pde.network.dual import DualKernel, dual_kernel

Array = np.ndarray
Function = Callable[[Array], Array]

KNOTS, VALUES = (-1.5, -0.8, 0.3, 0.9), (-0.5, -0.7, 0.4, 0.2)
INNER = tuple(zip(KNOTS[1:-1], np.diff(np.diff(VALUES) / np.diff(KNOTS)), strict=True))
PIECEWISE = {"kind": "piecewise-linear", "knots": list(KNOTS), "values": list(VALUES)}
HARD_TANH = {"kind": "piecewise-linear", "knots": [-2, -1, 1, 2], "values": [-1, -1, 1, 1]}


def bent(z: Array) -> Array:
    first = (VALUES[1] - VALUES[0]) / (KNOTS[1] - KNOTS[0])
    hinges = (jump * np.maximum(z - k, 0) for k, jump in INNER)
    return np.asarray(VALUES[0] + first * (z - KNOTS[0]) + sum(hinges))


def bent_slope(z: Array) -> Array:
    first = (VALUES[1] - VALUES[0]) / (KNOTS[1] - KNOTS[0])
    return np.asarray(first + sum(jump * (z > k) for k, jump in INNER))


def gauss(z: Array) -> Array:
    return np.asarray(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))


def cdf(z: Array) -> Array:
    return np.asarray(0.5 * (1 + erf(z / np.sqrt(2))))


# name: value, slope, kinks; written again
FUNCTIONS: dict[str, tuple[Function, Function, tuple[float, ...]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float), (0.0,)),
    "linear": (lambda z: z, np.ones_like, ()),
    "erf": (erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)), ()),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2, ()),
    "gelu": (lambda z: z * cdf(z), lambda z: cdf(z) + z * gauss(z), ()),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z: 1 / (1 + np.exp(-z)), ()),
    "sin": (np.sin, np.cos, ()),
    "cos": (np.cos, lambda z: -np.sin(z), ()),
    "abs": (np.abs, np.sign, (0.0,)),
    "step": (lambda z: (z > 0).astype(float), np.zeros_like, (0.0,)),
    "quadratic": (lambda z: z**2, lambda z: 2 * z, ()),
    "piecewise-linear": (bent, bent_slope, tuple(k for k, _ in INNER)),
}
SPECS: dict[str, Spec] = {**{name: name for name in ACTIVATIONS}, "piecewise-linear": PIECEWISE}
PAIRS = list(combinations_with_replacement(FUNCTIONS, 2))
CORRELATIONS = [-0.97, -0.5, 0.0, 1e-3, 0.6, 0.9]
NODES, WEIGHTS = leggauss(20)


def panels(ends: Array) -> tuple[Array, Array]:
    """Gauss nodes and weights between ends, dense at both of them (functions like square roots).

    On each interval t = low + (high - low) s^2 (3 - 2 s).
    """
    s, span = (1 + NODES) / 2, np.diff(ends)[:, None]
    t = ends[:-1, None] + span * s**2 * (3 - 2 * s)
    return t.ravel(), (span * 3 * s * (1 - s) * WEIGHTS).ravel()


def expectation(first: Any, second: Any, c: float) -> float:
    """E f(z) g(z') with (z, z') = r (cos t, cos(t - theta)); each is (function, kinks).

    Split in t where a kink line crosses the circle, and in r where it first does, and where two
    lines cross.
    """
    (f, mine), (g, theirs) = first, second
    theta = 2 * np.arcsin(np.sqrt((1 - c) / 2))
    meets = [np.sqrt((a * a - 2 * a * b * c + b * b) / (1 - c * c)) for a in mine for b in theirs]
    ends = np.unique([*np.linspace(0, 10, 11), *np.abs([*mine, *theirs]), *meets])
    total = 0.0
    for r, share in zip(*panels(ends[ends <= 10]), strict=True):
        at = [np.arccos(k / r) * s for k in mine if abs(k) < r for s in (1, -1)]
        at += [theta + np.arccos(k / r) * s for k in theirs if abs(k) < r for s in (1, -1)]
        t, weight = panels(np.unique([*np.linspace(0, 2 * np.pi, 9), *np.mod(at, 2 * np.pi)]))
        inner = (f(r * np.cos(t)) * g(r * np.cos(t - theta))) @ weight
        total += share * r * np.exp(-(r**2) / 2) * inner
    return float(total / (2 * np.pi))


def scaled(name: str, gain: float, order: int) -> tuple[Function, tuple[float, ...]]:
    """z -> f(gain z), or its derivative, and its kinks."""
    value, slope, kinks = FUNCTIONS[name]
    function = slope if order else value
    return lambda z: gain**order * function(gain * z), tuple(k / gain for k in kinks)


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.7, 0.6)])
def test_value_and_slope_to_1e_10(first: str, second: str, gains: tuple[float, float]) -> None:
    a, b = gains
    kernel = DualKernel(activation(SPECS[first], a), activation(SPECS[second], b))
    for order, got in enumerate((kernel.value(CORRELATIONS), kernel.slope(CORRELATIONS))):
        if order == 1 and "step" in (first, second):
            continue  # a measure: see the next two tests
        f, g = scaled(first, a, order), scaled(second, b, order)
        expected = [expectation(f, g, c) for c in CORRELATIONS]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_slope_is_the_derivative_of_value(first: str, second: str) -> None:
    """Between the nodes of any interpolation too; fifth derivatives reach 10^3 here."""
    kernel, h = DualKernel(SPECS[first], SPECS[second]), 1e-3
    c = np.linspace(-0.8, 0.8, 33)
    one, two = (kernel.value(c + k * h) - kernel.value(c - k * h) for k in (1, 2))
    numerical = (8 * one - two) / (12 * h)
    np.testing.assert_allclose(kernel.slope(c), numerical, rtol=0, atol=1e3 * h**4 / 30 + 1e-11 / h)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slope_with_a_step_is_an_expectation_on_its_edge(name: str) -> None:
    """E[delta(z) tau'(z')] = phi(0) E tau'(s y), in one dimension."""
    if name == "step":
        at = np.array([-0.9, 0.0, 0.5])
        np.testing.assert_allclose(
            DualKernel("step").slope(at), 1 / (2 * np.pi * np.sqrt(1 - at * at)), rtol=1e-14
        )
        return
    kernel, (slope, kinks) = DualKernel("step", SPECS[name]), scaled(name, 1.0, 1)
    for c in [-0.97, 0.0, 0.3, 0.999]:
        s = np.sqrt(1 - c * c)
        edges = [k / s for k in kinks if abs(k / s) < 10]
        y, weight = panels(np.unique([*np.linspace(-10, 10, 21), *edges]))
        expected = (slope(s * y) * gauss(y)) @ weight / np.sqrt(2 * np.pi)
        assert float(kernel.slope(c)) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_ends_are_expectations_in_one_dimension(first: str, second: str) -> None:
    """c = 1: E[sigma(z) tau(z)], c = -1: E[sigma(z) tau(-z)], and the same for the slopes."""
    kernel = DualKernel(SPECS[first], SPECS[second])
    kinks = [*FUNCTIONS[first][2], *FUNCTIONS[second][2]]
    z, weight = panels(np.unique([*np.linspace(-10, 10, 21), *kinks, *np.negative(kinks)]))
    for order, got in enumerate((kernel.value, kernel.slope)):
        if order == 1 and "step" in (first, second):
            continue
        f, g = scaled(first, 1.0, order)[0], scaled(second, 1.0, order)[0]
        for c in (-1.0, 1.0):
            expected = (f(z) * g(c * z) * gauss(z)) @ weight
            assert float(got(c)) == pytest.approx(expected, abs=1e-10)


def test_two_steps_do_not_pull_at_each_other_where_they_coincide() -> None:
    ends = np.array([-1.0, 1.0, np.nextafter(1.0, 0.0)])
    assert DualKernel("step").slope(ends).tolist() == [0.0, 0.0, 0.0]
    bounded = DualKernel("step").slope(np.cos(1e-6)) * np.sin(1e-6)
    assert float(bounded) == pytest.approx(
        1 / (2 * np.pi), rel=1e-4
    )  # cos(1e-6): 4 digits of 1 - c


@pytest.mark.parametrize("gain", [0.3, 4.0])
@pytest.mark.parametrize(
    ("first", "second"), [("tanh", "relu"), ("softplus", "erf"), ("sin", "abs")]
)
def test_steep_and_flat_gains(first: str, second: str, gain: float) -> None:
    """The reference, too, divides where a steep function bends."""
    kernel = DualKernel(activation(first, gain), activation(second, 1.2))
    bends = tuple(k / gain for k in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0))
    for order, got in enumerate((kernel.value(CORRELATIONS), kernel.slope(CORRELATIONS))):
        f, g = (scaled(first, gain, order)[0], bends), scaled(second, 1.2, order)
        expected = [expectation(f, g, c) for c in CORRELATIONS]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


def test_a_very_steep_tanh_is_a_sign() -> None:
    """tanh(k z) - sign z is 2 e^(-2 k |z|): the kernel with relu moves by some 1 / k^2."""
    c = np.linspace(-1, 1, 5)
    got = DualKernel(activation("tanh", 300.0), "relu").value(c)
    limit = 2 * DualKernel("step", "relu").value(c) - 1 / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(got, limit, rtol=0, atol=2 / 300**2)


def test_formula_and_machinery_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has a closed form, by quadrature and interpolation all the same."""
    c = np.linspace(-1, 1, 41)
    pairs = [
        ("gelu", "gelu", 2.0),
        ("erf", "erf", 0.5),
        ("cos", "cos", 2.0),
        ("relu", "step", 1.0),
        ("piecewise-linear", "piecewise-linear", 2.0),
    ]
    for one, other, gain in pairs:
        first, second = activation(SPECS[one]), activation(SPECS[other], gain)
        assert closed(first, second) is not None
        formula = DualKernel(first, second)
        with monkeypatch.context() as patch:
            patch.setattr(dual, "closed", lambda *_: None)
            value, slope, *_ = dual._functions.__wrapped__(first, second)
        np.testing.assert_allclose(value(c), formula.value(c), rtol=0, atol=1e-11)
        np.testing.assert_allclose(slope(c), formula.slope(c), rtol=0, atol=1e-10)


@settings(max_examples=25, deadline=None)
@example([-2.0, -1.0, -1e-200, 1.0], [0.0, 0.0, 0.0, 1.0, 0.0], 0.0)
@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=5, unique=True),
    st.lists(st.floats(-2, 2), min_size=5, max_size=5),
    st.floats(-1, 1),
)
def test_piecewise_linear_kernels_lose_no_digits_however_close_the_knots(
    knots: list[float], heights: list[float], c: float
) -> None:
    """kappa is positive definite: |kappa(c)| <= kappa(1) = E sigma^2, for slopes up to 10^3."""
    knots = sorted(knots)
    if min(np.diff(knots)) < 4e-3:
        return
    sigma = piecewise_linear(knots, heights[: len(knots)])
    kernel = DualKernel(sigma)
    z, weight = panels(np.unique([*np.linspace(-10, 10, 21), *knots]))
    square = float((sigma.value(z) ** 2 * gauss(z)) @ weight)
    assert float(kernel.value(1.0)) == pytest.approx(square, rel=1e-9, abs=1e-9)
    assert abs(float(kernel.value(c))) <= square * (1 + 1e-9) + 1e-9


def test_a_hinge_near_itself_keeps_its_digits() -> None:
    """P(z > h, z' > h) = Q(h) - 2 T(h, sqrt((1-c)/(1+c))), where (h - c h)/s would lose half."""
    hinge, h = piecewise_linear([-1, 0.7, 2], [0, 0, 1.3]), 0.7
    formula = closed(hinge, hinge)
    assert formula is not None
    for c in 1 - 2.0 ** np.arange(-48, -20, 3):
        expected = ndtr(-h) - 2 * owens_t(h, np.sqrt((1 - c) / (1 + c)))
        assert float(formula.slope(c)) == pytest.approx(expected, abs=1e-15)


def test_a_costly_formula_is_interpolated_only_where_that_is_exact() -> None:
    c = np.linspace(-1, 1, 1001)
    for knots in ([-2, -1, 1, 2], [-2, 0.4, 0.402, 2]):
        sigma = piecewise_linear(knots, [-1, -1, 1, 1])
        formula, kernel = closed(sigma, sigma), DualKernel(sigma)
        assert formula is not None
        scale = float(formula.value(np.ones(())))  # slopes reach 1,000
        np.testing.assert_allclose(kernel.value(c), formula.value(c), 0, 1e-12 * scale)
        np.testing.assert_allclose(kernel.slope(c), formula.slope(c), 0, 1e-11 * scale)


def test_a_custom_function_has_the_kernels_of_what_it_is() -> None:
    """With a kink off zero, against formulas and itself; a smooth one."""
    c = np.linspace(-1, 1, 9)
    mine = custom_activation(
        lambda z: np.maximum(z - 0.5, 0) - 0.1, lambda z: (z > 0.5) * 1.0, kinks=[0.5]
    )
    named = {"kind": "piecewise-linear", "knots": [-1, 0.5, 1], "values": [-0.1, -0.1, 0.4]}
    for other, same in (("relu", "relu"), ("step", "step"), (mine, named)):
        got, expected = DualKernel(mine, other), DualKernel(named, same)
        np.testing.assert_allclose(got.value(c), expected.value(c), rtol=0, atol=1e-10)
        np.testing.assert_allclose(got.slope(c), expected.slope(c), rtol=0, atol=1e-10)
    smooth = custom_activation(np.tanh, lambda z: 1 / np.cosh(z) ** 2)
    np.testing.assert_allclose(
        DualKernel(smooth, "tanh").value(c), DualKernel("tanh").value(c), rtol=0, atol=1e-10
    )


def test_a_kernel_that_cannot_be_resolved_says_how_far_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dual, "NODES", (48,))
    with pytest.warns(Notice, match="tanh of gain 3 and .* is accurate to about 1e-"):
        dual._functions.__wrapped__(activation("tanh", 3.0), activation(HARD_TANH))


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_a_kernel_that_is_hardly_known_is_refused() -> None:
    """A kink that was not named, where quadrature is of low order: 1e-4 of a slope."""
    hinge = custom_activation(lambda z: np.maximum(z - 0.457, 0), lambda z: (z > 0.457) * 1.0)
    with pytest.raises(InputError, match=r"custom and relu is accurate to about 1e-04 only; name"):
        DualKernel(hinge, "relu")


def test_named_kernels_are_resolved_without_a_notice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for first, second in [("tanh", "tanh"), ("softplus", "step"), ("sin", "relu")]:
            dual._functions.__wrapped__(activation(first, 1.5), activation(second, 0.7))


def test_a_kernel_of_two_functions_is_symmetric_and_rounding_beyond_one_is_cut() -> None:
    c = np.array([-1 - 1e-15, -0.3, 1 + 1e-15])
    one, other = DualKernel("relu", "tanh"), DualKernel("tanh", "relu")
    assert (one.value(c) == other.value(c)).all()
    assert np.isfinite(one.slope(c)).all()
    assert DualKernel("relu").value(1 + 1e-15) == 0.5


def test_dual_kernel_is_the_public_form() -> None:
    rho = np.array([[-1.0, 0.0], [0.5, 1.0]])
    expected = 2 / np.pi * np.arcsin(2 * rho / 3)
    np.testing.assert_allclose(dual_kernel("erf", rho), expected, rtol=1e-15)
    np.testing.assert_allclose(dual_kernel(activation("erf"), rho), expected, rtol=1e-15)
    steep = dual_kernel({"kind": "erf", "gain": 2.0}, rho)
    np.testing.assert_allclose(steep, 2 / np.pi * np.arcsin(8 * rho / 9), rtol=1e-15)


@pytest.mark.parametrize("rho", [1.1, -2.0, np.nan, [0.0, 1.5]])
def test_a_correlation_beyond_one_is_refused(rho: ArrayLike) -> None:
    with pytest.raises(InputError, match="from -1 to 1"):
        dual_kernel("relu", rho)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match="choose from relu"):
        dual_kernel("swish", 0.5)
