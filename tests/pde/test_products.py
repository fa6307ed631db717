"""Products of NumPy's arrays are NumPy's; of others they are the same to rounding, library-free."""

from typing import Any

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

from bnflow.pde.products import SMALL, form, inner, numbers, product

EPS = np.finfo(float).eps


class Elsewhere(NDArrayOperatorsMixin):
    """An array of another backend, which tells what it is asked for."""

    asked: list[str] = []  # noqa: RUF012 - of all of them

    def __init__(self, held: Any) -> None:
        self.held = np.asarray(held)
        self.shape, self.ndim = self.held.shape, self.held.ndim

    def __array_ufunc__(self, function: Any, method: str, *given: Any, **more: Any) -> Any:
        self.asked.append(function.__name__)
        parts = [x.held if isinstance(x, Elsewhere) else x for x in given]
        return Elsewhere(getattr(function, method)(*parts, **more))

    def __getitem__(self, key: Any) -> Any:
        return Elsewhere(self.held[key])

    def __len__(self) -> int:
        return len(self.held)

    def sum(self, axis: int) -> Any:
        self.asked.append("sum")
        return Elsewhere(self.held.sum(axis=axis))


def elsewhere(values: Any) -> Any:
    return Elsewhere(values)


def at_home(values: Any) -> Any:
    return getattr(values, "held", values)


@pytest.fixture
def asked() -> list[str]:
    Elsewhere.asked.clear()
    return Elsewhere.asked


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((7, 3), (3,)),
        ((2, 7, 3), (3,)),
        ((7,), (7, 3)),
        ((2, 7, SMALL), (SMALL, SMALL)),
        ((5,), (5,)),
    ],
)
def test_a_product_elsewhere_is_of_elementwise_operations(
    x: tuple[int, ...], y: tuple[int, ...], asked: list[str]
) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=x), rng.normal(size=y)
    assert np.array_equal(product(a, b), a @ b)
    found = at_home(product(elsewhere(a), elsewhere(b)))
    assert np.abs(found - a @ b).max() <= x[-1] * EPS * (np.abs(a) @ np.abs(b)).max()
    assert asked == ["multiply", "sum"]


def test_a_large_matrix_is_worth_a_library(asked: list[str]) -> None:
    a, b = np.ones((4, SMALL + 1)), np.eye(SMALL + 1)
    assert np.array_equal(at_home(product(elsewhere(a), elsewhere(b))), a)
    assert asked == ["matmul"]


def test_inner_products_and_forms_are_what_they_say(asked: list[str]) -> None:
    rng = np.random.default_rng(2)
    x, y, s = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 4, 3)), rng.normal(size=(3, 3))
    wanted = np.array(
        [[p @ q for p, q in zip(u, v, strict=True)] for u, v in zip(x, y, strict=True)]
    )
    quadratic = np.array([[p @ s @ p for p in u] for u in x])
    for kind in (np.asarray, elsewhere):
        got, squares = inner(kind(x), kind(y)), form(kind(x), kind(s))
        np.testing.assert_allclose(at_home(got), wanted, atol=8 * EPS)
        np.testing.assert_allclose(at_home(squares), quadratic, atol=64 * EPS)
    assert set(asked) == {"multiply", "sum"}


def test_numbers_stand_side_by_side() -> None:
    values = [np.float64(k) for k in range(12)]
    assert numbers(values).tolist() == list(range(12))
