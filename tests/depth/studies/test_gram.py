"""The studies of Gram matrices at small sizes: they hold, and each verdict can fail."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from bnflow.depth import LayerSpec, fixed_point
from bnflow.depth.studies.gram_depth import kept, lipschitz
from bnflow.depth.studies.gram_gradient import gradient_growth
from bnflow.depth.studies.gram_mixing import observed_rate
from bnflow.depth.studies.layers import layer
from bnflow.depth.studies.registry import STUDIES
from bnflow.depth.studies.settings import settings_of
from bnflow.depth.studies.study import Piece, Verdict
from bnflow.io.study import run_study
from bnflow.kernels.errors import InputError

SMALL: dict[str, dict[str, Any]] = {
    "gram-width": {
        "activations": ["linear"],
        "widths": [64, 256],
        "depths": [5, 30],
        "batch": 4,
        "nets": 300,
    },
    "gram-depth": {
        "activations": ["linear"],
        "plain": ["linear"],
        "widths": [128],
        "depth": 200,
        "batch": 4,
        "nets": 200,
    },
    "gram-mixing": {
        "batch": 4,
        "layers": 40,
        "width": 256,
        "nets": 50,
        "chains": 40,
        "depth": 200,
    },
    "gram-gradient": {
        "activations": ["linear"],
        "plain": ["linear"],
        "width": 256,
        "depth": 14,
        "batch": 8,
        "nets": 40,
    },
    "gram-evolution": {"activations": ["linear"], "layers": [0, 5, 300], "width": 64, "nets": 100},
}


@cache
def computed(name: str) -> tuple[dict[str, Any], dict[str, Piece]]:
    study = STUDIES[name]
    settings = settings_of(study, True, SMALL[name])
    return settings, {piece: study.compute(piece, settings) for piece in study.pieces(settings)}


def planted(name: str, piece: str, array: str, change: Callable[[Any], Any]) -> Verdict:
    """The verdict on what was computed, one array of it changed."""
    settings, pieces = computed(name)
    old = pieces[piece][array]
    new = replace(old, values=change(old.values))
    return STUDIES[name].judge(settings, {**pieces, piece: {**pieces[piece], array: new}})


def shallow(error: np.ndarray) -> np.ndarray:
    """Errors (2, nets) that shrink to a hundredth from the first depth to the second."""
    return error * np.array([[1.0], [0.01]])


@pytest.mark.parametrize("name", SMALL)
def test_the_claim_holds_at_small_sizes(name: str) -> None:
    settings, pieces = computed(name)
    verdict = STUDIES[name].judge(settings, pieces)
    assert verdict.findings
    wrong = [str(finding) for finding in verdict.findings if finding.status == "fails"]
    assert not wrong
    held = sum(finding.status == "holds" for finding in verdict.findings)
    assert 2 * held >= len(verdict.findings)  # the rest may be open at so small a size


@pytest.mark.parametrize(
    ("name", "piece", "array", "change", "told"),
    [
        ("gram-width", "linear-bn-256", "error", lambda e: 2.0 * e, "slope in width, linear, BN"),
        ("gram-width", "linear-plain-256", "error", lambda e: 0.1 * e, "no BN, depth 30"),
        ("gram-width", "linear-plain-256", "error", shallow, "at depth 30 / at 5, linear, no"),
        ("gram-depth", "linear-bn-128", "error", lambda e: 1.1 * e, "plateau over tr Sigma"),
        ("gram-depth", "linear-bn-theory", "bound", lambda b: 0.1 * b, "over the bound"),
        ("gram-depth", "linear-plain-128", "error", np.ones_like, "last depth over depth 10"),
        ("gram-mixing", "linear-bn-ideal", "rate", lambda r: 0.95 * r, "over kappa"),
        ("gram-mixing", "relu-bn-ideal", "correlation", lambda c: c + 0.1, "lag 4, relu"),
        ("gram-gradient", "linear-bn", "growth", lambda g: g * 7 / 6, "growth a layer"),
        ("gram-evolution", "linear-bn", "square", lambda s: 2.0 * s, "distance from G*"),
        ("gram-evolution", "linear-plain", "rank", lambda r: r + 3.0, "effective rank"),
    ],
)
def test_a_planted_error_fails(
    name: str, piece: str, array: str, change: Callable[[Any], Any], told: str
) -> None:
    verdict = planted(name, piece, array, change)
    assert verdict.status == "fails"
    failed = [finding.quantity for finding in verdict.findings if finding.status == "fails"]
    assert any(told in quantity for quantity in failed)


def test_one_depth_decides_nothing_about_growth() -> None:
    """The ratio of an error to itself is 1, which is no growth and no plateau either."""
    settings, found = computed("gram-width")
    at_5 = {
        piece: {"error": replace(arrays["error"], values=arrays["error"].values[:1])}
        for piece, arrays in found.items()
    }
    verdict = STUDIES["gram-width"].judge({**settings, "depths": [5]}, at_5)
    grown = [finding for finding in verdict.findings if "at depth 5 / at 5" in finding.quantity]
    assert [finding.status for finding in grown] == 2 * ["not decided"]


def test_an_error_that_jumps_late_is_no_plateau() -> None:
    verdict = planted(
        "gram-depth",
        "linear-bn-128",
        "error",
        lambda e: e * np.where(np.arange(len(e)) > 0.75 * len(e), 1.3, 1.0)[:, None],
    )
    failed = [finding.quantity for finding in verdict.findings if finding.status == "fails"]
    assert any("late over early" in quantity for quantity in failed)


@pytest.mark.parametrize(("phi", "beta"), [("tanh", 0.0), ("sin", 0.3)])
def test_gradient_growth_is_that_of_differences(phi: str, beta: float) -> None:
    """E tr[M^T P M] of M = dh/dz by central differences, z ~ N(0, S); 4 standard errors."""
    spec, batch = LayerSpec(phi, beta=beta), 10
    gram, step = fixed_point(spec, batch).gram, 1e-6
    rng = np.random.default_rng(4)
    z = rng.multivariate_normal(np.zeros(batch), spec.covariance(gram), 4000, method="eigh")
    shifts = step * np.eye(batch)[:, None, :]
    m = (spec.rows(z + shifts) - spec.rows(z - shifts)) / (2 * step)  # (input, N, output)
    m = m - m.mean(axis=2, keepdims=True)  # P on what comes from above
    traces = spec.sigma_w**2 * (m**2).sum(axis=(0, 2)) / (batch - 1)
    error = traces.std() / np.sqrt(len(traces))
    assert gradient_growth(spec, batch)[0] == pytest.approx(traces.mean(), abs=4 * error)
    assert error < 0.02 * traces.mean()  # so that the comparison says something


def test_gradient_growth_needs_four_inputs() -> None:
    with pytest.raises(InputError, match="batch = 3: gradients of BN"):
        gradient_growth(LayerSpec("linear"), 3)


@pytest.mark.parametrize(("phi", "square"), [("linear", 1.0), ("relu", 2.0), ("tanh", 1.0)])
def test_layers_without_bn_keep_small_inputs(phi: str, square: float) -> None:
    """sigma_w^2 E phi(z)^2 = E z^2 as the variance of z goes to 0."""
    spec = layer(phi, False)
    assert spec.sigma_w**2 == pytest.approx(square, rel=1e-12)
    z = 1e-4 * np.random.default_rng(0).standard_normal(200000)
    ratio = spec.sigma_w**2 * np.mean(spec.phi.value(z) ** 2) / np.mean(z**2)
    assert ratio == pytest.approx(1.0, abs=0.02)


def test_the_constant_of_a_contraction_is_one() -> None:
    """A linear layer without BN moves nothing: against rate 1 no pair grows or shrinks."""
    rng = np.random.default_rng(0)
    assert lipschitz(layer("linear", False), 4, 64, 1.0, rng) == pytest.approx(1.0, abs=1e-12)


def test_the_rate_of_a_path_is_its_slope() -> None:
    assert observed_rate(0.7 ** np.arange(80)) == pytest.approx(0.7, rel=1e-9)
    assert np.isnan(observed_rate(np.ones(80)))


def test_kept_layers_reach_the_last() -> None:
    found = kept(10_000)
    assert (found[0], found[-1]) == (1, 10_000)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("gram-width", {"depths": [0, 10]}, "depths = [0, 10] must be >= 1"),
        ("gram-width", {"widths": [64]}, "widths = [64]: a slope needs two"),
        ("gram-width", {"nets": 1}, "nets = 1 must be >= 8"),
        ("gram-depth", {"depth": 5}, "depth = 5 must be >= 100"),
        ("gram-gradient", {"batch": 3}, "batch = 3 must be >= 4"),
        ("gram-mixing", {"batch": 2}, "batch = 2 must be >= 3"),
        ("gram-evolution", {"width": 0}, "width = 0 must be >= 1"),
        ("gram-evolution", {"layers": [0]}, "layers = 0 must be >= 1"),
        ("gram-width", {"activations": ["rleu"]}, "did you mean"),
    ],
)
def test_sizes_without_a_meaning_are_one_line(name: str, change: dict[str, Any], told: str) -> None:
    study = STUDIES[name]
    with pytest.raises(InputError) as error:
        run_study(study, settings_of(study, True, change), None)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
