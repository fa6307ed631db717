"""Steps of a Runge-Kutta method on tuples of arrays, and the control of their length."""

import numpy as np
import pytest

from bnflow.pde.stepping.runge_kutta import (
    GROWTH,
    SHRINK,
    ErrorControl,
    Point,
    advanced,
    equal_steps,
    estimated_error,
)
from bnflow.pde.stepping.tableaux import TABLEAUX


def pendulum(point: Point) -> Point:
    angle, speed = point
    return speed, -np.sin(angle)


def start() -> Point:
    return np.array([[0.5, 1.0]]), np.array([[1.0, -0.3]])


def solved(name: str, dt: float, until: float = 1.0) -> Point:
    point = start()
    for _ in range(round(until / dt)):
        point = advanced(TABLEAUX[name], pendulum, point, pendulum(point), dt)[0]
    return point


@pytest.mark.parametrize("name", TABLEAUX)
def test_a_nonlinear_equation_is_solved_to_the_order(name: str) -> None:
    exact = solved("dormand-prince", 1 / 128)
    errors = [np.abs(solved(name, dt)[0] - exact[0]).max() for dt in (1 / 4, 1 / 8, 1 / 16)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] == pytest.approx(TABLEAUX[name].order, abs=0.35)


@pytest.mark.parametrize("name", ["dormand-prince", "bogacki-shampine"])
def test_the_error_estimate_is_of_the_order_of_the_solution(name: str) -> None:
    """Difference of orders q and q - 1: proportional to dt^q, and as large as it should be."""
    tableau, sizes = TABLEAUX[name], []
    for dt in (0.1, 0.05):
        new, *stages = advanced(tableau, pendulum, start(), pendulum(start()), dt)
        error = estimated_error(tableau, stages, pendulum(new), dt)
        sizes.append(max(np.abs(part).max() for part in error))
    assert np.log2(sizes[0] / sizes[1]) == pytest.approx(tableau.order, abs=0.3)


def test_the_point_is_left_as_it_was() -> None:
    point = start()
    advanced(TABLEAUX["rk4"], pendulum, point, pendulum(point), 0.5)
    assert all((a == b).all() for a, b in zip(point, start(), strict=True))


def test_the_next_step_grows_with_a_small_error_and_shrinks_with_a_large_one() -> None:
    control = ErrorControl(order=5, tolerance=1e-3)
    assert control.factor(0.0, 1.0) == GROWTH
    assert control.factor(1.0, 1.0) == pytest.approx(0.9)
    assert control.factor(2.0**5, 1.0) == pytest.approx(0.9 * 2**-0.7)
    assert control.factor(1e9, 1.0) == SHRINK
    assert control.factor(float("nan"), 1.0) == SHRINK
    # a growing error is met earlier, a falling one with trust
    assert control.factor(0.5, 0.1) < control.factor(0.5, 0.5) < control.factor(0.5, 1.0)


@pytest.mark.parametrize(("step", "remaining"), [(0.3, 1.0), (0.25, 1.0), (2.0, 1.0), (0.1, 0.3)])
def test_equal_steps_fill_the_time_and_are_no_longer_than_asked(
    step: float, remaining: float
) -> None:
    lengths, left, hit = [], remaining, False
    while not hit:
        dt, hit = equal_steps(step, left)
        lengths.append(dt)
        left -= dt
    assert len(lengths) == np.ceil(remaining / step * (1 - 1e-12))
    assert sum(lengths) == pytest.approx(remaining, rel=1e-14)
    assert max(lengths) <= step * (1 + 1e-9)
    assert max(lengths) - min(lengths) < 1e-12
