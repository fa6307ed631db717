"""Losses: their derivatives, the ends of their range, and the targets they are meant for."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnflow.kernels.errors import InputError
from bnflow.pde.config.network import Loss
from bnflow.pde.network.loss import loss

LOSSES = [{"kind": "square"}, {"kind": "logistic"}, {"kind": "huber", "delta": 0.7}]
numbers = st.floats(-50, 50)


def made(**table):
    return loss(Loss.model_validate(table))


@pytest.mark.parametrize("table", LOSSES, ids=lambda table: table["kind"])
def test_slope_is_the_derivative_in_the_prediction(table):
    """Central differences: h^2/6 x third derivative (at most 1/10) + rounding 1e-16/h."""
    each, h = made(**table), 1e-4
    f = np.linspace(-3, 3, 40)
    y = np.where(np.arange(40) % 3 == 0, 1.0, -1.0)
    numerical = (each.value(f + h, y) - each.value(f - h, y)) / (2 * h)
    np.testing.assert_allclose(each.slope(f, y), numerical, rtol=0, atol=2e-9)


def test_the_logistic_slope_by_complex_step():
    """Im l(f + ih)/h has no cancellation: 16 digits, where the logarithm is analytic."""
    f, y, h = np.linspace(-30, 30, 121), np.array([1.0, -1.0])[:, None], 1e-20
    exact = np.log1p(np.exp(-y * (f + 1j * h))).imag / h
    np.testing.assert_allclose(made(kind="logistic").slope(f, y), exact, rtol=1e-14)


def test_the_logistic_loss_has_neither_overflow_nor_cancellation():
    """l -> -y f on the wrong side, exp(-y f) on the right one."""
    each, f = made(kind="logistic"), np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    with np.errstate(over="raise", invalid="raise"):
        value, slope = each.value(f, np.ones(5)), each.slope(f, np.ones(5))
    np.testing.assert_allclose(value, [1e4, 40.0, np.log(2), np.exp(-40.0), 0.0], rtol=1e-14)
    np.testing.assert_allclose(slope, [-1, -1, -0.5, -np.exp(-40.0), 0.0], rtol=1e-14)


def test_square_has_the_half():
    assert made(kind="square").value(np.array([3.0]), np.array([1.0]))[0] == 2.0


@given(numbers, numbers, st.floats(0.01, 10))
def test_huber_is_square_inside_and_linear_outside(f, y, delta):
    """Both branches in closed form, and continuous with its slope where they meet."""
    value, slope = (
        function(np.array([f]), np.array([y]))[0]
        for function in (
            made(kind="huber", delta=delta).value,
            made(kind="huber", delta=delta).slope,
        )
    )
    size = abs(f - y)
    inside = size <= delta
    expected = 0.5 * size**2 if inside else delta * (size - 0.5 * delta)
    assert value == pytest.approx(expected, rel=1e-13, abs=1e-300)
    assert slope == (f - y if inside else np.copysign(delta, f - y))


@given(st.sampled_from(LOSSES), numbers, numbers, st.floats(0, 1))
def test_losses_are_convex_in_the_prediction(table, f, g, share):
    """So the risk is convex in the density."""
    each, y = made(**table), np.array([-1.0])
    mixed = each.value(np.array([share * f + (1 - share) * g]), y)[0]
    ends = share * each.value(np.array([f]), y)[0] + (1 - share) * each.value(np.array([g]), y)[0]
    assert mixed <= ends * (1 + 1e-12) + 1e-12


@given(st.sampled_from(LOSSES), st.floats(-20, 20))
def test_the_curvature_is_the_slope_of_the_slope(table, f):
    """By central differences, away from the ends of Huber's square part."""
    each, y, step = made(**table), np.array([1.0]), 1e-5
    assume(table["kind"] != "huber" or abs(abs(f - 1) - table["delta"]) > 2 * step)
    ends = [each.slope(np.array([f + side * step]), y)[0] for side in (1, -1)]
    expected = (ends[0] - ends[1]) / (2 * step)
    assert each.curvature(np.array([f]), y)[0] == pytest.approx(expected, abs=1e-9)


def test_only_the_logistic_loss_asks_for_classes():
    made(kind="square").check(np.array([0.5]))
    made(kind="huber", delta=1.0).check(np.array([0.5]))
    made(kind="logistic").check(np.array([1.0, -1.0]))
    with pytest.raises(InputError, match=r"target 0.5 of row 1 is no class \+-1"):
        made(kind="logistic").check(np.array([1.0, 0.5]))
