"""The eight layers in depth: what each makes of a batch, at a width where noise is small."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import (
    ablate,
    ablation_specs,
    effective_rank,
    find_outliers,
    mean_cosine,
    orthogonality_gap,
)
from bnflow.depth.components import Ablation

BATCH, WIDTH, DEPTH = 8, 200, 240


@pytest.fixture(scope="module")
def eight() -> dict[str, Ablation]:
    """From inputs of their own, 12 networks each."""
    h = np.random.default_rng(1).standard_normal((12, BATCH))
    rng = np.random.Generator(np.random.Philox(5))
    made = ablate(h.T @ h / 12, WIDTH, DEPTH, 12, rng, depths=range(0, DEPTH + 1, 20))
    return {each.name: each for each in made}


def last(values: np.ndarray) -> float:
    return float(np.median(values[-1]))


def test_there_are_eight() -> None:
    specs = ablation_specs("abs", sigma_w=1.5)
    parts = {(s.recenter, s.rescale, s.phi.name) for s in specs.values()}
    assert len(specs) == len(parts) == 8
    assert specs["RC+NL"].phi.name == "abs"
    assert specs["RC"].phi.name == "linear"
    assert {s.sigma_w for s in specs.values()} == {1.5}


def test_rescaling_orthogonalises_and_with_recentring_makes_a_simplex(eight) -> None:
    """Noise of one cosine is of order sqrt(Sigma/n), here 0.2; means over pairs are far below."""
    assert last(eight["RS"].cosine) == pytest.approx(0.0, abs=0.03)
    assert last(eight["RC+RS"].cosine) == pytest.approx(-1 / (BATCH - 1), abs=0.03)
    assert last(eight["RS"].effective_rank) > 0.95 * BATCH
    assert last(eight["RC+RS"].effective_rank) > 0.95 * (BATCH - 1)


def test_the_nonlinearity_alone_collapses_to_one_direction(eight) -> None:
    assert last(eight["NL"].cosine) > 0.99
    assert last(eight["NL"].effective_rank) < 1.1


@pytest.mark.parametrize("name", ["RS+NL", "RC+RS+NL"])
def test_both_with_the_nonlinearity_are_equiangular(eight, name: str) -> None:
    """Angles as the map's: G_ij/G_ii of the fixed point; every cosine within its noise."""
    from bnflow.depth import fixed_point

    fixed = fixed_point(eight[name].spec, BATCH).gram
    assert last(eight[name].cosine) == pytest.approx(fixed[0, 1] / fixed[0, 0], abs=0.03)
    assert not eight[name].outliers.present.any()


def test_only_recentring_and_relu_without_rescaling_make_an_outlier(eight) -> None:
    shares = {name: float(each.outliers.present[-1].mean()) for name, each in eight.items()}
    assert shares.pop("RC+NL") >= 0.5  # at B = 8 some are still, or again, in the other state
    assert max(shares.values()) <= 0.1


def test_without_any_part_the_rank_is_lost_slowly(eight) -> None:
    """Products of matrices lose it at depths of order n, recentred or not."""
    for name in ("none", "RC"):
        rank = eight[name].effective_rank.mean(axis=1)
        early, late = rank[1 : len(rank) // 2].mean(), rank[len(rank) // 2 :].mean()
        assert rank[0] > rank[1] > early > late
        assert late < 0.5 * rank[0]


def test_formed_is_the_layer_from_which_the_rank_stays(eight) -> None:
    assert eight["RC+RS"].formed() <= 60
    assert eight["none"].formed() is None or eight["none"].formed() > 100


def test_what_the_eight_cannot_do_is_refused_before_they_begin() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="unit_trace with tanh"):
        next(ablate(np.eye(4), 10, 3, 2, rng, activation="tanh"))
    with pytest.raises(InputError, match="3 inputs at least"):
        next(ablate(np.eye(2), 10, 3, 2, rng))


@pytest.mark.parametrize("measure", [effective_rank, mean_cosine, find_outliers, orthogonality_gap])
def test_measures_take_stacks_of_square_matrices(measure) -> None:
    for wrong in (np.ones((3, 4)), np.ones(3), "eye"):
        with pytest.raises(InputError, match="Gram matri") as caught:
            measure(wrong)
        assert "\n" not in str(caught.value)
    measure(np.eye(4))


def test_rank_and_cosine_of_known_matrices() -> None:
    grams = np.stack([np.eye(4), np.ones((4, 4)), np.diag([1.0, 1.0, 0.0, 0.0])])
    np.testing.assert_allclose(effective_rank(grams), [4, 1, 2])
    assert np.isnan(effective_rank(np.zeros((3, 3))))
    np.testing.assert_allclose(mean_cosine(grams), [0, 1, 0], atol=1e-12)
