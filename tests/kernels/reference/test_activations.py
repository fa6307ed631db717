"""Remainders: parity, derivative and homogeneity, as every sum over half a sphere assumes."""

import numpy as np
import pytest

from bnflow.kernels.reference.activations import REMAINDERS, Remainder, bent, clipped, symmetrised

Z = np.linspace(-3, 3, 61)[np.arange(61) != 30]  # no 0


def tilted(z: np.ndarray) -> np.ndarray:
    return np.exp(0.3 * z) + z**3 / 9


def tilted_slope(z: np.ndarray) -> np.ndarray:
    return 0.3 * np.exp(0.3 * z) + z**2 / 3


CASES: dict[str, tuple[Remainder, int]] = {
    **{name: (REMAINDERS[name], -1) for name in ("erf", "tanh", "sin", "sign")},
    **{name: (REMAINDERS[name], +1) for name in ("abs", "square", "cos", "gelu", "softplus")},
    "bent": (bent((0.0, 0.55, 1.25), (0.3, -1.0, 0.7)), +1),
    "clipped": (clipped((0.55, 1.25), (-1.0, 0.7)), -1),
    "even of custom": (symmetrised("custom", tilted, tilted_slope, +1), +1),
    "odd of custom": (symmetrised("custom", tilted, tilted_slope, -1), -1),
}
cases = pytest.mark.parametrize("name", CASES)


def test_every_remainder_is_tested() -> None:
    assert REMAINDERS.keys() <= CASES.keys()


@cases
def test_value_has_its_parity_and_slope_the_opposite(name: str) -> None:
    """gelu takes Phi(z) - 1/2 and its slope, odd and even to an eps of 1."""
    remainder, parity = CASES[name]
    atol = 1e-15 if name == "gelu" else 0.0
    np.testing.assert_allclose(remainder.value(-Z), parity * remainder.value(Z), 0, atol)
    np.testing.assert_allclose(remainder.slope(-Z), -parity * remainder.slope(Z), 0, atol)


@cases
def test_slope_is_the_derivative(name: str) -> None:
    """Central differences at 1e-5: third derivative < 4, so error < 1e-10 + 3e-16 / 1e-5 x 9."""
    remainder, h = CASES[name][0], 1e-5
    numerical = (remainder.value(Z + h) - remainder.value(Z - h)) / (2 * h)
    np.testing.assert_allclose(remainder.slope(Z), numerical, rtol=0, atol=4e-10)


@pytest.mark.parametrize(
    ("remainder", "kinks"),
    [(REMAINDERS["abs"], [0.0]), (CASES["bent"][0], [-1.25, -0.55, 0.0, 0.55, 1.25]),
     (CASES["clipped"][0], [-1.25, -0.55, 0.55, 1.25])],
)  # fmt: skip
def test_the_slope_at_a_kink_is_that_of_the_left(remainder: Remainder, kinks: list[float]) -> None:
    at = np.array(kinks)
    np.testing.assert_array_equal(remainder.slope(at), remainder.slope(at - 1e-9))
    assert (remainder.slope(at) != remainder.slope(at + 1e-9)).all()


@cases
def test_degree_means_that_z_times_slope_is_degree_times_value(name: str) -> None:
    remainder = CASES[name][0]
    degrees = [
        k for k in (1, 2) if np.allclose(k * remainder.value(Z), Z * remainder.slope(Z), 1e-12)
    ]
    assert remainder.degree == (degrees[0] if degrees else None)


def test_far_out_nothing_overflows() -> None:
    with np.errstate(all="raise", under="ignore"):
        for name in ("softplus", "gelu", "tanh", "erf"):
            for z in (-1e3, 1e3):
                assert np.isfinite(REMAINDERS[name].value(np.array([z]))).all()
                assert np.isfinite(REMAINDERS[name].slope(np.array([z]))).all()


def test_remainders_are_equal_by_name_and_parameters() -> None:
    assert bent((1.0,), (2.0,)) == bent((1.0,), (2.0,))
    assert bent((1.0,), (2.0,)) != bent((1.0,), (3.0,))
    assert len({clipped((1.0,), (2.0,)), clipped((1.0,), (2.0,)), REMAINDERS["erf"]}) == 2
