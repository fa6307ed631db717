"""Initial laws of the directions: normalised, and carried onto by the same shares of mass."""

from typing import Any

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import ive

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.config.initial import VonMises
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.directions import DirectionLaw

Array = np.ndarray
VARIANCES = {2: [10.0, 1.0], 3: [4.0, 1.0, 0.5], 4: [3.0, 1.0, 2.0, 0.5]}


def vmf(d: int, concentration: float) -> DirectionLaw:
    mean = np.arange(1.0, d + 1)
    return DirectionLaw(
        "vmf", BatchNormMetric(np.eye(d)), mean / np.linalg.norm(mean), concentration
    )


def nodes(d: int, count: int) -> tuple[Array, Array]:
    """Points and weights of the uniform law on S^1 or S^2, exact to high degree."""
    angle = (np.arange(2 * count) + 0.5) * np.pi / count
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    if d == 2:
        return circle, np.full(2 * count, 0.5 / count)
    z, weight = leggauss(count)
    rim = np.sqrt(1 - z**2)[:, None, None] * circle
    height = np.broadcast_to(z[:, None, None], (*rim.shape[:2], 1))
    points = np.concatenate([rim, height], -1).reshape(-1, 3)
    return points, np.repeat(weight / 2, 2 * count) / (2 * count)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("concentration", [0.0, 1e-9, 0.5, 7.0, 60.0])
def test_vmf_is_normalised_and_has_the_mean_of_its_concentration(
    d: int, concentration: float
) -> None:
    """E mean.u = I_(d/2)(k) / I_(d/2-1)(k)  (Mardia and Jupp, 9.3.9)."""
    law = vmf(d, concentration)
    u, weight = nodes(d, 200)
    density = law.density(u)
    assert weight @ density == pytest.approx(1.0, rel=1e-12)
    expected = ive(d / 2, concentration) / ive(d / 2 - 1, concentration) if concentration else 0.0
    assert law.mean is not None
    assert weight @ (density * (u @ law.mean)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_uniform_whitened_is_uniform_in_v(d: int) -> None:
    """Normalised, and E v v' = 1/d, E v_1^4 = 3/(d (d+2)), with the density in u."""
    metric = BatchNormMetric(VARIANCES[d], 1.7)
    law = DirectionLaw("uniform-whitened", metric)
    u, weight = nodes(d, 300)
    share = weight * law.density(u)
    v = metric.whitened(u)
    assert share.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(v.T * share @ v, np.eye(d) / d, rtol=0, atol=1e-12)
    assert share @ v[:, 0] ** 4 == pytest.approx(3 / (d * (d + 2)), rel=1e-12)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("kind", ["uniform", "uniform-whitened", "vmf"])
def test_pushed_nodes_integrate_like_the_density(d: int, kind: str) -> None:
    """E g under the law, by weights at fixed nodes and by moved nodes of uniform weight."""
    law = DirectionLaw(kind, BatchNormMetric(VARIANCES[d])) if kind != "vmf" else vmf(d, 1.0)
    u, weight = nodes(d, 200)
    moved = law.pushed(u)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1.0, rtol=1e-13)
    for g in (
        lambda u: u[:, 0],
        lambda u: u[:, 0] ** 2 * u[:, 1],
        lambda u: np.exp(u @ np.ones(d)),
    ):
        expected = weight @ (law.density(u) * g(u))
        assert weight @ g(moved) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("d", "concentration"), [(4, 3.0), (10, 20.0), (300, 5000.0)])
def test_pushed_draws_in_many_dimensions(d: int, concentration: float) -> None:
    """The mean of 20,000 draws, to five standard errors, and across it nothing."""
    law = vmf(d, concentration)
    u = np.random.default_rng(0).standard_normal((20_000, d))
    moved = law.pushed(u / np.linalg.norm(u, axis=1, keepdims=True))
    expected = ive(d / 2, concentration) / ive(d / 2 - 1, concentration)
    assert law.mean is not None
    heights = moved @ law.mean
    assert heights.mean() == pytest.approx(expected, abs=5 * heights.std() / np.sqrt(20_000))
    across = moved.mean(0) - heights.mean() * law.mean
    assert np.linalg.norm(across) < 5 / np.sqrt(20_000)


def configured(w: Any, basis: Array | None = None) -> DirectionLaw:
    config = load_config({"initial": {"w": w}})
    return DirectionLaw.from_config(config.initial.w, BatchNormMetric([1.0, 1.0]), basis)


def test_the_mean_is_normalised_and_taken_into_the_range() -> None:
    law = configured({"kind": "vmf", "mean": [3.0, 4.0], "concentration": 2.0})
    assert law.mean is not None
    assert law.mean.tolist() == [0.6, 0.8]
    assert law.concentration == 2.0
    basis = np.array([[0.6, 0.8]])
    taken = configured({"kind": "vmf", "mean": [3.0, 4.0]}, basis)
    np.testing.assert_allclose(taken.mean, [1.0])
    with pytest.raises(InputError, match=r"initial\.w\.mean leaves the range"):
        configured({"kind": "vmf", "mean": [1.0, 0.0]}, basis)


@pytest.mark.parametrize("columns", [2, 4])
@pytest.mark.parametrize("reduced", [False, True])
def test_a_mean_of_another_length_than_the_rows_is_one_line(columns: int, reduced: bool) -> None:
    """A file tells its columns only when it is read, be they independent or not."""
    law = VonMises(kind="vmf", mean=(1.0, 0.0, 0.0))
    d = columns - reduced
    basis = np.eye(columns)[:d] if reduced else None
    with pytest.raises(InputError, match=rf"mean: 3 entries, but the inputs have {columns} col"):
        DirectionLaw.from_config(law, BatchNormMetric(np.eye(d)), basis)


def test_the_largest_concentration_is_drawn_and_weighed() -> None:
    """Variance across the mean I_1 / (k I_0) = 1/k in d = 2: the table of shares has 1e-4 there."""
    law, k = vmf(2, 1e6), 1e6
    u = nodes(2, 20_000)[0]
    assert law.mean is not None
    across = law.pushed(u) @ np.array([-law.mean[1], law.mean[0]])
    assert (across**2).mean() == pytest.approx(1 / k, rel=1e-3)
    assert law.density(law.mean) == pytest.approx(np.sqrt(2 * np.pi * k), rel=1e-6)
