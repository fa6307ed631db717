"""W2 against closed forms, what condensing keeps, and how runs become weighted points."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from bnflow.api import compare, solve
from bnflow.io.distance import (
    MOST_POINTS,
    Cloud,
    cloud,
    condensed,
    is_rescaled,
    wasserstein,
)
from bnflow.io.run import Run
from bnflow.pde.frame import Frame, Layout, NeuronLayout

RNG = np.random.default_rng(0)


def random_cloud(n: int, d: int = 3) -> Cloud:
    mass = RNG.random(n)
    return Cloud(RNG.standard_normal((n, d)), mass / mass.sum())


def test_w2_on_a_line_is_that_of_the_quantiles() -> None:
    """Equal masses on a line: the plan is monotone, W2^2 = mean of (x_(k) - y_(k))^2."""
    pytest.importorskip("ot")
    x, y = RNG.standard_normal(50), 2 * RNG.standard_normal(50) + 1
    clouds = [Cloud(np.stack([z, 0 * z], axis=1), np.full(50, 0.02)) for z in (x, y)]
    expected = np.sqrt(np.mean((np.sort(x) - np.sort(y)) ** 2))
    assert wasserstein(*clouds) == pytest.approx(expected, rel=1e-12)


def test_w2_of_a_translation_is_its_length() -> None:
    pytest.importorskip("ot")
    law, shift = random_cloud(40), np.array([0.3, -0.4, 1.2])
    moved = Cloud(law.points + shift, law.mass)
    assert wasserstein(law, moved) == pytest.approx(1.3, rel=1e-10)
    assert wasserstein(law, law) == pytest.approx(0.0, abs=1e-7)  # the root of rounding


def test_condensing_keeps_mass_and_mean_and_says_what_it_loses() -> None:
    """The inertia around the mean splits into that of the centres and what is lost."""
    law = random_cloud(500)
    few = condensed(law, 60)
    assert len(few.mass) == 60
    assert few.mass.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(few.mass @ few.points, law.mass @ law.points, atol=1e-14)
    inertia = [each.mass @ np.sum(each.points**2, axis=1) for each in (law, few)]
    assert few.error**2 == pytest.approx(inertia[0] - inertia[1], rel=1e-10)
    assert 0.0 < few.error < 0.5 * np.sqrt(inertia[0])


def test_w2_of_condensed_laws_is_off_by_no_more_than_they_say() -> None:
    pytest.importorskip("ot")
    one, other = random_cloud(400), random_cloud(300)
    exact = wasserstein(one, other)
    for most in (20, 100):
        few = condensed(one, most), condensed(other, most)
        assert abs(wasserstein(*few) - exact) <= few[0].error + few[1].error
    assert wasserstein(one, condensed(one, 20)) <= condensed(one, 20).error * (1 + 1e-12)


def test_small_and_degenerate_laws_are_condensed_without_loss() -> None:
    law = random_cloud(30)
    assert condensed(law, 30) is law
    same = Cloud(np.ones((500, 3)), np.full(500, 1 / 500))
    assert condensed(same, 40).error < 1e-15


def test_a_density_is_its_cell_centres(
    make_layout: Callable[..., Layout], make_frame: Callable[..., Frame]
) -> None:
    layout = make_layout(2, 8, 10)
    frames = [make_frame(layout, 0), make_frame(layout, 3, grown=2)]
    run = Run.from_frames(layout, frames, "", {})
    law = cloud(run, 0.3)
    assert len(law.mass) <= MOST_POINTS
    rho, volume = run.density(0.3), layout.cell_volume
    mass = rho * volume[..., None] * run.a_weight
    np.testing.assert_allclose(
        law.mass @ law.points[:, :2], np.einsum("pia,pid->d", mass, layout.direction_whitened)
    )
    assert law.mass @ law.points[:, 2] == pytest.approx((mass * run.a).sum())
    np.testing.assert_allclose(np.linalg.norm(law.points[:, :2], axis=1), 1.0)


@pytest.mark.parametrize("normalised", [True, False])
def test_neurons_are_points_of_whitened_directions_or_of_weights(normalised: bool) -> None:
    direction, a = RNG.standard_normal((2, 5, 2)), RNG.standard_normal((2, 5))
    mass = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    layout = NeuronLayout(mass, 2, np.zeros(2), np.diag([4.0, 1.0]), normalised)
    run = SimpleNamespace(layout=layout, particles=lambda t: (direction, a, mass))
    law = cloud(run, 0.0)
    expected = direction * [2.0, 1.0] if normalised else direction
    if normalised:
        expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(law.points[:, :2], expected.reshape(-1, 2))
    np.testing.assert_array_equal(law.points[:, 2], a.ravel())
    np.testing.assert_allclose(law.mass, np.tile(mass, 2) / 2)


def test_scales_and_shifts_are_coordinates_of_the_law_where_a_run_has_them(
    make_layout: Callable[..., Layout], make_frame: Callable[..., Frame]
) -> None:
    """(v, a, gamma, beta): the neurons' own; 1 and 0 of a density, and of neurons without."""
    direction, a = RNG.standard_normal((1, 5, 2)), RNG.standard_normal((1, 5))
    gamma, beta = RNG.standard_normal((2, 1, 5))
    layout = NeuronLayout(np.full(5, 0.2), 1, np.zeros(2), np.eye(2))
    run = SimpleNamespace(
        layout=layout,
        rescaled=True,
        particles=lambda t: (direction, a, layout.neuron_mass),
        scales=lambda t: gamma,
        shifts=lambda t: beta,
    )
    law = cloud(run, 0.0, rescaled=True)
    np.testing.assert_array_equal(law.points[:, 2:], np.stack([a[0], gamma[0], beta[0]], axis=1))
    assert is_rescaled(run)
    grid = Run.from_frames(make_layout(2, 8, 10), [make_frame(make_layout(2, 8, 10), 0)], "", {})
    assert not is_rescaled(grid)
    law = cloud(grid, 0.0, rescaled=True)
    assert law.points.shape[1] == 5
    assert (law.points[:, 3] == 1.0).all()
    assert (law.points[:, 4] == 0.0).all()


def test_runs_with_and_without_scales_are_compared() -> None:
    """At the start they differ in gamma alone: W2 = |2 - 1|."""
    pytest.importorskip("ot")
    config = {
        "data": {"kind": "sampled", "samples": 20},
        "target": {"activation": "relu"},
        "solver": {"method": "particles", "width": 10},
        "time": {"end": 0.1, "save": [0.0]},
    }
    plain = solve(config)
    scaled = solve(config, initial={"gamma": {"kind": "constant", "value": 2.0}})
    found = compare(scaled, plain)
    assert found.distance is not None
    assert found.distance[0] == pytest.approx(1.0, rel=1e-6)
    assert found.rms_difference[0, 0] == pytest.approx(found.scale[0], rel=1e-6)  # 2 f - f
    assert any("W2 over (v, a, gamma, beta), v whitened" in line for line in found.remarks)
