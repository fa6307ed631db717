"""Folding and unfolding: half a sphere of sums gives the whole grid, in the right places."""

import numpy as np
import pytest

from bnflow.pde.geometry import CubedSphere, Stations

Array = np.ndarray


def wave(v: Array) -> Array:
    """(.., 2): two functions of neither parity."""
    b = np.array([1.0, 0.4, -0.7, 0.2])[: v.shape[-1]]
    return np.stack([np.exp(v @ b), np.sin(3 * v[..., 0] - v[..., 1])], -1)


grids = pytest.mark.parametrize(("d", "n"), [(2, 5), (3, 4), (4, 4)])


def edge_points(grid: CubedSphere) -> Array:
    """Slabs (2d, d-1, 2, n, .., d): the points on panel edges, straight from the chart."""
    slabs = []
    for axis in range(grid.axes):
        lines = [grid.xi_centres] * grid.axes
        lines[axis] = grid.xi_faces[[0, -1]]
        slabs.append(np.moveaxis(grid.points(lines), 1 + axis, 1))
    return np.stack(slabs, 1)


@grids
def test_values_at_the_stations_come_back_at_the_right_cells_and_edges(d: int, n: int) -> None:
    grid = CubedSphere(d, n)
    stations = Stations(grid)
    values = wave(stations.full)
    m = len(stations.half)
    centres, edges = stations.unfold(values[:m], values[m:])
    assert centres.shape == (*grid.shape, 2)
    np.testing.assert_allclose(centres, wave(grid.centres), rtol=0, atol=1e-14)
    np.testing.assert_allclose(edges, wave(edge_points(grid)), rtol=0, atol=1e-14)


@grids
def test_unfold_takes_fields_without_components_too(d: int, n: int) -> None:
    grid = CubedSphere(d, n)
    stations = Stations(grid)
    values, m = wave(stations.full)[:, 0], len(stations.half)
    centres, edges = stations.unfold(values[:m], values[m:])
    np.testing.assert_allclose(centres, wave(grid.centres)[..., 0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(edges, wave(edge_points(grid))[..., 0], rtol=0, atol=1e-14)


@grids
@pytest.mark.parametrize("parity", [1, -1])
def test_fold_adds_or_subtracts_the_antipode(d: int, n: int, parity: int) -> None:
    grid = CubedSphere(d, n)
    stations = Stations(grid)
    got = stations.fold(wave(grid.centres)[..., 0], parity)
    half = stations.half_centres
    expected = wave(half)[:, 0] + parity * wave(-half)[:, 0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


@grids
@pytest.mark.parametrize("parity", [1, -1])
def test_sums_over_the_folded_half_are_sums_over_the_whole(d: int, n: int, parity: int) -> None:
    """For any function of that parity: here |z|, or z^3."""
    grid = CubedSphere(d, n)
    stations = Stations(grid)
    c = np.random.default_rng(0).standard_normal(grid.shape)
    x = np.array([0.3, -1.0, 0.5, 0.9])[:d]

    def odd_or_even(z: Array) -> Array:
        return np.abs(z) if parity > 0 else z**3

    whole = (c * odd_or_even(grid.centres @ x)).sum()
    half = stations.fold(c, parity) @ odd_or_even(stations.half_centres @ x)
    assert half == pytest.approx(whole, abs=1e-13 * np.abs(c).sum())


@grids
def test_half_of_all_stations_are_kept_and_no_two_are_antipodes(d: int, n: int) -> None:
    stations = Stations(CubedSphere(d, n))
    assert len(stations.half) == d * n ** (d - 1) + d * (d - 1) * n ** (d - 2)
    distinct = {tuple(np.round(v, 9) + 0.0) for v in stations.full}
    assert len(distinct) == 2 * len(stations.half)
