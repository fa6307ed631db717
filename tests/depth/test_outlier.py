"""One input apart: the detector, the branch with its asymptotics and stability, the share."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import (
    LayerSpec,
    cluster_gram,
    critical_batch_size,
    find_outliers,
    fixed_point,
    gram_map,
    grouped_gram,
    jacobian_spectrum,
    outlier_branch,
    outlier_share,
    simulate,
)
from bnflow.depth.gram_symmetric import symmetric_gram

RC_RELU = LayerSpec("relu", rescale=False)
FULL = LayerSpec("relu")


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def arc_cosine(gram: np.ndarray) -> np.ndarray:
    """RC, then Cho and Saul's kernel of one layer of relu, written out by itself."""
    batch = len(gram)
    p = np.eye(batch) - 1 / batch
    s = p @ gram @ p
    norm = np.sqrt(np.diag(s))
    angle = np.arccos(np.clip(s / np.outer(norm, norm), -1, 1))
    return np.outer(norm, norm) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)


def test_the_detector_needs_both_norm_and_angle() -> None:
    batch = 16
    alike = symmetric_gram(batch, 1.0, 0.3)
    long_one, apart = grouped_gram(batch, 0.9, 225.0, 0.9), grouped_gram(batch, 0.9, 1.0, 0.0)
    seen = find_outliers(np.stack([alike, long_one, apart, grouped_gram(batch, 0.9, 225.0)]))
    np.testing.assert_array_equal(seen.present, [False, False, False, True])
    np.testing.assert_allclose(seen.norm_ratio, [1, 225, 1, 225])
    np.testing.assert_allclose(seen.cosine[[0, 1, 3]], [0.3, 0.9, 0.0], atol=1e-12)
    np.testing.assert_allclose(seen.within[[0, 1, 3]], [0.3, 0.9, 0.9])
    assert seen.index[3] == batch - 1


def test_the_detector_does_not_care_for_order() -> None:
    gram, order = grouped_gram(8, 0.7, 40.0, 0.05), [3, 7, 0, 1, 2, 4, 5, 6]
    seen = find_outliers(gram[np.ix_(order, order)])
    assert int(seen.index) == 1
    assert seen.present
    with pytest.raises(InputError, match="3 inputs at least"):
        find_outliers(np.eye(2))


def test_the_indicative_model_is_kept_exactly_and_unstable() -> None:
    """(B - 1)^2 is the ratio of squared norms; the derivative at it exceeds 1."""
    for batch in (4, 16):
        gram = cluster_gram([batch - 1, 1])
        np.testing.assert_allclose(gram_map(FULL, gram).gram, gram, atol=1e-7 * batch)
        assert find_outliers(gram).norm_ratio == pytest.approx((batch - 1) ** 2)
        assert np.trace(gram) == pytest.approx(batch / 2)
    opened = grouped_gram(16, 1 - 1e-6, 225.0)
    after = [opened]
    for _ in range(30):
        after.append(gram_map(FULL, after[-1]).gram)
    apart = [1 - float(find_outliers(gram).within) for gram in after]
    assert apart[1] > 10 * apart[0]  # violently: RS stretches what is left of the cluster
    assert not find_outliers(after[-1]).present


@pytest.mark.parametrize("batch", [7, 16, 32])
def test_the_branch_is_a_fixed_direction(batch: int) -> None:
    """Of a map written here."""
    found = outlier_branch(RC_RELU, batch, rates=1)
    image = arc_cosine(found.gram)
    np.testing.assert_allclose(batch * image / np.trace(image), found.gram, atol=1e-9 * batch**2)
    assert found.norm_ratio > batch - 1
    assert found.cosine < 0.15


def test_the_branch_opens_as_one_over_the_batch() -> None:
    """(1 - cos theta) B^2/(9 pi^2/2): 12 % off at B = 32, 6 % at 64, so a first-order trend."""
    shapes = {}
    for batch in (32, 64, 128):
        start = grouped_gram(batch, 1 - 4.5 * (np.pi / batch) ** 2, (batch - 1.0) ** 2)
        groups = (batch - 1, 1)
        gram = fixed_point(RC_RELU, batch, groups=groups, start=start, unit_trace=True).gram
        shapes[batch] = find_outliers(gram)
    leading = 4.5 * np.pi**2
    off = {b: 1 - float(1 - s.within) * b * b / leading for b, s in shapes.items()}
    assert off[32] == pytest.approx(0.12, abs=0.005)
    assert off[64] == pytest.approx(0.06, abs=0.005)
    assert off[32] / off[64] == pytest.approx(2.0, abs=0.1)
    assert off[64] / off[128] == pytest.approx(2.0, abs=0.05)
    for batch, shape in shapes.items():
        cosine = float(shape.cosine) * batch**3 * np.sqrt(2) / leading
        assert 1 - cosine == pytest.approx(off[batch], abs=0.2 * off[batch])
        ratio = (batch - 1) ** 2 - leading
        assert float(shape.norm_ratio) == pytest.approx(ratio, abs=240 / batch)


def test_both_states_are_stable_beyond_the_critical_batch() -> None:
    assert [outlier_branch(RC_RELU, batch) for batch in (4, 5, 6)] == [None] * 3
    assert critical_batch_size(RC_RELU) == 7
    assert critical_batch_size(RC_RELU, largest=6) is None
    for batch in (7, 10, 20):
        symmetric = fixed_point(RC_RELU, batch, unit_trace=True).gram
        assert outlier_branch(RC_RELU, batch).stable
        assert jacobian_spectrum(RC_RELU, symmetric, 1, unit_trace=True)[0] < 1


def test_rates_are_those_at_which_a_disturbance_dies() -> None:
    """120 layers of the map from 1e-3 beside the branch: the ratio of two late layers."""
    found = outlier_branch(RC_RELU, 8)
    gram = found.gram.copy()
    gram[:2, :2] *= 1.001
    off = []
    for _ in range(120):
        gram = arc_cosine(gram)
        gram *= 8 / np.trace(gram)
        off.append(np.linalg.norm(gram - found.gram))
    assert off[-1] / off[-2] == pytest.approx(found.rates[0], abs=1e-3)


def test_recentring_and_relu_make_an_outlier_and_rescaling_prevents_it() -> None:
    """Batch 16, as deep as the slowest need: all networks, and none."""
    sizes = (16, 100, 300, 60)
    made, none = (outlier_share(spec, *sizes, philox(1)) for spec in (RC_RELU, FULL))
    assert made.share >= 0.95
    assert none.share == 0.0
    assert none.low == 0.0
    assert none.high < 0.07


def test_small_batches_seldom_have_one() -> None:
    """B = 5 has no branch: what is seen are excursions of noise."""
    assert outlier_share(RC_RELU, 5, 400, 200, 60, philox(2)).share < 0.2


def test_two_clusters_are_kept_by_networks_of_any_width() -> None:
    """RC and relu: disjoint supports in every neuron, so the overlap is 0 in every network."""
    gram = cluster_gram([5, 3])
    made = simulate(RC_RELU, gram, 20, 5, 10, philox(3)).grams[-1]
    assert np.abs(made[:, :5, 5:]).max() <= 1e-6 * made.max()
    for sizes in ([3, 2, 1], 3):
        with pytest.raises(InputError, match="two clusters"):
            cluster_gram(sizes)


def test_what_makes_no_batch_is_refused() -> None:
    with pytest.raises(InputError, match="batch = 5 with a Gram matrix of 7 inputs"):
        outlier_share(RC_RELU, 5, 10, 3, 4, philox(0), gram=np.eye(7))
    for numbers in ((0.5, -4.0), (np.nan, 4.0), (0.5, 4.0, 2.0)):
        with pytest.raises(InputError, match="make no Gram matrix"):
            grouped_gram(5, *numbers)
