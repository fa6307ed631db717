"""Activations: values, slopes, gains, and the split into an affine part and parts of a parity."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.network.activations import ACTIVATIONS, Activation, activation, piecewise_linear

Z = np.linspace(-4, 4, 81)
ANALYTIC: dict[str, Callable[[Any], Any]] = {  # written again, for complex arguments
    "linear": lambda z: z,
    "tanh": lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "sin": np.sin,
    "cos": np.cos,
    "quadratic": lambda z: z * z,
    "erf": erf,
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
}
KINKED: dict[str, Callable[[Any], Any]] = {
    "relu": lambda z: np.where(z > 0, z, 0 * z),
    "abs": lambda z: np.where(z > 0, z, -z),
    "step": lambda z: np.where(z > 0, 1.0, np.where(z < 0, 0.0, 0.5)),
}
EXACT = {**ANALYTIC, **KINKED}
KNOTS, VALUES = [-2.0, -0.5, 0.0, 1.0, 3.0], [1.0, -0.2, 0.4, 0.3, 2.0]
names = pytest.mark.parametrize("name", ACTIVATIONS)
gains = pytest.mark.parametrize("gain", [1.0, 0.4, 2.5])


def interpolated(z: np.ndarray, knots: list[float], values: list[float]) -> np.ndarray:
    """numpy.interp, continued with the slopes of the ends."""
    low = (values[1] - values[0]) / (knots[1] - knots[0])
    high = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
    beyond = low * np.minimum(z - knots[0], 0) + high * np.maximum(z - knots[-1], 0)
    return np.asarray(np.interp(z, knots, values) + beyond)


def test_every_activation_is_tested() -> None:
    assert ACTIVATIONS.keys() == EXACT.keys()


@gains
@names
def test_values(name: str, gain: float) -> None:
    """To an eps or two of the largest term, here 100."""
    got = activation(name, gain).value(Z)
    np.testing.assert_allclose(got, np.real(EXACT[name](gain * Z + 0j)), rtol=3e-15, atol=3e-15)


@gains
@pytest.mark.parametrize("name", sorted(ANALYTIC.keys() - {"erf", "gelu"}))
def test_slope_is_the_derivative_by_complex_step(name: str, gain: float) -> None:
    numerical = np.imag(ANALYTIC[name](gain * (Z + 1e-30j))) / 1e-30
    np.testing.assert_allclose(activation(name, gain).slope(Z), numerical, rtol=1e-11, atol=1e-14)


@gains
@pytest.mark.parametrize("name", ["erf", "gelu", *KINKED])
def test_slope_is_the_derivative_by_differences(name: str, gain: float) -> None:
    """Third derivatives below 2.3 gain^3: h^2 / 6 of it is 6e-10 at most; rounding 1e-10."""
    z, h = Z[np.abs(Z) > 0.01], 1e-5
    numerical = (EXACT[name](gain * (z + h)) - EXACT[name](gain * (z - h))) / (2 * h)
    np.testing.assert_allclose(activation(name, gain).slope(z), numerical, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ("relu", {0.0: 0.0}),
        ("abs", {0.0: -1.0}),
        ("step", {0.0: 0.0}),
        ({"kind": "piecewise-linear", "knots": KNOTS, "values": VALUES},
         {-0.5: -0.8, 0.0: 1.2, 1.0: -0.1}),
    ],
)  # fmt: skip
def test_slope_at_a_kink_is_the_left_limit(spec: Any, left: dict[float, float]) -> None:
    sigma = activation(spec)
    assert sigma.kinks == tuple(left)
    for kink, slope in left.items():
        assert float(sigma.slope(kink)) == pytest.approx(slope, abs=1e-15)
    assert activation(spec, 4.0).kinks == tuple(kink / 4 for kink in left)


@gains
@pytest.mark.parametrize("spec", [*ACTIVATIONS, (KNOTS, VALUES)], ids=str)
def test_the_parts_have_their_parity_and_add_up(spec: Any, gain: float) -> None:
    sigma = (
        activation(spec, gain) if isinstance(spec, str) else piecewise_linear(*spec).with_gain(gain)
    )
    rest = sigma.value(Z) - sigma.linear * Z - sigma.constant
    for part in sigma.parts:
        mine, mirrored = (part.weight * part.remainder.value(gain * z) for z in (Z, -Z))
        np.testing.assert_allclose(mine, part.parity * mirrored, rtol=0, atol=1e-14)
        rest = rest - mine
    np.testing.assert_allclose(rest, 0, atol=1e-14 * (1 + np.abs(sigma.value(Z)).max()))
    assert len({part.parity for part in sigma.parts}) == len(sigma.parts)


# -- piecewise-linear ----------------------------------------------------------------------------

steps = st.lists(st.floats(0.01, 2.0), min_size=2, max_size=7)


@given(st.floats(-3, 3), steps, st.lists(st.floats(-3, 3), min_size=7, max_size=7))
def test_a_piecewise_linear_function_is_its_interpolant(
    first: float, gaps: list[float], heights: list[float]
) -> None:
    """Slopes reach 600, distances 17: rounding of some eps of their product, 1e-11."""
    knots = np.cumsum([first, *gaps[1:]]).tolist()
    values = heights[: len(knots)]
    sigma = piecewise_linear(knots, values)
    z = np.concatenate([np.linspace(-12, 12, 97), knots])
    np.testing.assert_allclose(sigma.value(z), interpolated(z, knots, values), rtol=0, atol=1e-11)
    between = np.array(knots[:-1]) + 0.5 * np.diff(knots)
    np.testing.assert_allclose(
        sigma.slope(between), np.diff(values) / np.diff(knots), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize(
    ("knots", "values", "parities"),
    [
        ([-1, 0, 1], [0, 0, 1], [+1]),  # relu
        ([-1, 0, 1], [1, 0, 1], [+1]),  # abs
        ([-2, -1, 1, 2], [-1, -1, 1, 1], [-1]),  # hard tanh
        ([0, 1], [1, 3], []),  # a line
        ([0, 1, 2], [1, 3, 5], []),  # the same, with a knot that does not bend
        ([-1, 1, 2], [0, 0, 1], [+1, -1]),  # a shifted relu
    ],
)
def test_only_the_parities_that_are_there_cost_sums(
    knots: list[float], values: list[float], parities: list[int]
) -> None:
    assert [part.parity for part in piecewise_linear(knots, values).parts] == parities


@pytest.mark.parametrize(
    ("knots", "values", "message"),
    [
        ([0], [1], "needs at least 2 knots"),
        ([0, 1], [1], "has 2 knots and 1 values"),
        ([0, 0], [1, 2], "has the knots 0, 0; give them in growing order"),
        ([1, 2, 0], [1, 2, 3], "has the knots 2, 0"),
        ([0, 1], [1, np.inf], "is not finite"),
        ([0, 1], ["a", 2], "needs lists of numbers"),
    ],
)
def test_knots_that_make_no_function(knots: Any, values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        piecewise_linear(knots, values)


# -- what may be given ---------------------------------------------------------------------------


def test_names_tables_and_objects_mean_the_same() -> None:
    spec = {"kind": "piecewise-linear", "knots": KNOTS, "values": VALUES}
    config = load_config({"network": {"activation": spec, "gain": 1.5}}).network
    made = piecewise_linear(KNOTS, VALUES).with_gain(1.5)
    same = [
        activation({**spec, "gain": 1.5}),
        activation(spec, 1.5),
        activation(config.activation, config.gain),
        activation(made),
    ]
    assert all(each == made and hash(each) == hash(made) for each in same)
    assert activation({"kind": "erf", "gain": 2}) == activation("erf", 2.0)
    assert activation("erf", 2.0) != activation("erf")


def test_gains_multiply() -> None:
    assert activation({"kind": "tanh", "gain": 2.0}, 3.0) == activation("tanh", 6.0)
    assert activation("tanh", 6.0).label == "tanh of gain 6"
    assert activation("tanh").label == "tanh"


@pytest.mark.parametrize(
    ("spec", "gain", "message"),
    [
        ("rleu", 1.0, '"rleu" is not known; choose from relu, linear.*; did you mean relu'),
        ({"kind": "foo"}, 1.0, '"foo" is not known'),
        ({"kind": "relu", "slope": 1}, 1.0, "has slope; give"),
        ({"kind": "piecewise-linear", "knots": [0, 1]}, 1.0, "has knots; give"),
        (3, 1.0, "activation = 3 must be a name, a table or an activation"),
        (None, 1.0, "activation = None must be"),
        ("relu", 0.0, "gain = 0.0 must be a number > 0"),
        ("relu", -1.0, "must be a number > 0"),
        ("relu", np.inf, "must be a number > 0"),
    ],
)
def test_what_is_no_activation(spec: Any, gain: float, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        activation(spec, gain)
    assert "\n" not in str(caught.value)


def test_an_activation_object_goes_into_a_config() -> None:
    made: Activation = piecewise_linear(KNOTS, VALUES)
    config = load_config({"network": {"activation": made}})
    assert activation(load_config(config.to_dict()).network.activation) == made
    with pytest.raises(InputError, match=r"network\.gain = 2"):
        load_config({"network": {"activation": made.with_gain(2.0)}})
