"""Neurons at the start: of their law, reproducible, spread as evenly as the sampling promises."""

import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.special import ive
from scipy.stats import kstest

from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.directions import DirectionLaw
from bnflow.pde.network.initial import OuterLaw
from bnflow.pde.particles.quadrature import product_rule, spacing
from bnflow.pde.particles.sampling import Directed, InnerLaw, Neurons, Normal, draw, quantile
from bnflow.pde.particles.session import NeuronSession

Make = Callable[..., NeuronSession]
NORMAL = OuterLaw("normal", (0.2, 0.5))
ATOMS = OuterLaw("atoms", (-1.0, 2.0))
UNIFORM = OuterLaw("uniform", (-1.0, 3.0))
quiet = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")


def directed(d: int, kind: str = "uniform") -> Directed:
    metric = BatchNormMetric(np.arange(1.0, d + 1))
    mean = np.eye(d)[0]
    return Directed(DirectionLaw(kind, metric, mean, 3.0 * (kind == "vmf")), d)


def drawn(inner: InnerLaw, sampling: str, width: int = 256, replicas: int = 1) -> Neurons:
    return draw(inner, NORMAL, sampling, width, replicas, seed=4)


@pytest.mark.parametrize("sampling", ["iid", "stratified", "sobol"])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_shapes_masses_and_unit_directions(sampling: str, d: int) -> None:
    neurons = drawn(directed(d), sampling, width=50, replicas=3)
    assert neurons.inner.shape == (3, 50, d)
    assert neurons.a.shape == (3, 50)
    assert neurons.mass.tolist() == [1 / 50] * 50
    np.testing.assert_allclose(np.linalg.norm(neurons.inner, axis=-1), 1.0)
    assert len(np.unique(neurons.a)) == 150  # replicas differ


def test_iid_neurons_do_not_depend_on_width_or_replicas() -> None:
    few, many = drawn(directed(3), "iid", 10, 2), drawn(directed(3), "iid", 40, 5)
    assert (few.inner == many.inner[:2, :10]).all()
    assert (few.a == many.a[:2, :10]).all()


@pytest.mark.parametrize("sampling", ["iid", "stratified", "sobol"])
def test_the_seed_decides(sampling: str) -> None:
    one, two = (draw(directed(3), NORMAL, sampling, 16, 1, seed) for seed in (1, 1))
    assert (one.inner == two.inner).all()
    assert (one.inner != draw(directed(3), NORMAL, sampling, 16, 1, 2).inner).all()


@pytest.mark.parametrize("sampling", ["iid", "stratified", "sobol"])
@pytest.mark.parametrize("d", [2, 3, 5])
def test_laws_of_direction_and_outer_weight(sampling: str, d: int) -> None:
    """E u = 0, E u u' = I/d, and a normal law of a independent of u; 4 standard errors of iid."""
    neurons = drawn(directed(d), sampling, width=4096)
    u, a = neurons.inner[0], neurons.a[0]
    room = 4 / np.sqrt(len(u))
    assert np.abs(u.mean(axis=0)).max() < room / np.sqrt(d)
    assert np.abs(u.T @ u / len(u) - np.eye(d) / d).max() < room / np.sqrt(d)
    assert kstest((a - 0.2) / 0.5, "norm").pvalue > 1e-3
    assert np.abs(u.T @ (a - 0.2) / len(u)).max() < room * 0.5 / np.sqrt(d)


def test_stratified_neurons_have_one_in_each_share_of_every_coordinate() -> None:
    neurons = drawn(directed(2), "stratified", width=64)
    angle = np.arctan2(neurons.inner[0, :, 1], neurons.inner[0, :, 0]) % (2 * np.pi)
    assert sorted((angle / (2 * np.pi) * 64).astype(int)) == list(range(64))
    share = np.searchsorted(quantile(NORMAL, np.arange(1, 64) / 64), neurons.a[0])
    assert sorted(share) == list(range(64))


def test_sobol_integrates_better_than_independent_draws() -> None:
    """Mean of a smooth function: error about N^(-3/2) against N^(-1/2)."""

    def off(sampling: str) -> float:
        neurons = drawn(directed(3), sampling, width=1024, replicas=8)
        value = neurons.inner[..., 0] ** 2 * (1 + neurons.a)
        return float(np.sqrt(((value.mean(axis=1) - 1.2 / 3) ** 2).mean()))

    assert off("sobol") < 0.25 * off("iid")  # 0.165 measured


@pytest.mark.parametrize("law", [NORMAL, ATOMS, UNIFORM])
def test_the_quantile_inverts_the_distribution_function(law: OuterLaw) -> None:
    share = (np.arange(10_000) + 0.5) / 10_000
    a = quantile(law, share)
    assert (np.diff(a) >= 0).all()
    assert a.mean() == pytest.approx(law.mean, abs=1e-3)
    assert law.reach[0] <= a.min()
    assert a.max() <= law.reach[1]


def test_plain_weights_are_normal() -> None:
    neurons = drawn(Normal(0.3, 4), "iid", width=5000)
    assert neurons.inner[0].std(axis=0) == pytest.approx(np.full(4, 0.3), rel=0.05)


@pytest.mark.parametrize("kind", ["vmf", "uniform-whitened"])
@pytest.mark.parametrize("sampling", ["iid", "sobol", "quadrature"])
@quiet
def test_other_laws_of_the_direction_keep_their_mean(kind: str, sampling: str) -> None:
    """E of u_1 and u_1^2 under the density of the law, by a fine rule on the sphere."""
    inner = directed(3, kind)
    u, _, mass = product_rule(3, {"a": ATOMS}, 40_000)
    weight = mass * inner.law.density(u)
    neurons = drawn(inner, sampling, width=4096)
    for power in (1, 2):
        expected = weight @ u[:, 0] ** power
        got = neurons.inner[0, :, 0] ** power @ neurons.mass
        assert got == pytest.approx(expected, abs=0.03 if sampling == "iid" else 2e-3)


# -- quadrature ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "width", "degree"), [(2, 2 * 24, 23), (3, 2 * 2 * 36, 11), (4, 2 * 432, 11)]
)
def test_the_rules_are_exact_for_polynomials_on_the_sphere(d: int, width: int, degree: int) -> None:
    """E prod u_i^k_i = prod (k_i - 1)!! / (d (d+2) ..), 0 where a power is odd."""
    u, _, mass = product_rule(d, {"a": ATOMS}, width)
    assert len(u) == width
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 1.0)
    for powers in product(range(degree + 1), repeat=d):
        if sum(powers) > degree:
            continue
        expected = 0.0
        if all(k % 2 == 0 for k in powers):
            odd = [np.prod(np.arange(1.0, k, 2)) for k in powers]
            expected = np.prod(odd) / np.prod(np.arange(d, d + sum(powers), 2.0))
        assert mass @ np.prod(u ** np.array(powers), axis=1) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("law", "variance"), [(NORMAL, 0.25), (ATOMS, 2.25), (UNIFORM, 4 / 3)])
@pytest.mark.parametrize("width", [100, 1500])
@quiet
def test_outer_nodes_carry_the_moments_of_their_law(
    law: OuterLaw, variance: float, width: int
) -> None:
    _, values, mass = product_rule(2, {"a": law}, width)
    a = values["a"]
    assert mass.sum() == pytest.approx(1.0, rel=1e-14)
    assert a @ mass == pytest.approx(law.mean, abs=1e-7)  # panels of unequal size: not symmetric
    assert (a - law.mean) ** 2 @ mass == pytest.approx(variance, rel=1e-7)
    if law is NORMAL:  # 6 nodes, or 22
        fourth = (a - law.mean) ** 4 @ mass / variance**2
        assert fourth == pytest.approx(3.0, abs=0.4 if width == 100 else 1e-4)
        assert np.cos(a) @ mass == pytest.approx(
            np.cos(0.2) * np.exp(-0.125), abs=5e-3 if width == 100 else 1e-6
        )


def test_atoms_are_exact() -> None:
    _, values, mass = product_rule(3, {"a": ATOMS}, 36)
    a = values["a"]
    assert sorted(set(a)) == [-1.0, 2.0]
    assert mass[a == 2.0].sum() == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 3, 100, 5000])
@quiet
def test_the_nearest_product_is_not_far(d: int, width: int) -> None:
    u, values, mass = product_rule(d, {"a": NORMAL}, width)
    assert len(u) == len(values["a"]) == len(mass)
    assert (mass > 0).all()
    if width >= 100:
        assert 0.5 * width < len(mass) < 2 * width


def test_another_width_is_told_and_a_missing_rule_refused() -> None:
    with pytest.warns(Notice, match=r"solver.width = 100: the quadrature takes 17 directions x 6"):
        product_rule(2, {"a": NORMAL}, 100)
    with pytest.raises(InputError, match='no rule for d = 5; give "sobol"'):
        product_rule(5, {"a": NORMAL}, 100)
    with pytest.raises(InputError, match="no rule for normal weights"):
        drawn(Normal(1.0, 2), "quadrature")


@pytest.mark.parametrize(("d", "width"), [(2, 60), (3, 256), (4, 864)])
def test_nodes_of_the_whitened_law_are_even_in_v_whatever_the_covariance(
    d: int, width: int
) -> None:
    """E v v' = I/d to rounding: as a density in u this law would be 1e-2 wide, between the nodes.

    Rounding of u grows by the root of the condition number, 1e2, in v.
    """
    metric = BatchNormMetric([1e4, *[1.0] * (d - 1)])
    inner = Directed(DirectionLaw("uniform-whitened", metric), d)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neurons = draw(inner, ATOMS, "quadrature", width, 1, seed=0)
    v = metric.whitened(neurons.inner[0])
    np.testing.assert_allclose(v.T * neurons.mass @ v, np.eye(d) / d, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("d", "count"), [(2, 40), (3, 2 * 20**2), (4, 16 * 10**3)])
def test_a_law_between_the_nodes_is_told(d: int, count: int) -> None:
    """One spacing wide: mass to 2e-8; narrower: a notice."""
    nodes = spacing(d, {"a": ATOMS}, 2 * count)
    mean, metric = np.ones(d) / np.sqrt(d), BatchNormMetric(np.eye(d))

    def started(width: float) -> Neurons:
        law = DirectionLaw("vmf", metric, mean, 1 / (width * nodes) ** 2)
        return draw(Directed(law, d), ATOMS, "quadrature", 2 * count, 1, seed=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neurons = started(1.01)
    expected = ive(d / 2, k := 1 / (1.01 * nodes) ** 2) / ive(d / 2 - 1, k)
    assert neurons.mass @ (neurons.inner[0] @ mean) == pytest.approx(expected, abs=1e-7)
    with pytest.warns(Notice, match=r"0.4 nodes of the quadrature wide; a larger solver.width"):
        started(0.4)


@pytest.mark.parametrize(("d", "width"), [(2, 48), (3, 256), (4, 2000)])
@quiet
def test_the_spacing_is_that_of_the_directions(d: int, width: int) -> None:
    """None is further from its nearest; that is 0.7 of it in S^3, and less where s is near 1/2."""
    u, _, _ = product_rule(d, {"a": ATOMS}, width)
    u = np.unique(u.round(12), axis=0)
    closest = np.arccos(np.clip(np.sort(u @ u.T, axis=1)[:, -2], -1, 1))
    assert 0.55 < closest.max() / spacing(d, {"a": ATOMS}, width) < 1 + 1e-6


def test_a_configuration_is_drawn_with_its_own_seed(neurons: Make) -> None:
    one, two = neurons(run__seed=1).initial_state(), neurons(run__seed=2).initial_state()
    assert (one.x != two.x).all()
    assert one.x.shape == (1, 20, 2)
