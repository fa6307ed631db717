"""The mean-field map: five methods, each against another or against an independent integral."""

import numpy as np
import pytest
from scipy.integrate import quad

from bnflow import InputError, NumericalFailure, dual_kernel
from bnflow.depth import LayerSpec, cluster_gram, gram_map, mean_field
from bnflow.depth.gram_sampled import sampled_map
from bnflow.depth.gram_symmetric import symmetric_gram
from bnflow.pde.network.activations import activation
from bnflow.pde.network.dual import DualKernel

ROUNDING = 1e-12


def random_gram(batch: int, rng: np.random.Generator) -> np.ndarray:
    h = rng.standard_normal((batch + 2, batch)) * rng.uniform(0.3, 2.0, batch)
    return h.T @ h / (batch + 2)


def within_four_errors(value, mean, error) -> bool:
    """All entries together: they are far from independent, so no entry is judged alone."""
    return bool(np.linalg.norm(value - mean) <= 4 * np.linalg.norm(error))


def test_the_integral_agrees_with_quasi_monte_carlo_in_200_cases() -> None:
    """Every homogeneous activation, RC, eps, biases and variants, drawn by seed.

    The variant "std" needs 8 inputs, so that the sampled mean has a variance.
    """
    leaky = {"kind": "piecewise-linear", "knots": [-1, 0, 1], "values": [-0.1, 0, 1]}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        centre, std = bool(rng.integers(2)), seed % 5 == 4
        spec = LayerSpec(
            ("linear", "relu", "abs", leaky)[seed % 4],
            recenter=centre and not std,
            gamma=rng.uniform(0.5, 2.0),
            eps=float(rng.choice([0.0, 0.3])),
            sigma_w=rng.uniform(0.5, 2.0),
            sigma_b=float(rng.choice([0.0, 0.7])),
            variant="std" if std else "rms",
        )
        gram = random_gram(int(rng.integers(8, 10) if std else rng.integers(2, 7)), rng)
        found = gram_map(spec, gram)
        assert found.method == "integral"
        assert within_four_errors(found.gram, *sampled_map(spec, gram, 256, seed=seed)), seed


@pytest.mark.parametrize("ratio", [1.0, 4.0, 1e4, 1e12])
def test_two_inputs_have_a_closed_form(ratio: float) -> None:
    """E[x^2/(x^2 + r y^2)] = 1/(1 + sqrt r): the arctangent law of a ratio of normals."""
    spec = LayerSpec("linear", recenter=False)
    found = gram_map(spec, np.diag([1.0, ratio])).gram
    share = 1 / (1 + np.sqrt(ratio))
    np.testing.assert_allclose(np.diag(found), [2 * share, 2 * (1 - share)], rtol=ROUNDING)


def test_eps_keeps_the_std_variant_finite_at_two_inputs() -> None:
    """(z1, z2) = (u +- d)/sqrt 2, so E relu(z1)^2/m = E[(1 + d^2)/(d^2 + 2 eps)]/2, d normal."""
    spec = LayerSpec("relu", recenter=False, variant="std", eps=0.1)

    def integrand(d: float) -> float:
        return (1 + d * d) / (d * d + 0.2) * np.exp(-d * d / 2) / np.sqrt(2 * np.pi)

    wanted = 0.5 * quad(integrand, -12, 12, points=[0], epsabs=1e-13)[0]
    np.testing.assert_allclose(np.diag(gram_map(spec, np.eye(2)).gram), wanted, rtol=1e-11)


def test_what_overflows_is_told() -> None:
    spec = LayerSpec("linear", False, False, sigma_w=10.0)
    with pytest.raises(NumericalFailure, match=r"overflows: .* linear makes them larger"):
        mean_field(spec, np.eye(3), 400)


@pytest.mark.parametrize("name", ["relu", "abs"])
def test_one_gaussian_law_is_the_dual_kernel(name: str) -> None:
    """Without RS and at unit variances T is kappa(c), which the other half of the package has."""
    spec = LayerSpec(name, recenter=False, rescale=False)
    for c in (-1.0, -0.4, 0.0, 0.7, 1.0):
        found = gram_map(spec, [[1.0, c], [c, 1.0]]).gram[0, 1]
        assert found == pytest.approx(float(dual_kernel(name, c)), abs=ROUNDING)


@pytest.mark.parametrize("name", ["erf", "sin", "cos", "quadratic", "step", "relu", "linear"])
def test_closed_forms_are_dual_kernels_at_any_variance(name: str) -> None:
    """phi(s z) is the activation of gain s, so E phi(s z) phi(t z') is a kernel of two gains."""
    spec = LayerSpec(name, recenter=False, rescale=False, gamma=1.4)
    s, t, c = 0.8, 1.7, -0.35
    found = gram_map(spec, [[s * s, c * s * t], [c * s * t, t * t]])
    gains = activation(name, 1.4 * s), activation(name, 1.4 * t)
    wanted = float(DualKernel(*gains).value(c))
    assert found.method == "closed"
    assert found.gram[0, 1] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_a_shifted_wave_by_quadrature(name: str) -> None:
    spec = LayerSpec(name, recenter=False, rescale=False, gamma=1.2, beta=0.4)
    phi = {"sin": np.sin, "cos": np.cos}[name]

    def integrand(z: float) -> float:
        return float(phi(1.2 * z + 0.4) ** 2 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    wanted = quad(integrand, -12, 12, epsabs=1e-12)[0]
    assert gram_map(spec, [[1.0]]).gram[0, 0] == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus"])
@pytest.mark.parametrize("c", [-0.9, -0.35, 0.6, 0.99])
def test_the_series_is_the_dual_kernel_at_any_variance(name: str, c: float) -> None:
    """Within the error that it gives; dual kernels are known to 1e-10 or better."""
    spec = LayerSpec(name, recenter=False, rescale=False, gamma=1.4)
    for s, t in ((0.5, 1.2), (2.0, 1.5)):
        found = gram_map(spec, [[s * s, c * s * t], [c * s * t, t * t]])
        gains = activation(name, 1.4 * s), activation(name, 1.4 * t)
        off = found.gram[0, 1] - float(DualKernel(*gains).value(c))
        assert found.method == "series"
        assert abs(off) <= found.standard_error[0, 1] + 1e-12
        assert found.standard_error.max() <= 1e-8 * found.gram.max()


def test_what_the_series_leaves_out_is_known_and_not_all_rounding() -> None:
    """tanh of gain 2.8, nearly parallel: off by more than 1e-10, and within the bound."""
    found = gram_map(LayerSpec("tanh", False, False), [[9.0, 5.94], [5.94, 4.0]])
    off = found.gram[0, 1] - float(
        DualKernel(activation("tanh", 3), activation("tanh", 2)).value(0.99)
    )
    assert 1e-10 < abs(off) <= found.standard_error[0, 1]


def test_a_steep_activation_has_no_series() -> None:
    """Beyond an error of 1e-8; that of tanh of gain 3 is 3e-8 at so small an angle."""
    steep = LayerSpec("tanh", False, False, gamma=3.0)
    assert gram_map(steep, [[1.0, 0.9], [0.9, 1.0]]).method == "series"
    assert gram_map(steep, [[1.0, 0.99], [0.99, 1.0]]).method == "sampled"
    with pytest.raises(InputError, match="does not serve tanh"):
        gram_map(steep, [[1.0, 0.99], [0.99, 1.0]], "series")


def test_the_series_agrees_with_quasi_monte_carlo_after_recentering() -> None:
    """With a shift, and an input that is the mean of the others, so that its rows vanish."""
    spec = LayerSpec("gelu", rescale=False, beta=0.3)
    h = np.random.default_rng(5).standard_normal((6, 4))
    h[:, 3] = h[:, :3].mean(axis=1)
    found = gram_map(spec, h.T @ h / 6)
    assert found.method == "series"
    assert within_four_errors(found.gram, *sampled_map(spec, h.T @ h / 6, 512))


@pytest.mark.parametrize("batch", [2, 3, 4, 5, 16])
@pytest.mark.parametrize("name", ["tanh", "sin", "gelu"])
def test_the_symmetric_rule_agrees_with_quasi_monte_carlo(name: str, batch: int) -> None:
    spec = LayerSpec(name, gamma=1.3, beta=0.2)
    gram = symmetric_gram(batch, 1.0, 0.3)
    found = gram_map(spec, gram)
    assert found.method == "symmetric"
    assert found.standard_error.max() < 1e-12
    assert within_four_errors(found.gram, *sampled_map(spec, gram, 512))


def test_the_symmetric_rule_agrees_with_the_integral_where_phi_is_nearly_linear() -> None:
    """tanh of a small gain k is k z (1 - (k z)^2/3 + ..), with |z|^2 <= B: k^2 off, relatively."""
    k = 1e-4
    small = gram_map(LayerSpec({"kind": "tanh", "gain": k}), symmetric_gram(6, 1.0, 0.3)).gram
    linear = gram_map(LayerSpec("linear"), symmetric_gram(6, 1.0, 0.3)).gram
    np.testing.assert_allclose(small / k**2, linear, atol=6 * k**2)


@pytest.mark.parametrize(("name", "trace"), [("linear", 1.0), ("relu", 0.5), ("abs", 1.0)])
@pytest.mark.parametrize("recenter", [True, False])
def test_rescaling_fixes_the_trace(name: str, trace: float, recenter: bool) -> None:
    """|z|^2 = B, and relu(z)^2 + relu(-z)^2 = z^2: the trace is gamma^2 B, or half of it."""
    spec = LayerSpec(name, recenter=recenter, gamma=1.3)
    for batch in (2, 5, 32):
        found = gram_map(spec, random_gram(batch, np.random.default_rng(batch))).gram
        assert np.trace(found) == pytest.approx(1.69 * trace * batch, rel=ROUNDING)


def test_the_map_is_equivariant_and_keeps_no_scale() -> None:
    gram, order = random_gram(5, np.random.default_rng(1)), [3, 0, 4, 1, 2]
    spec = LayerSpec("relu")
    turned = gram_map(spec, 7.0 * gram[np.ix_(order, order)]).gram
    np.testing.assert_allclose(turned, gram_map(spec, gram).gram[np.ix_(order, order)], rtol=1e-12)


@pytest.mark.parametrize("rescale", [True, False])
def test_two_exact_clusters_are_kept(rescale: bool) -> None:
    """RC makes them antiparallel, ReLU gives disjoint supports: kept whole, or but for a factor."""
    for sizes in ((15, 1), (5, 3)):
        gram = cluster_gram(sizes)
        image = gram_map(LayerSpec("relu", rescale=rescale), gram).gram
        factor = 1.0 if rescale else np.trace(image) / np.trace(gram)
        np.testing.assert_allclose(image, factor * gram, atol=1e-7 * gram.max())


def test_methods_that_do_not_serve_say_so() -> None:
    gram = random_gram(4, np.random.default_rng(2))
    for spec, method in (
        (LayerSpec("tanh"), "integral"),
        (LayerSpec("relu"), "closed"),
        (LayerSpec("tanh"), "symmetric"),
    ):
        with pytest.raises(InputError, match="does not serve"):
            gram_map(spec, gram, method)
    with pytest.raises(InputError, match="did you mean sampled"):
        gram_map(LayerSpec(), gram, "sample")
    with pytest.raises(InputError, match="mean is infinite"):
        gram_map(LayerSpec("linear", recenter=False, variant="std"), gram[:3, :3])


def test_sampling_depends_on_its_seed_alone() -> None:
    gram = random_gram(4, np.random.default_rng(3))
    one, two, other = (gram_map(LayerSpec("tanh"), gram, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.gram, two.gram)
    assert (one.gram != other.gram).any()
    assert within_four_errors(one.gram, other.gram, np.hypot(one.standard_error, 1e-12))


def test_the_mean_field_is_the_map_again_and_again() -> None:
    spec, gram = LayerSpec("relu", recenter=False), random_gram(4, np.random.default_rng(4))
    path = mean_field(spec, gram, 3, depths=[1, 3])
    by_hand = gram_map(spec, gram_map(spec, gram_map(spec, gram).gram).gram).gram
    np.testing.assert_array_equal(path.depths, [1, 3])
    np.testing.assert_allclose(path.grams[1], by_hand, rtol=1e-12)


def test_directions_are_kept_at_the_trace_of_the_identity() -> None:
    plain = LayerSpec("relu", rescale=False)
    path = mean_field(plain, random_gram(5, np.random.default_rng(6)), 50, unit_trace=True)
    np.testing.assert_allclose(np.trace(path.grams, axis1=1, axis2=2), 5.0)
    with pytest.raises(InputError, match="changes the network"):
        mean_field(LayerSpec("tanh"), np.eye(3), 2, unit_trace=True)
    with pytest.raises(InputError, match=r"must be layers in 0 \.\. 2"):
        mean_field(plain, np.eye(3), 2, depths=[3])
