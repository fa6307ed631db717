"""Losses, targets and singular data, against neurons that know nothing of the package."""

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, expit

import bnflow

Array = np.ndarray
TIMES = [0.0, 0.5, 1.0, 2.0]
STD = 0.5
ROWS = np.random.default_rng(5).standard_normal((60, 2)) * [2.0, 1.0] + [0.5, -1.0]
CLASSES = np.where(ROWS[:, 0] * ROWS[:, 1] > -0.5, 1.0, -1.0)


def erf_slope(z: Array) -> Array:
    return 2 / np.sqrt(np.pi) * np.exp(-z * z)


class RawWeights:
    """Batch normalization itself: z = w.(x - mean)/sqrt(w'S w), differentiated in w as it stands.

    S may be singular; `value` and `slope` are of the loss.
    """

    def __init__(self, rows: Array, targets: Array, value: Callable, slope: Callable) -> None:
        self.x, self.y = rows - rows.mean(0), targets
        self.covariance = self.x.T @ self.x / len(rows)
        self.value, self.slope = value, slope

    def __call__(self, w: Array, a: Array, mass: Array) -> tuple[float, Array, Array]:
        pulled = w @ self.covariance
        s = np.sqrt((pulled * w).sum(1))[:, None]
        z = w @ self.x.T / s
        f = (mass * a) @ erf(z)
        pull = self.slope(f, self.y) / len(f)
        active = erf_slope(z) * pull
        gradient = active @ self.x / s - (active * z).sum(1)[:, None] * pulled / s**2
        return float(self.value(f, self.y).mean()), erf(z) @ pull, gradient


def free_flow(neurons: RawWeights, w: Array, a: Array, mass: Array) -> list[float]:
    """RK4 of w' = -a dh/dw, a' = -h, with w free: nothing is put back onto a sphere."""
    risks, dt = [neurons(w, a, mass)[0]], 0.02
    for start, end in pairwise(TIMES):
        for _ in range(round((end - start) / dt)):
            slopes: list[tuple[Array, Array]] = []
            for share in (0.0, 0.5, 0.5, 1.0):
                dw, da = slopes[-1] if slopes else (0.0, 0.0)
                x, b = w + share * dt * dw, a + share * dt * da
                _, h, gradient = neurons(x, b, mass)
                slopes.append((-b[:, None] * gradient, -h))
            for weight, (dw, da) in zip((1, 2, 2, 1), slopes, strict=True):
                w, a = w + weight * dt / 6 * dw, a + weight * dt / 6 * da
        risks.append(neurons(w, a, mass)[0])
    return risks


def start(neurons: SimpleNamespace, basis: Array) -> tuple[Array, Array, Array]:
    """Unit weights around the circle of a plane, times a normal law of a."""
    circle, share = neurons.circle_nodes(48)
    u, a, mass = neurons.product_nodes((circle, share), neurons.normal_nodes(STD, 6, 6))
    return u @ basis, a, mass


def on_the_grid(x: Array, y: Array, loss: dict[str, Any]) -> Array:
    config = {
        "network": {"activation": "erf"},
        "loss": loss,
        "initial": {"a": {"kind": "normal", "std": STD}},
        "solver": {"cells": 32, "a_cells": 64},
        "time": {"end": TIMES[-1], "save": TIMES},
    }
    return bnflow.solve(config, data=(x, y)).risk


LOSSES: dict[str, tuple[dict[str, Any], Callable, Callable]] = {
    "square": ({}, lambda f, y: (f - y) ** 2 / 2, lambda f, y: f - y),
    "logistic": (
        {"kind": "logistic"},
        lambda f, y: np.log1p(np.exp(-y * f)),
        lambda f, y: -y * expit(-y * f),
    ),
    "huber": (
        {"kind": "huber", "delta": 0.9},
        lambda f, y: np.where(abs(f - y) < 0.9, (f - y) ** 2 / 2, 0.9 * (abs(f - y) - 0.45)),
        lambda f, y: np.clip(f - y, -0.9, 0.9),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_against_raw_weights(name: str, neurons: SimpleNamespace) -> None:
    """Risk within 1e-3 of R(0) at 4 x 32 x 64 cells (second order), t <= 2; |w| stays 1."""
    table, value, slope = LOSSES[name]
    own = RawWeights(ROWS, CLASSES, value, slope)
    expected = free_flow(own, *start(neurons, np.eye(2)))
    assert expected[-1] < 0.97 * expected[0]
    np.testing.assert_allclose(
        on_the_grid(ROWS, CLASSES, table), expected, rtol=0, atol=1e-3 * expected[0]
    )


def test_dependent_columns_against_raw_weights(neurons: SimpleNamespace) -> None:
    """Three columns that span a plane: d = 2, r counts the part in the range, the rest is inert."""
    rows = np.column_stack([ROWS, ROWS @ [1.0, -2.0]])
    plane = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2]
    w, a, mass = start(neurons, plane[:2])
    idle = np.random.default_rng(0).standard_normal(len(w))[:, None] * plane[2]
    own = RawWeights(rows, CLASSES, *LOSSES["square"][1:])
    expected = free_flow(own, w + idle, a, mass)
    np.testing.assert_allclose(free_flow(own, w, a, mass), expected, rtol=1e-10)
    np.testing.assert_allclose(
        on_the_grid(rows, CLASSES, {}), expected, rtol=0, atol=1e-3 * expected[0]
    )


@pytest.mark.parametrize("name", LOSSES)
def test_the_energy_balance_closes_for_every_loss(name: str) -> None:
    """|F(0) - F(t) - int D| / (F(0) - F(t)) falls by 2^1.6 at least on twice the cells."""
    defects = []
    for n, tolerance in ((16, 4e-3), (32, 1e-3)):
        run = bnflow.solve(
            {"solver": {"cells": n, "a_cells": 2 * n, "tolerance": tolerance}},
            data=(ROWS, CLASSES),
            loss=LOSSES[name][0],
            network={"activation": "erf"},
            time={"end": 2.0, "save": []},
        )
        defects.append(run.dissipation_defect[-1])
    assert defects[1] <= 5e-3
    assert np.log2(defects[0] / defects[1]) >= 1.6


def test_a_singular_law_is_the_limit_of_regular_ones() -> None:
    """Outer weights alone, which feel no metric: S + eps K in d = 3 tends to S in d = 2."""
    factor = np.array([[1.0, 0.5], [0.0, 1.0], [2.0, -1.0]])
    singular = factor @ factor.T
    kernel = np.linalg.svd(factor.T)[2][2]
    base = {
        "network": {"train": ["a"]},
        "target": {"kind": "single-index", "hermite": [0.2, 1.0, 0.6], "direction": factor[:, 0]},
        "solver": {"a_cells": 24, "cells": 24},
        "time": {"end": 1.5, "save": [0.5]},
    }
    limit, near, far = (
        bnflow.solve(
            {**base, "data": {"covariance": singular + epsilon * np.outer(kernel, kernel)}}
        ).risk
        for epsilon in (0.0, 1e-6, 0.3)
    )
    assert limit[-1] < 0.8 * limit[0]
    np.testing.assert_allclose(near, limit, rtol=2e-3)
    assert abs(far[-1] - limit[-1]) > 0.02 * limit[-1]
