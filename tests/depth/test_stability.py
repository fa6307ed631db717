"""Derivatives of the map and rates of mixing."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import (
    LayerSpec,
    cluster_gram,
    fixed_point,
    gram_map,
    jacobian,
    jacobian_spectrum,
)
from bnflow.depth.gram_symmetric import symmetric_gram
from bnflow.depth.stability import DENSE, _sampled_jacobians, patterns, spectrum_of

STEP = 1e-5  # of central differences, which err by STEP^2 of the third derivative and 1e-16/STEP


def random_gram(batch: int, seed: int = 0) -> np.ndarray:
    h = np.random.default_rng(seed).standard_normal((batch + 4, batch))
    return h.T @ h / (batch + 4)


@pytest.mark.parametrize("batch", [3, 4, 8, 20])
def test_rates_of_linear_layers(batch: int) -> None:
    """RS: B/(B + 2) at I; RC and RS: the same in B - 1 dimensions."""
    alone, full = LayerSpec("linear", recenter=False), LayerSpec("linear")
    first = jacobian_spectrum(alone, np.eye(batch), 1)[0]
    assert first == pytest.approx(batch / (batch + 2), abs=1e-8)
    simplex = symmetric_gram(batch, 1.0, -1 / (batch - 1))
    second = jacobian_spectrum(full, simplex, 1)[0]
    assert second == pytest.approx((batch - 1) / (batch + 1), abs=1e-8)


@pytest.mark.parametrize("name", ["linear", "relu", "abs"])
@pytest.mark.parametrize("recenter", [True, False])
@pytest.mark.parametrize("rescale", [True, False])
def test_the_derivative_is_that_of_the_map(name: str, recenter: bool, rescale: bool) -> None:
    spec = LayerSpec(name, recenter, rescale, 0.7, eps=0.1, sigma_w=1.2, sigma_b=0.5)
    gram, e = random_gram(5), random_gram(5, seed=1)
    up, down = (gram_map(spec, gram + sign * STEP * e).gram for sign in (1, -1))
    found = jacobian(spec, gram).matrix @ e.ravel()
    np.testing.assert_allclose(found, ((up - down) / (2 * STEP)).ravel(), atol=1e-8)


def test_the_derivative_of_the_std_variant_and_of_directions() -> None:
    e, gram = random_gram(6, seed=1), random_gram(6)
    std = LayerSpec("relu", recenter=False, variant="std")
    up, down = (gram_map(std, gram + sign * STEP * e).gram for sign in (1, -1))
    found = jacobian(std, gram).matrix @ e.ravel()
    np.testing.assert_allclose(found, ((up - down) / (2 * STEP)).ravel(), atol=1e-8)
    plain = LayerSpec("relu", rescale=False)
    up, down = (gram_map(plain, gram + sign * STEP * e).gram for sign in (1, -1))
    direction = (6 * up / np.trace(up) - 6 * down / np.trace(down)) / (2 * STEP)
    found = jacobian(plain, gram, unit_trace=True).matrix @ e.ravel()
    np.testing.assert_allclose(found, direction.ravel(), atol=1e-8)


@pytest.mark.parametrize("name", ["linear", "relu"])
def test_rows_of_one_dimension_have_no_derivative(name: str) -> None:
    """One input with RS, or two with RC too: h depends on the sign of a row alone, so J = 0."""
    assert np.abs(jacobian(LayerSpec(name, recenter=False), [[2.0]]).matrix).max() < 1e-12
    assert np.abs(jacobian(LayerSpec(name), np.diag([1.0, 3.0])).matrix).max() < 1e-12


@pytest.mark.parametrize("variant", ["rms", "std"])
def test_the_derivative_within_the_range_of_rows_that_lack_some(variant: str) -> None:
    """Rank 3 and 5 of 6: differences along matrices of the same range."""
    for rank in (3, 5):
        h, e = np.random.default_rng(rank).standard_normal((rank, 6)), random_gram(rank)
        spec, gram, along = LayerSpec("relu", False, variant=variant), h.T @ h, h.T @ e @ h
        up, down = (gram_map(spec, gram + s * STEP * along).gram for s in (1, -1))
        found = jacobian(spec, gram).matrix @ along.ravel()
        np.testing.assert_allclose(found, ((up - down) / (2 * STEP)).ravel(), atol=1e-8)


def test_where_the_derivative_is_infinite_it_is_told() -> None:
    """The indicative model has rank one after RC, and is violently unstable with RS."""
    with pytest.raises(InputError, match="derivative is infinite: rows have rank 1"):
        jacobian_spectrum(LayerSpec("relu"), cluster_gram([15, 1]))
    with pytest.raises(InputError, match="rows have rank 2"):
        jacobian_spectrum(LayerSpec("relu", recenter=False), cluster_gram([15, 1]))
    softened = jacobian_spectrum(LayerSpec("relu", eps=1e-3), cluster_gram([15, 1]), 1)[0]
    assert 1 < softened < np.inf


@pytest.mark.parametrize("recenter", [True, False])
def test_the_score_gives_the_same_derivative(recenter: bool) -> None:
    """Sampled J against the exact one, all entries together, within 4 standard errors."""
    spec, gram = LayerSpec("relu", recenter), random_gram(4)
    replicates = _sampled_jacobians(spec, gram, 2048)
    error = replicates.std(axis=0, ddof=1) / np.sqrt(len(replicates))
    off = replicates.mean(axis=0) - jacobian(spec, gram).matrix
    assert np.linalg.norm(off) <= 4 * np.linalg.norm(error)


@pytest.mark.parametrize("name", ["tanh", "sin"])
def test_sampled_rates_are_those_at_which_the_map_contracts(name: str) -> None:
    """G* plus a small E of one input: RC and RS with phi of no degree, by differences of QMC maps.

    The same points serve both sides, so the differences are smooth; 2 % covers the sampling.
    """
    spec, batch = LayerSpec(name), 5
    fixed = fixed_point(spec, batch).gram
    e = np.zeros((batch, batch))
    e[0, 2] = e[2, 0] = e[1, 3] = e[3, 1] = 1.0
    e[0, 3] = e[3, 0] = e[1, 2] = e[2, 1] = -1.0
    up, down = (gram_map(spec, fixed + s * 1e-3 * e, "sampled", points=4096).gram for s in (1, -1))
    rate = float(np.sum((up - down) * e) / (2e-3 * np.sum(e * e)))
    found = jacobian_spectrum(spec, fixed, 10, points=4096)
    assert np.abs(found - rate).min() <= 0.02 * rate


def test_index_patterns_are_the_set_partitions() -> None:
    """Four indices are equal in Bell(4) = 15 ways, of which B = 2 and 3 inputs allow 8 and 14."""
    assert [len(np.unique(patterns(batch))) for batch in (2, 3, 4, 6)] == [8, 14, 15, 15]


def test_larger_batches_have_their_rates_by_another_method() -> None:
    """Arnoldi's, beyond `DENSE`, against all eigenvalues of the same matrix."""
    spec = LayerSpec("relu")
    matrix = jacobian(spec, random_gram(DENSE + 1)).matrix
    everything = np.sort(np.abs(np.linalg.eigvals(matrix)))[::-1]
    np.testing.assert_allclose(spectrum_of(matrix, 4), everything[:4], atol=1e-9)


def test_batches_beyond_the_memory_are_refused() -> None:
    with pytest.raises(InputError, match=r"a derivative of 6\.7 GB; give 32 inputs at most"):
        jacobian(LayerSpec("tanh"), np.eye(170))
    with pytest.raises(InputError, match="rates = -1 must be an integer >= 1"):
        jacobian_spectrum(LayerSpec(), np.eye(4), -1)
