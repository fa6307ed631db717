"""Finite width: the chain is the network in law, errors fall as n^(-1/2), and runs repeat."""

import time

import numpy as np
import pytest
from scipy.stats import ks_2samp, norm

from bnflow import InputError, NumericalFailure
from bnflow.depth import (
    LayerSpec,
    ensemble,
    gram_map,
    linear_error,
    mean_field,
    one_input_error,
    orthogonality_gap,
    simulate,
)
from bnflow.kernels import registry


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def random_gram(batch: int, seed: int = 0) -> np.ndarray:
    h = np.random.default_rng(seed).standard_normal((batch + 4, batch))
    return h.T @ h / (batch + 4)


CASES = {
    "full": LayerSpec("relu"),
    "biases": LayerSpec("tanh", recenter=False, sigma_w=1.3, sigma_b=0.5, gamma=0.7, beta=0.2),
    "centred": LayerSpec("sin", rescale=False),
    "std": LayerSpec("relu", recenter=False, variant="std", eps=0.1),
    "plain": LayerSpec("linear", False, False),
    "wishart": LayerSpec("linear", rescale=False, gamma=0.8, sigma_w=1.4),
}


@pytest.mark.parametrize("name", CASES)
def test_chain_and_weights_agree_in_law(name: str) -> None:
    """First and second moments within 4 standard errors; Kolmogorov-Smirnov on three entries."""
    spec, gram, nets = CASES[name], random_gram(4), 1500
    made = [
        simulate(spec, gram, 16, 4, nets, philox(seed), depths=[1, 4], method=method).grams
        for seed, method in ((1, "chain"), (2, "direct"))
    ]
    for power in (1, 2):
        chain, direct = (each**power for each in made)
        error = np.sqrt((chain.var(axis=1) + direct.var(axis=1)) / nets)
        off = np.abs(chain.mean(axis=1) - direct.mean(axis=1))
        assert (off <= 4 * error + 1e-12).all()
    for i, j in ((0, 0), (0, 1), (2, 3)):
        for layer in (0, 1):
            p = ks_2samp(made[0][layer, :, i, j], made[1][layer, :, i, j]).pvalue
            assert p > 1e-3  # 36 of these tests: 4 % of all seeds fail


def test_one_layer_has_the_mean_of_the_map() -> None:
    spec, gram = LayerSpec("relu"), random_gram(5)
    found = simulate(spec, gram, 40, 1, 2000, philox(0)).grams[1]
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - gram_map(spec, gram).gram) <= 4 * error).all()


NAMES = ("linear", "relu", "tanh", "sin")
SINGLE, JOINT = norm.isf(0.025), norm.isf(0.025 / 20)  # 95 % of one, and of all 20 here together


def slope(spec: LayerSpec, gram, widths, nets, depths, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Of log mean error against log width at each depth, and its standard error.

    Weights are the same at all widths, since the error's relative spread is. Over 30 seeds
    (slope + 1/2)/standard error had the mean 0.0 and the spread 1.1 with batch normalization.
    """
    reference = mean_field(spec, gram, depths[-1], depths=depths).grams
    logs, errors = [], []
    for width in widths:
        rng = philox(1000 * seed + width)
        e = simulate(spec, gram, width, depths[-1], nets, rng, depths=depths).errors(reference)
        logs.append(np.log(e.mean(axis=1)))
        errors.append(e.std(axis=1) / e.mean(axis=1) / np.sqrt(nets))
    x = np.log(widths) - np.mean(np.log(widths))
    found = x @ np.array(logs) / (x @ x)
    return found, np.sqrt(np.mean(np.square(errors), axis=0) / (x @ x))


def assert_minus_a_half(found: np.ndarray, error: np.ndarray) -> None:
    """Intervals narrower than +-0.06 that hold -1/2, and no trend from the first to the last."""
    assert (SINGLE * error < 0.06).all()
    assert (np.abs(found + 0.5) <= JOINT * error).all()
    assert abs(found[-1] - found[0]) <= JOINT * np.hypot(error[0], error[-1])


@pytest.mark.parametrize("name", NAMES)
def test_with_batch_normalization_errors_fall_as_the_root_of_width(name: str) -> None:
    widths, seed = [32, 64, 128, 256], NAMES.index(name)
    assert_minus_a_half(*slope(LayerSpec(name), np.eye(4), widths, 80, [10, 100], seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_and_so_they_do_a_thousand_layers_down(name: str) -> None:
    widths, seed = [64, 128, 256, 512], NAMES.index(name)
    assert_minus_a_half(*slope(LayerSpec(name), np.eye(6), widths, 80, [10, 100, 1000], seed))


def test_without_it_linear_errors_follow_the_exact_law() -> None:
    """Within 4 standard errors, at depths where the mean is not yet made by few networks."""
    spec, gram, n, depths = CASES["plain"], random_gram(3), 40, [1, 5, 20]
    made = simulate(spec, gram, n, 20, 4000, philox(4), depths=depths)
    squares = made.errors(gram) ** 2
    error = squares.std(axis=1) / np.sqrt(squares.shape[1])
    off = squares.mean(axis=1) - linear_error(spec, gram, n, depths)
    assert (np.abs(off) <= 4 * error).all()


def test_narrow_linear_networks_have_no_bartlett_triangle() -> None:
    """Width 2 at a batch of 3: the rank is 2, and the exact law holds all the same."""
    made = simulate(CASES["plain"], random_gram(3), 2, 1, 20_000, philox(6), depths=[1])
    assert (np.linalg.eigvalsh(made.grams[0])[:, 0] < 1e-12).all()
    squares = made.errors(random_gram(3))[0] ** 2
    off = squares.mean() - linear_error(CASES["plain"], random_gram(3), 2, [1])[0]
    assert abs(off) <= 4 * squares.std() / np.sqrt(squares.size)


def test_without_it_one_relu_input_follows_the_exact_law() -> None:
    spec, n, depths = LayerSpec("relu", False, False, sigma_w=np.sqrt(2)), 50, [1, 4, 10]
    made = simulate(spec, [[1.0]], n, 10, 8000, philox(5), depths=depths)
    squares = made.errors([[1.0]]) ** 2
    error = squares.std(axis=1) / np.sqrt(squares.shape[1])
    off = squares.mean(axis=1) - one_input_error(spec, n, depths)
    assert (np.abs(off) <= 4 * error).all()


def test_without_it_the_slope_is_lost_in_depth() -> None:
    """At depth 5 the widths 16 .. 128 are near -1/2; at 200 the error hardly falls.

    RS off, relu, sigma_w^2 = 2: mean field is the map of one Gaussian law, at every depth.
    """
    spec = LayerSpec("relu", False, False, sigma_w=np.sqrt(2))
    found, error = slope(spec, random_gram(3), [16, 32, 64, 128], 200, [5, 200])
    assert found[0] < -0.4
    assert found[1] > found[0] + SINGLE * error[0]
    assert found[1] > -0.35


def test_directions_follow_the_network_whose_trace_is_divided_out() -> None:
    """The same stream, scaled at every layer or at the end: one direction."""
    spec, gram = LayerSpec("relu", rescale=False), random_gram(4)
    free = simulate(spec, gram, 50, 6, 3, philox(1)).grams[-1]
    scaled = simulate(spec, gram, 50, 6, 3, philox(1), unit_trace=True).grams[-1]
    trace = np.trace(free, axis1=1, axis2=2)[:, None, None]
    np.testing.assert_allclose(scaled, 4 * free / trace, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["chain", "direct"])
def test_a_result_depends_on_the_seed_and_not_on_workers(method) -> None:
    def made(workers: int, seed: int) -> np.ndarray:
        sizes = (300, 3, 20)
        return simulate(
            LayerSpec(), np.eye(4), *sizes, philox(seed), method=method, workers=workers
        ).grams

    np.testing.assert_array_equal(made(1, 0), made(3, 0))
    assert (made(1, 0) != made(1, 1))[1:].any()


def test_a_second_call_gives_other_networks() -> None:
    rng = philox(0)
    one, two = (simulate(LayerSpec(), np.eye(4), 50, 1, 2, rng).grams[1] for _ in range(2))
    assert (one != two).any()


def test_progress_is_told_block_by_block() -> None:
    seen: list[tuple[int, int]] = []
    simulate(LayerSpec(), np.eye(16), 1024, 2, 3, philox(0), progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_progress_that_raises_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def keep(*_: object) -> None:
        begun.append(1)
        time.sleep(1e-3)  # longer than a block takes to be handed out

    monkeypatch.setattr(ensemble, "_keep", keep)

    def stopped(*_: int) -> None:
        raise KeyboardInterrupt

    blocks = 2000
    with pytest.raises(KeyboardInterrupt):
        simulate(LayerSpec(), np.eye(16), 1024, 1, blocks, philox(0), depths=[1], progress=stopped)
    assert len(begun) < blocks


def test_collapsed_networks_go_on() -> None:
    """Plain relu: all inputs on one line, a Gram matrix of rank one but for rounding."""
    spec = LayerSpec("relu", False, False)
    made = simulate(spec, np.eye(3), 20, 400, 5, philox(2), depths=[400], unit_trace=True)
    assert (np.linalg.eigvalsh(made.grams[0])[:, :2] < 1e-3).all()


def test_a_dead_network_is_told() -> None:
    """One neuron of relu is negative on every input at once, and then RS divides 0 by 0.

    It is in the second layer that it does. Layers that are not kept are looked at too, since roots
    of what is not finite fail in words of their own.
    """
    for batch in (1, 3):
        gram = np.eye(batch)
        with pytest.raises(NumericalFailure, match="vanished or overflowed in layer 2"):
            simulate(LayerSpec("relu", recenter=False), gram, 1, 9, 50, philox(0), depths=[9])
    quadratic = LayerSpec("quadratic", False, False)
    with pytest.raises(NumericalFailure, match="vanished or overflowed in layer"):
        simulate(quadratic, np.eye(3), 10, 60, 20, philox(0), depths=[60])
    growing = LayerSpec("softplus", False, False, sigma_w=8.0)  # S overflows a layer before G
    with pytest.raises(NumericalFailure, match="vanished or overflowed in layer"):
        simulate(growing, np.eye(4), 10, 700, 2, philox(0), depths=[700])


def test_errors_are_frobenius_norms() -> None:
    made = simulate(LayerSpec(), np.eye(3), 10, 2, 4, philox(0))
    by_hand = np.sqrt(((made.grams - np.eye(3)) ** 2).sum(axis=(2, 3)))
    np.testing.assert_allclose(made.errors(np.eye(3)), by_hand)
    np.testing.assert_allclose(made.relative_errors(np.eye(3)), by_hand / np.sqrt(3))
    np.testing.assert_allclose(made.errors(made.grams[:, 0])[:, 0], 0.0)


def test_the_orthogonality_gap_knows_no_scale() -> None:
    """diag(1, 3) is diag(1/4, 3/4) of trace one: sqrt(2) / 4 from I/2."""
    assert orthogonality_gap(np.diag([2.0, 6.0])) == pytest.approx(np.sqrt(2) / 4)


def test_too_much_to_keep_is_refused() -> None:
    with pytest.raises(InputError, match="give fewer depths"):
        simulate(LayerSpec(), np.eye(64), 10, 10_000, 1000, philox(0))
    with pytest.raises(InputError, match='"fast" must be chain or direct; give chain'):
        simulate(LayerSpec(), np.eye(4), 10, 1, 1, philox(0), method="fast")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"rng": 0}, "rng = 0 must be a generator; give np.random.default_rng"),
        ({"depths": [1.5]}, r"depths = \[1.5\] must be layers in 0 .. 2; give depths = \[2\]"),
        ({"depths": [3]}, r"depths = \[3\] must be"),
        ({"depths": "all"}, 'depths = "all" must be'),
        ({"workers": 0}, "workers = 0 must be"),
        ({"backend": "gpu"}, 'backend = "gpu" must be auto, numpy or cuda'),
        ({"backend": "cuda"}, 'backend = "cuda": CuPy finds no GPU; use "numpy"'),
        ({"backend": "cuda", "method": "direct"}, 'with backend = "cuda": weight matrices are'),
    ],
)
def test_bad_input_is_one_line(more: dict, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "probe_cuda", lambda: (False, "CuPy finds no GPU"))
    given = {"rng": philox(0)} | more
    with pytest.raises(InputError, match=words) as caught:
        simulate(LayerSpec(), np.eye(3), 10, 2, 2, given.pop("rng"), **given)
    assert "\n" not in str(caught.value)


def test_references_have_the_shape_of_what_they_stand_beside() -> None:
    made = simulate(LayerSpec(), np.eye(3), 10, 2, 4, philox(0))
    for reference in (np.eye(4), np.zeros((2, 3, 3)), np.eye(3)[0]):
        with pytest.raises(InputError, match="shape"):
            made.errors(reference)
