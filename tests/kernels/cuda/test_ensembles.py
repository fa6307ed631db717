"""Ensembles of deep networks on a device: the numbers are drawn by the host, so the networks are
NumPy's, but for rounding. Arrays are those of device_arrays.py, which refuse to be NumPy's.
"""

from typing import Any

import numpy as np
import pytest

from bnflow.depth import LayerSpec, ablate, chain, ensemble, outlier_share, simulate
from bnflow.kernels import select
from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.errors import InputError
from bnflow.kernels.reference import roots
from bnflow.kernels.reference.activations import REMAINDERS
from bnflow.pde.network.activations import ACTIVATIONS

START = np.eye(5) + 0.3


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(3))


@pytest.fixture
def on(on_device: CudaKernels, monkeypatch: pytest.MonkeyPatch) -> CudaKernels:
    """`backend = "cuda"` is the device; three blocks of networks fill it."""
    there = lambda name: on_device if name == "cuda" else select(name)  # noqa: E731
    monkeypatch.setattr(ensemble, "select", there)
    monkeypatch.setattr(type(on_device), "chunk", 3 * ensemble.BLOCK)
    return on_device


BENT = {"kind": "piecewise-linear", "knots": [-1.0, 0.5, 1.0], "values": [0.0, 0.3, 1.0]}
SPECS = {
    **{name: LayerSpec(name, gamma=0.8, beta=0.1) for name in ACTIVATIONS},
    "bent": LayerSpec(BENT),
    "biases": LayerSpec("tanh", recenter=False, sigma_w=1.3, sigma_b=0.5),
    "centred": LayerSpec("sin", rescale=False),
    "std": LayerSpec("relu", recenter=False, variant="std", eps=0.1),
    "wishart": LayerSpec("linear", rescale=False),
}


@pytest.mark.parametrize("name", SPECS)
def test_networks_on_a_device_are_those_of_numpy(name: str, on: CudaKernels) -> None:
    """8 layers add rounding of some ulp of the largest entry, and pass it on without growth."""
    found = [
        simulate(
            SPECS[name], START, 40, 8, 250, rng(), depths=[0, 3, 8], workers=2, backend=backend
        )
        for backend in ("numpy", "cuda")
    ]
    assert type(found[1].grams) is np.ndarray
    size = np.abs(found[0].grams).max(axis=(2, 3), keepdims=True)
    assert (np.abs(found[1].grams - found[0].grams) <= 1e-12 * size).all()


def test_singular_matrices_have_the_same_symmetric_root(on: CudaKernels) -> None:
    """Two inputs that are alike, of which no layer tells one from the other."""
    start, spec = np.ones((3, 3)) + np.diag([0.0, 0.0, 1.0]), LayerSpec("relu", recenter=False)
    wanted, got = (
        simulate(spec, start, 30, 5, 40, rng(), backend=backend).grams
        for backend in ("numpy", "cuda")
    )
    assert np.abs(got[:, :, 0, 1] - got[:, :, 0, 0]).max() < 1e-14
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_collapsed_networks_go_on(on: CudaKernels) -> None:
    """Plain relu ends at rank one, where rounding decides which root is taken."""
    spec = LayerSpec("relu", False, False)
    made = simulate(
        spec, np.eye(3), 20, 300, 5, rng(), depths=[300], unit_trace=True, backend="cuda"
    )
    assert (np.linalg.eigvalsh(made.grams[0])[:, :2] < 1e-3).all()
    assert made.grams[0].trace(axis1=1, axis2=2) == pytest.approx(3.0, rel=1e-12)


def test_a_device_says_which_matrices_have_a_root(on_device: CudaKernels) -> None:
    """Regular, singular, not definite, not finite, and one whose last pivot is rounding."""
    low = np.diag([1.0, 1.0, 0.0]) + 1e-14 * np.eye(3)
    made = np.array([np.eye(3) + 1, np.ones((3, 3)), np.diag([1.0, -1.0, 1.0]), np.eye(3), low])
    made[3, 0, 0] = np.nan
    wanted, regular = roots.cholesky(made)
    got, there = (on_device.host(x) for x in on_device.cholesky(on_device.array(made)))
    assert regular.tolist() == there.tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-15)


def test_a_device_takes_many_blocks_at_once(on: CudaKernels, monkeypatch: Any) -> None:
    """81 networks at 81 a block: 250 are 4 blocks, three and one."""
    steps: list[int] = []
    step = chain.Layer.step

    def counted(self: chain.Layer, grams: Any, numbers: Any) -> Any:
        steps.append(len(numbers))
        return step(self, grams, numbers)

    monkeypatch.setattr(chain.Layer, "step", counted)
    seen: list[tuple[int, int]] = []
    told = lambda *at: seen.append(at)  # noqa: E731
    simulate(LayerSpec(), START, 40, 1, 250, rng(), backend="cuda", progress=told)
    assert steps == [243, 7]
    assert seen == [(1, 2), (2, 2)]


def test_a_network_that_fills_the_device_goes_alone(on: CudaKernels, monkeypatch: Any) -> None:
    """5000 rows of 5 numbers are more than a block, and two of them more than a chunk of three."""
    monkeypatch.setattr(type(on), "chunk", 3 * 2**14)
    seen: list[tuple[int, int]] = []
    told = lambda *at: seen.append(at)  # noqa: E731
    simulate(LayerSpec(), START, 5000, 1, 2, rng(), backend="cuda", progress=told)
    assert seen == [(1, 2), (2, 2)]


def test_python_functions_and_weights_stay_on_numpy(on: CudaKernels) -> None:
    from bnflow.pde.network.custom import custom_activation

    own = LayerSpec(custom_activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2))
    with pytest.raises(InputError, match=r'a Python function, which .* give backend = "numpy"'):
        simulate(own, START, 20, 1, 2, rng(), backend="cuda")
    with pytest.raises(InputError, match=r'"direct" with backend = "cuda".* give method = "chain"'):
        simulate(LayerSpec(), START, 20, 1, 2, rng(), method="direct", backend="cuda")


def test_what_is_made_of_ensembles_runs_there_too(on: CudaKernels) -> None:
    shares = [
        outlier_share(LayerSpec(rescale=False), 8, 40, 60, 6, rng(), backend=backend).share
        for backend in ("numpy", "cuda")
    ]
    assert shares[0] == shares[1]
    for one, other in zip(
        *(ablate(START, 30, 4, 3, rng(), backend=b) for b in ("numpy", "cuda")), strict=True
    ):
        np.testing.assert_allclose(one.grams, other.grams, rtol=1e-9, atol=1e-12)


def test_every_remainder_is_met() -> None:
    """By the activations above, and by "bent" and "clipped"."""
    assert {part.remainder.name for spec in SPECS.values() for part in spec.phi.parts} == {
        *REMAINDERS,
        "bent",
        "clipped",
    }
