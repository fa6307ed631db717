"""Cell averages of initial laws: mass, moments, a given density, and its mistakes."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import ive

import bnflow
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.config import load_config
from bnflow.pde.density.start import direction_averages
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere
from bnflow.pde.given import Given
from bnflow.pde.network.directions import DirectionLaw
from bnflow.pde.session import Session

Array = np.ndarray
WIDTH = 0.3


def metric(d: int) -> BatchNormMetric:
    return BatchNormMetric([4.0, 1.0, 0.5, 2.0][:d])


def law(kind: str, d: int, concentration: float = 2.0) -> DirectionLaw:
    mean = np.eye(d)[0] if kind == "vmf" else None
    return DirectionLaw(kind, metric(d), mean, concentration)


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("kind", ["uniform", "uniform-whitened", "vmf"])
@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
@pytest.mark.parametrize("induced", ["bn", "round"])
def test_averages_have_mass_one_exactly_and_moments_to_second_order(
    d: int, kind: str, coordinates: str, induced: str
) -> None:
    """E u_i u_j on the grid, whichever directions it covers, is that of the law."""
    errors = []
    for n in (8, 16):
        sphere, chart = CubedSphere(d, n), Chart(metric(d), coordinates, induced)
        averages = direction_averages(law(kind, d), sphere, chart)
        mass = averages * chart.volume(sphere)
        assert mass.sum() == pytest.approx(1.0, rel=1e-13)
        assert averages.min() > 0
        u = chart.raw(sphere.centres).reshape(-1, d)
        errors.append(abs((u * mass.reshape(-1, 1)).T @ u - second_moment(kind, d)).max())
    assert errors[1] < max(errors[0] / 3, 1e-11)  # volumes of d = 4 are by quadrature
    assert errors[1] < 4e-3  # h^2 / 2


@cache
def second_moment(kind: str, d: int) -> Array:
    """E u u' of a law, by many weighted points."""
    sphere, own = CubedSphere(d, 400 if d == 2 else 24), law(kind, d)
    total = np.zeros((d, d))
    for points, element in sphere.gauss_points(3):
        weight = (element * own.density(points)).ravel() / sphere.total_volume
        u = points.reshape(-1, d)
        total += (u * weight[:, None]).T @ u
    return total


@pytest.mark.filterwarnings("ignore::bnflow.Notice")
@pytest.mark.parametrize("k", [2.0, 400.0])
def test_averages_on_the_circle_are_exact_integrals_of_the_series(k: float) -> None:
    """vmf: (1 + 2 sum_j I_j/I_0 cos j t) / 2 pi, integrated over each cell term by term.

    Width 1/4 of a cell at k = 400: more Gauss points there.
    """
    sphere = CubedSphere(2, 6)
    averages = direction_averages(law("vmf", 2, k), sphere, Chart(metric(2)))
    centre = np.arctan2(sphere.centres[..., 1], sphere.centres[..., 0])
    j, h = np.arange(1, 160), sphere.spacing
    smoothed = ive(j, k) / ive(0, k) * np.sin(j * h / 2) / (j * h / 2)
    expected = (1 + 2 * np.cos(centre[..., None] * j) @ smoothed) / (2 * np.pi)
    np.testing.assert_allclose(averages, expected, rtol=0, atol=1e-9 * expected.max())


def test_a_narrow_law_is_resolved_by_more_points_and_told_when_it_is_not() -> None:
    """Of k = 400 at 8 cells a quadrant (width 1/4 of a cell) the mean is right to 2e-2."""
    sphere = CubedSphere(2, 8)
    with pytest.warns(Notice, match=r"the law is 0.3 cells wide; more solver.cells"):
        averages = direction_averages(law("vmf", 2, 400.0), sphere, Chart(metric(2)))
    mean = ((averages * sphere.volume)[..., None] * sphere.centres).sum((0, 1))
    np.testing.assert_allclose(mean, [ive(1, 400.0) / ive(0, 400.0), 0.0], rtol=0, atol=2e-2)


def session(density: Callable[..., Any] | None, d: int = 2, **changes: Any) -> Session:
    config = load_config(
        {
            "network": {"weight_norm": 1.5},
            "data": {"covariance": [3.0, 1.0, 0.5][:d]},
            "target": {"weights": [1.0], "directions": [[1.0] * d]},
            "initial": {"a": {"std": WIDTH}, **({"density": "f"} if density else {})},
            "solver": {"cells": 8, "a_cells": 24},
        },
        changes,
    )
    return Session.prepare(config, Given(density=density))


def normal(a: Array) -> Array:
    return np.exp(-((a / WIDTH) ** 2) / 2) / (WIDTH * np.sqrt(2 * np.pi))


def area(d: int) -> float:
    return {2: 2 * np.pi, 3: 4 * np.pi}[d]


@pytest.mark.parametrize("d", [2, 3])
def test_a_given_density_of_the_product_law_is_the_product_law(d: int) -> None:
    """Uniform in v times normal in a: the same cells, to the tails that are cut off (2e-9)."""
    own = session(lambda v, a: normal(a) / area(d), d).initial_state()
    product = session(None, d, **{"initial.w": "uniform-whitened"}).initial_state()
    np.testing.assert_allclose(own.axis.values, product.axis.values)
    np.testing.assert_allclose(own.rho, product.rho, rtol=1e-5, atol=1e-7 * product.rho.max())


def test_a_given_density_may_couple_directions_and_outer_weights() -> None:
    """f = (1 + v_1 tanh(a)) normal / 2 pi: E a v_1 = E[a tanh a] / 2 on the whitened circle."""
    made = session(lambda v, a: (1 + v[..., 0] * np.tanh(a)) * normal(a) / (2 * np.pi))
    state = made.initial_state()
    mass = state.rho * made.flow.cell_volume[..., None] * state.axis.weight
    assert mass.sum() == pytest.approx(1.0, rel=1e-13)
    found = np.einsum("pia,pi,a->", mass, made.flow.whitened[..., 0], state.axis.values)
    a = np.linspace(-3, 3, 20_001)
    expected = 0.5 * (a * np.tanh(a) * normal(a)).sum() * (a[1] - a[0])
    assert found == pytest.approx(expected, rel=2e-2)  # midpoints of cells: h^2


def test_on_a_list_of_values_the_density_is_per_value() -> None:
    values = {"kind": "two-point", "values": [-1.0, 2.0]}
    made = session(
        lambda v, a: np.where(a > 0, 0.25, 0.75) / (2 * np.pi),
        **{"initial.a": values, "network.train": ["w"]},
    )
    state = made.initial_state()
    shares = made.flow.cell_volume.ravel() @ state.rho.reshape(-1, 2)
    np.testing.assert_allclose(shares, [0.75, 0.25], rtol=1e-12)


def test_a_density_that_is_not_normalised_is_divided_with_a_notice() -> None:
    with pytest.warns(Notice, match="its integral is 3; it is divided"):
        state = session(lambda v, a: 3 * normal(a) / (2 * np.pi)).initial_state()
    assert np.isfinite(state.rho).all()


@pytest.mark.parametrize(
    ("density", "told"),
    [
        (lambda v, a: -normal(a), "give finite values >= 0"),
        (lambda v, a: normal(a) * np.nan, "give finite values >= 0"),
        (lambda v, a: v, "return what v"),
        (lambda v, a: 0 * a, "its integral is 0"),
        (lambda v, a: np.exp(-abs(a)), r"reaches the ends of the axis of a \("),
        (lambda v, a: "x", "return what v"),
    ],
)
def test_mistakes_of_a_given_density(density: Callable[..., Any], told: str) -> None:
    made = session(density)
    with pytest.raises(InputError, match=told) as error:
        made.initial_state()
    assert len(str(error.value).splitlines()) == 1


def test_the_law_of_directions_changes_the_run_and_keeps_its_audits() -> None:
    """With a frozen at 1 the start of the risk is that of f = E sigma(v.x), by the law of v."""
    base = {
        "network": {"train": ["w"]},
        "initial": {"a": {"kind": "constant", "value": 1.0}},
        "solver": {"cells": 24},
        "time": {"end": 0.2, "save": []},
    }
    whitened, raw = (
        bnflow.solve(base, **{"initial.w": kind}) for kind in ("uniform-whitened", "uniform")
    )
    assert whitened.w_second_moment[0] == pytest.approx(np.eye(2) / 2, abs=2e-3)
    # uniform in u under diag(10, 1): E v_1^2 = sqrt 10 / (1 + sqrt 10)
    assert raw.w_second_moment[0][0, 0] == pytest.approx(10**0.5 / (1 + 10**0.5), abs=2e-3)
    for run in (whitened, raw):
        assert abs(run.mass - 1).max() < 1e-13
        assert run.dissipation_defect[-1] < 2e-2
