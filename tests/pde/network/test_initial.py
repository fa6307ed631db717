"""Initial laws of a: cell averages with the law's mass, mean and variance."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.geometry.axis import CellAxis
from bnflow.pde.network.initial import OuterLaw

AXIS = CellAxis.covering(-4.0, 5.0, 45)  # width 0.2


def moments(law: OuterLaw, axis: CellAxis = AXIS) -> tuple[float, float, float]:
    mass = law.on(axis) * axis.width
    mean = float(mass @ axis.values)
    return float(mass.sum()), mean, float(mass @ (axis.values - mean) ** 2)


def test_normal_cells_are_averages_of_the_density() -> None:
    law = OuterLaw("normal", (0.3, 0.5))
    expected = np.diff(norm(0.3, 0.5).cdf(AXIS.faces)) / 0.2
    np.testing.assert_allclose(law.on(AXIS), expected, rtol=0, atol=1e-15 / 0.2)
    mass, mean, variance = moments(law)
    assert mass == pytest.approx(1, abs=1e-14)
    assert mean == pytest.approx(0.3, abs=1e-13)
    # Sheppard: averages at cell centres add width^2 / 12, to exp(-2 pi^2 std^2 / width^2)
    assert variance == pytest.approx(0.25 + 0.04 / 12, abs=1e-13)


def test_a_normal_law_cut_by_the_axis_still_has_mass_one() -> None:
    law = OuterLaw("normal", (0.0, 1.0))
    axis = CellAxis.covering(*law.reach, 64)
    assert axis.span == (-6.0, 6.0)
    mass, mean, _ = moments(law, axis)
    assert mass == pytest.approx(1, abs=1e-14)
    assert mean == pytest.approx(0, abs=1e-14)


def test_uniform_fills_its_interval_and_shares_the_cells_at_its_ends() -> None:
    law = OuterLaw("uniform", (-1.0, 1.1))  # both ends inside a cell of width 0.2
    density = law.on(AXIS)
    lower, upper = np.searchsorted(AXIS.faces, [-1.0, 1.1]) - 1
    np.testing.assert_allclose(density[lower + 1 : upper], 1 / 2.1, rtol=1e-13)
    share = (1.1 - AXIS.faces[upper]) / 0.2
    assert density[upper] == pytest.approx(share / 2.1, rel=1e-12)
    assert moments(law)[0] == pytest.approx(1, abs=1e-14)
    assert law.mean == pytest.approx(0.05)


@pytest.mark.parametrize("values", [(0.25,), (0.1,), (-3.9, 4.9), (-1.0, 0.0333)])
def test_atoms_keep_mass_and_mean_and_say_how_much_variance_they_gain(
    values: tuple[float, ...],
) -> None:
    with pytest.warns(Notice, match="same mass and mean"):
        mass, mean, variance = moments(OuterLaw("atoms", values))
    assert mass == pytest.approx(1, abs=1e-14)
    assert mean == pytest.approx(np.mean(values), abs=1e-10)  # shares are rounded to 1e-9 width
    added = variance - np.var(values)
    assert -1e-9 <= added <= 0.2**2 / 4 + 1e-12


def test_an_atom_on_a_cell_centre_stays_in_that_cell() -> None:
    with pytest.warns(Notice, match="variance 0 added"):
        density = OuterLaw("atoms", (float(AXIS.values[7]),)).on(AXIS)
    assert np.flatnonzero(density).tolist() == [7]


@pytest.mark.parametrize("value", [-3.95, 4.99])
def test_an_atom_too_near_a_wall_to_keep_its_mean_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="half a cell from a wall"):
        OuterLaw("atoms", (value,)).on(AXIS)


def test_laws_of_a_configuration() -> None:
    make = OuterLaw.from_config
    assert make(SimpleNamespace(kind="normal", mean=1, std=2)) == OuterLaw("normal", (1.0, 2.0))
    assert make(SimpleNamespace(kind="uniform", range=(0, 2))).reach == (0.0, 2.0)
    assert make(SimpleNamespace(kind="constant", value=3)).atoms == (3.0,)
    two = make(SimpleNamespace(kind="two-point", values=(1.0, -2.0)))
    assert two.atoms == (-2.0, 1.0)  # increasing
    assert two.mean == -0.5
    assert make(SimpleNamespace(kind="normal", mean=1, std=2)).atoms is None


def test_a_law_with_a_density_gives_no_notice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        OuterLaw("normal", (0.0, 0.5)).on(AXIS)
