"""Scale and shift: the augmented points are sigma(gamma z + beta), and their gradient is split."""

import numpy as np

from bnflow.pde.config import load_config
from bnflow.pde.network.affine import Affine, AffineLaw, with_ones
from bnflow.pde.network.initial import OuterLaw

RNG = np.random.default_rng(3)
ROWS = ("solver.method=particles", "data.kind=sampled", "data.samples=20")


def law(*overrides: str) -> AffineLaw | None:
    return AffineLaw.from_config(load_config(None, [*ROWS, *overrides]))


def test_points_meet_rows_with_ones_at_the_scaled_and_shifted_argument() -> None:
    v, x = RNG.standard_normal((2, 5, 3)), RNG.standard_normal((7, 3))
    affine = Affine(*RNG.standard_normal((2, 2, 5)))
    expected = affine.gamma[..., None] * (v @ x.T) + affine.beta[..., None]
    np.testing.assert_allclose(affine.points(v) @ with_ones(x).T, expected, rtol=1e-13)


def test_the_gradient_is_split_by_the_chain_rule() -> None:
    """h(p) = sin(k.p): every derivative of h(gamma v, beta) by central differences of 1e-6."""
    v, k, step = RNG.standard_normal((1, 4, 3)), RNG.standard_normal(4), 1e-6
    affine = Affine(*RNG.standard_normal((2, 1, 4)))

    def h(v: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(Affine(gamma, beta).points(v) @ k))

    gradient = np.cos(affine.points(v) @ k)[..., None] * k
    by_v, slope = affine.pulled(v, gradient)
    by_gamma = h(v, affine.gamma + step, affine.beta) - h(v, affine.gamma - step, affine.beta)
    by_beta = h(v, affine.gamma, affine.beta + step) - h(v, affine.gamma, affine.beta - step)
    np.testing.assert_allclose(slope.gamma, by_gamma / (2 * step), atol=1e-9)
    np.testing.assert_allclose(slope.beta, by_beta / (2 * step), atol=1e-9)
    for axis in range(3):
        moved = step * np.eye(3)[axis]
        off = h(v + moved, *affine) - h(v - moved, *affine)
        np.testing.assert_allclose(by_v[..., axis], off / (2 * step), atol=1e-9)


def test_there_is_a_law_only_where_something_differs_from_one_and_zero() -> None:
    assert law() is None
    assert law("initial.gamma={value=1}", "initial.beta={value=0}") is None
    made = law("initial.beta={value=-0.5}")
    assert made == AffineLaw(OuterLaw("atoms", (1.0,)), OuterLaw("atoms", (-0.5,)), False, False)
    made = law('network.train=["beta", "a"]', 'initial.gamma={kind="uniform", range=[0, 2]}')
    assert made == AffineLaw(
        OuterLaw("uniform", (0.0, 2.0)), OuterLaw("atoms", (0.0,)), False, True
    )


def test_only_laws_of_more_than_one_value_are_random() -> None:
    made = law("initial.gamma.kind=two-point", "initial.beta={value=2}")
    assert made is not None
    assert list(made.random()) == ["gamma"]


def test_the_pair_is_homogeneous_where_each_moves_or_stays_zero() -> None:
    """Euler's identity needs all that scales sigma to move: a constant shift in it spoils that."""
    cases = {
        ('network.train=["a", "gamma", "beta"]',): True,
        ('network.train=["a", "gamma"]',): True,
        ('network.train=["a", "gamma"]', "initial.beta={value=0.1}"): False,
        ('network.train=["a", "beta"]',): False,
        ('network.train=["a", "beta"]', "initial.gamma={value=0}"): True,
    }
    for overrides, expected in cases.items():
        made = law(*overrides)
        assert made is not None
        assert made.homogeneous is expected
