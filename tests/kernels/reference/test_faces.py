"""Face velocities and outflow."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.reference.faces import face_velocities, outflow


@pytest.mark.parametrize(("d", "n"), [(2, 4), (2, 9), (3, 5), (4, 4)])
def test_fields_cubic_in_the_coordinates_are_exact(
    d: int, n: int, sphere: Callable[..., Any]
) -> None:
    """Four points carry cubics; the panel-edge faces take what is given there."""
    grid, random = sphere(d, n), np.random.default_rng(3)
    powers = list(product(range(4), repeat=d - 1))
    coefficients = random.standard_normal((2 * d, d, len(powers)))

    def field(lines: list[Any]) -> Any:
        xi = np.meshgrid(*lines, indexing="ij")
        terms = np.array(
            [np.prod([x**p for x, p in zip(xi, each, strict=True)], 0) for each in powers]
        )
        return np.moveaxis(np.tensordot(coefficients, terms, 1), 1, -1)

    centres = [grid.xi_centres] * (d - 1)
    exact, edges = [], []
    for axis in range(d - 1):
        lines = list(centres)
        lines[axis] = grid.xi_faces
        exact.append(field(lines))
        edges.append(np.take(np.moveaxis(exact[axis], 1 + axis, 1), [0, -1], axis=1))
    faces = face_velocities(field(centres), np.stack(edges, 1), grid.face_weights)
    for got, value, weights in zip(faces, exact, grid.face_weights, strict=True):
        assert got.flags.c_contiguous
        scale = np.abs(weights).max() * np.abs(value).max()
        np.testing.assert_allclose(got, (value * weights).sum(-1), rtol=0, atol=2e-15 * d * scale)


@pytest.mark.parametrize(("d", "n"), [(2, 4), (3, 4)])
def test_outflow_adds_the_leaving_fluxes_of_each_cell(
    d: int, n: int, sphere: Callable[..., Any]
) -> None:
    grid, random = sphere(d, n), np.random.default_rng(4)
    faces = [random.standard_normal(w.shape[:-1]) for w in grid.face_weights]
    got = outflow(faces, grid.volume)
    for cell in np.ndindex(*grid.shape):
        for sign, rate in ((1, got[0][cell]), (-1, got[1][cell])):
            leaving = 0.0
            for axis in range(d - 1):
                high = list(cell)
                high[1 + axis] += 1
                leaving += max(-sign * faces[axis][cell], 0) + max(
                    sign * faces[axis][tuple(high)], 0
                )
            assert rate == pytest.approx(leaving / grid.volume[cell], rel=1e-14)
