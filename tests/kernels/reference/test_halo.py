"""Exchange across panel edges, against cells found by search."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.reference.halo import edge_layer, exchange, ghost_layer

GRIDS = [(2, 5), (3, 4), (3, 7), (4, 4)]


def edge_cells(d: int, n: int) -> Any:
    """(slab index, cell index, axis, side) of every cell on a panel edge."""
    for panel, axis, side in product(range(2 * d), range(d - 1), range(2)):
        for others in np.ndindex(*[n] * (d - 2)):
            cell = (panel, *others[:axis], (n - 1) * side, *others[axis:])
            yield (panel, axis, side, *others), cell, axis, side


@pytest.mark.parametrize(("d", "n"), GRIDS)
def test_exchange_brings_the_cells_that_share_the_face(
    d: int, n: int, panels: Callable[..., Any], sphere: Callable[..., Any]
) -> None:
    grid, search = sphere(d, n), panels(d, n)
    label = np.arange(np.prod(grid.shape), dtype=float).reshape(grid.shape)[..., None]
    got = exchange(edge_layer(label, 0, d - 1), grid.connectivity)[..., 0]
    for slab, cell, axis, side in edge_cells(d, n):
        other, _, _ = search.neighbour(cell, axis, side)
        assert got[slab] == label[other][0]


@pytest.mark.parametrize("depth", [0, 1])
def test_edge_layer_counts_inwards_from_both_sides(depth: int, sphere: Callable[..., Any]) -> None:
    grid = sphere(3, 5)
    rho = np.random.default_rng(0).random((*grid.shape, 2))
    slabs = edge_layer(rho, depth, 2)
    for slab, cell, axis, side in edge_cells(3, 5):
        inside = list(cell)
        inside[1 + axis] += depth * (1 - 2 * side)
        assert (slabs[slab] == rho[tuple(inside)]).all()


def ghost_error(grid: Any, search: Any, depth: int) -> float:
    """Largest error of exp(v.b) where one's own lines are continued."""
    b, axes = np.array([1.0, -0.7, 0.5, 0.8])[: grid.dimension], grid.axes
    rho = np.exp(grid.centres @ b)[..., None]
    ghosts = ghost_layer(rho, axes, grid.connectivity, depth)[..., 0]
    error = 0.0
    for slab, cell, axis, side in edge_cells(grid.dimension, grid.cells):
        panel, xi = search.continued(cell, axis, side, depth)
        error = max(error, abs(ghosts[slab] - np.exp(search.point(panel, xi) @ b)))
    return error


@pytest.mark.parametrize("depth", [0, 1])
def test_ghosts_continue_ones_own_lines_to_fourth_order(
    depth: int, panels: Callable[..., Any], sphere: Callable[..., Any]
) -> None:
    """Cubic interpolation: the error falls 16-fold in the limit, at least 2^3.3-fold here."""
    coarse, fine = (ghost_error(sphere(3, n), panels(3, n), depth) for n in (12, 24))
    assert fine < coarse / 2**3.3
    # 3/128 h^4 d^4/dxi^4 for a centred stencil, up to 5 times that at its end; d^4 about 10 here
    assert fine < 5 * 3 / 128 * (np.pi / 48) ** 4 * 10
    assert ghost_error(sphere(4, 6), panels(4, 6), depth) < 2 * 5 * 3 / 128 * (np.pi / 12) ** 4 * 10


def test_on_the_circle_a_ghost_is_the_neighbour_itself(sphere: Callable[..., Any]) -> None:
    grid = sphere(2, 6)
    rho = np.random.default_rng(1).random((*grid.shape, 3))
    for depth in range(2):
        ghosts = ghost_layer(rho, 1, grid.connectivity, depth)
        assert (ghosts == exchange(edge_layer(rho, depth, 1), grid.connectivity)).all()


def test_a_constant_stays_constant_and_nothing_turns_negative(sphere: Callable[..., Any]) -> None:
    grid = sphere(3, 6)
    ones = ghost_layer(np.ones((*grid.shape, 1)), 2, grid.connectivity)
    np.testing.assert_allclose(ones, 1.0, rtol=0, atol=1e-15 * 8)  # 4 weights that sum to 1
    spikes = np.zeros((*grid.shape, 1))
    spikes[:, ::2, ::2] = 1.0
    assert ghost_layer(spikes, 2, grid.connectivity).min() == 0.0  # cubic weights alone are < 0
