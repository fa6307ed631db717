"""The cubed sphere: it tiles the sphere, panels agree on their shared faces, volumes are true."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.spatial import cKDTree

from bnflow.pde.geometry.sphere import QUARTER, CubedSphere

Array = np.ndarray
AREA = {2: 2 * np.pi, 3: 4 * np.pi, 4: 2 * np.pi**2, 5: 8 * np.pi**2 / 3}
GRIDS = [(2, 4), (2, 9), (3, 4), (3, 8), (4, 8)]
grids = pytest.mark.parametrize(("d", "n"), GRIDS)


def flux_points(grid: CubedSphere, axis: int) -> Array:
    lines = [grid.xi_centres] * grid.axes
    lines[axis] = grid.xi_faces
    return grid.points(lines)


@grids
def test_centres_are_distinct_unit_vectors_each_in_its_own_panel(d: int, n: int) -> None:
    grid = CubedSphere(d, n)
    np.testing.assert_allclose(np.linalg.norm(grid.centres, axis=-1), 1, rtol=4e-16)
    for panel in range(2 * d):
        normal = grid.centres[panel][..., panel // 2]
        assert (np.sign(normal) == (1 if panel % 2 else -1)).all()
        assert (np.abs(normal)[..., None] >= np.abs(grid.centres[panel]) - 1e-15).all()
    flat = grid.centres.reshape(-1, d)
    distance = cKDTree(flat).query(flat, 2)[0][:, 1]
    assert distance.min() > 0.4 * grid.spacing  # the narrowest cells of S^3 are half as wide


@pytest.mark.parametrize(("d", "n"), [(2, 5), (3, 4), (3, 9), (4, 8), (5, 8)])
def test_volumes_add_up_to_the_sphere(d: int, n: int) -> None:
    """To rounding for d <= 3; four Gauss points an axis leave h^8 / 1.8e9 x 8! = 5e-11 at n = 8."""
    grid = CubedSphere(d, n)
    assert grid.total_volume == pytest.approx(AREA[d], rel=1e-15)
    assert grid.volume.sum() == pytest.approx(AREA[d], rel=1e-14 if d <= 3 else 5e-11)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_every_volume_is_the_integral_of_the_volume_element(d: int) -> None:
    """Twelve Gauss points an axis, on two cells; the element by a numerical Jacobian below.

    d = 4 has four points an axis: h^8 / 1.8e9 x 8! = 5e-10 for each of three axes.
    """
    grid = CubedSphere(d, 6)
    nodes, weights = leggauss(12)
    for cell in (0, 4):
        lines = [grid.xi_centres[cell] + 0.5 * grid.spacing * nodes] * grid.axes
        element = grid.sqrt_metric(grid.points(lines))
        for _ in range(grid.axes):
            element = element @ weights * 0.5 * grid.spacing
        own = [panel[(cell,) * grid.axes] for panel in grid.volume]
        np.testing.assert_allclose(own, element, rtol=1e-13 if d < 4 else 1.5e-9)


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_sqrt_metric_is_the_numerical_jacobian_and_covectors_are_dual(d: int) -> None:
    """Central differences of the chart at h = 1e-5: error h^2 x third derivative (about 30)."""
    grid, h = CubedSphere(d, 4), 1e-5
    random = np.random.default_rng(1)
    xi = [np.array([x]) for x in random.uniform(-0.7, 0.7, d - 1)]
    v = grid.points(xi)
    steps = []
    for axis in range(d - 1):
        up, down = ([x + s * h * (i == axis) for i, x in enumerate(xi)] for s in (1, -1))
        steps.append((grid.points(up) - grid.points(down)) / (2 * h))
    basis = np.stack(steps, -2)
    gram = basis @ np.swapaxes(basis, -1, -2)
    np.testing.assert_allclose(grid.sqrt_metric(v), np.sqrt(np.linalg.det(gram)), rtol=1e-7)
    covectors = np.stack([grid.covector(v, axis) for axis in range(d - 1)], -2)
    identity = np.broadcast_to(np.eye(d - 1), gram.shape)
    np.testing.assert_allclose(covectors @ np.swapaxes(basis, -1, -2), identity, atol=1e-7)
    np.testing.assert_allclose((covectors @ v[..., None])[..., 0], 0, atol=1e-15)  # tangent


@grids
def test_neighbours_share_their_face_points_and_disagree_on_the_sign_of_every_flux(
    d: int, n: int
) -> None:
    """Points to 1e-14; fluxes of a random rotation antisymmetric to 1e-14."""
    grid, table = CubedSphere(d, n), CubedSphere(d, n).connectivity
    spin = np.random.default_rng(2).standard_normal((d, d))
    spin -= spin.T
    points = [flux_points(grid, axis) for axis in range(d - 1)]
    fluxes = [
        np.einsum("...d,...d->...", v @ spin, w)
        for v, w in zip(points, grid.face_weights, strict=True)
    ]
    for panel, axis, side in np.ndindex(2 * d, d - 1, 2):
        here = (panel, axis, side)
        other, along, end = table.panel[here], table.axis[here], table.side[here]
        own = np.take(points[axis][panel], -side, axis=axis)
        theirs = np.take(points[along][other], -end, axis=along)
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-14)
        outward = (2 * side - 1) * np.take(fluxes[axis][panel], -side, axis=axis)
        inward = (2 * end - 1) * np.take(fluxes[along][other], -end, axis=along)
        np.testing.assert_allclose(outward, -inward, rtol=0, atol=1e-14)
        back = (table.panel[other, along, end], table.axis[other, along, end])
        assert (*back, table.side[other, along, end]) == here


@pytest.mark.parametrize("d", [2, 3, 4])
def test_fluxes_of_a_linear_potential_give_its_laplacian_to_second_order(d: int) -> None:
    """div grad (c.v) = -(d-1) c.v on the sphere: the worst cell's error falls 4-fold (>= 3)."""
    c = np.array([0.6, -1.0, 0.3, 0.8])[:d]
    errors = []
    for n in (8, 16):
        grid = CubedSphere(d, n)
        divergence = np.zeros(grid.shape)
        for axis, weights in enumerate(grid.face_weights):
            divergence += np.diff(weights @ c, axis=1 + axis)
        exact = -(d - 1) * (grid.centres @ c)
        errors.append((np.abs(divergence / grid.volume - exact) * grid.volume).sum())
    assert errors[1] < errors[0] / 3
    assert errors[1] < 0.05


@grids
def test_coordinates_are_antisymmetric_and_faces_end_on_the_panel_edge(d: int, n: int) -> None:
    grid = CubedSphere(d, n)
    assert (grid.xi_centres == -grid.xi_centres[::-1]).all()
    assert grid.xi_faces[[0, -1]].tolist() == [-QUARTER, QUARTER]
    np.testing.assert_allclose(np.diff(grid.xi_faces), grid.spacing, rtol=1e-13)
    np.testing.assert_allclose(grid.xi_faces[:-1] + grid.spacing / 2, grid.xi_centres, atol=1e-15)


@pytest.mark.parametrize(("d", "n"), [(1, 8), (3, 3), (0, 0)])
def test_too_small_a_grid_is_refused(d: int, n: int) -> None:
    with pytest.raises(ValueError, match="d >= 2 and 4 cells"):
        CubedSphere(d, n)
