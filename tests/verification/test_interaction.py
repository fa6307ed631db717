"""Whole runs: how the sums are done changes a run by no more than rounding does."""

from typing import Any

import numpy as np
import pytest

from bnflow import Run, solve


def by(way: str, example: str = "sphere-teacher", **solver: Any) -> Run:
    settings = {"time.end": 0.5, "time.save": [0.25]}
    keys = {"interaction": way, "cells": 8, "a_cells": 16, **solver}
    return solve(example, **settings, solver=keys)


def assert_same(one: Run, other: Run, steps: int) -> None:
    """Rounding of 1e-15 a step grows, on a flow that is well-posed, by a factor of 100 at most."""
    np.testing.assert_allclose(one.risk, other.risk, rtol=1e-13 * steps)
    for t in one.time:
        density = other.density(t)
        error = np.abs(one.density(t) - density).max()
        assert error <= 1e-13 * steps * density.max()


def test_a_run_on_rows_is_the_same_by_lines_and_by_pairs() -> None:
    by_lines, by_pairs = by("lines"), by("direct")
    assert by_lines.risk[-1] < 0.9 * by_lines.risk[0]  # it trains
    assert_same(by_lines, by_pairs, 100)


@pytest.mark.slow
@pytest.mark.parametrize("example", ["sphere-teacher", "diabetes"])
def test_so_are_the_examples_in_full(example: str) -> None:
    settings = {"cells": 16, "a_cells": 48, "interaction": "lines"}
    one = solve(example, solver=settings)
    other = solve(example, solver={**settings, "interaction": "direct"})
    assert_same(one, other, 1000)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_run_on_the_law_is_the_same_by_convolution_and_by_matrices(activation: str) -> None:
    settings = {
        "network.activation": activation,
        "data.covariance": [1.0, 1.0],
        "time": {"end": 0.5, "save": [0.25]},
    }
    one, other = (
        solve("circle-teacher", **settings, solver={"interaction": way})
        for way in ("transform", "direct")
    )
    assert_same(one, other, 100)
