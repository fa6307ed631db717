"""Which sums a kernel gets, and that harmonics are as accurate as they say."""

import re

import numpy as np
import pytest

from bnflow.kernels import select
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.network import kernel_sums as module
from bnflow.pde.network.activations import activation
from bnflow.pde.network.kernel_sums import KernelSums, kernel_sums
from bnflow.pde.network.pairs import Way

Array = np.ndarray
SHIFTED = {"kind": "piecewise-linear", "knots": [-1.0, 0.5, 2.0], "values": [0.0, 0.3, 2.0]}


def sums(
    name: object, d: int, n: int, way: Way, gain: float = 1.0
) -> tuple[list[KernelSums], Array, Array]:
    """The sums, the half stations and the neurons."""
    chart, stations = (
        Chart(BatchNormMetric(np.geomspace(4, 1, d))),
        Stations(CubedSphere(d, n)),
    )
    half = chart.whitened(stations.half)
    neurons = half[: len(stations.half_centres)]
    made = kernel_sums(activation(name, gain), chart, half, neurons, way, select("numpy"))
    return made, half, neurons


@pytest.mark.parametrize(
    ("name", "gain"),
    [("erf", 1), ("tanh", 1), ("tanh", 2), ("gelu", 1), ("softplus", 1), ("sin", 3), ("cos", 1)],
)
def test_harmonics_are_the_matrices_to_the_accuracy_that_they_say(name: str, gain: float) -> None:
    found, half, neurons = sums(name, 3, 7, "transform", gain)
    exact, *_ = sums(name, 3, 7, "direct", gain)
    c = np.random.default_rng(1).standard_normal(len(neurons))
    said = re.fullmatch(
        r"spherical harmonics to degree \d+, accurate to (.*)", found[0].description
    )
    assert said is not None
    assert float(said[1]) <= 1e-11
    for one, other in zip(found, exact, strict=True):
        value, slope = one(c)
        wanted, wanted_slope = other(c)
        # the error is said to one digit; sums of so many terms round
        assert np.abs(value - wanted).max() <= (1.1 * float(said[1]) + 1e-14) * np.abs(c).sum()
        normal = np.einsum("jd,jd->j", slope - wanted_slope, half)[:, None]
        error = np.abs(slope - wanted_slope - normal * half).max()
        assert error <= module.ACCURATE[1] * np.abs(c).sum()


@pytest.mark.parametrize(
    ("name", "d"), [("relu", 3), ("abs", 3), ("step", 3), (SHIFTED, 3), ("tanh", 4), ("relu", 2)]
)
def test_kinks_and_other_spheres_have_no_transform(name: object, d: int) -> None:
    with pytest.raises(InputError, match=r'solver\.interaction = "transform" with') as error:
        sums(name, d, 4, "transform")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.filterwarnings("ignore::bnflow.Notice")  # so little room is too little for both
@pytest.mark.parametrize(
    ("name", "room", "wanted"),
    [
        ("tanh", 1 << 30, "kernel matrices of 123 KiB, kept"),
        ("tanh", 1 << 10, "spherical harmonics"),
        ("quadratic", 1 << 10, "spherical harmonics to degree 8"),
    ],
)
def test_auto_takes_harmonics_for_matrices_that_do_not_fit(
    name: str, room: int, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KERNEL_BYTES", room)
    assert wanted in sums(name, 3, 5, "auto")[0][0].description


def test_harmonics_that_do_not_fit_are_computed_again_to_the_same_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Odd tiles, across the end of the neurons; in another order, rounding differs."""
    (kept,), half, neurons = sums("tanh", 3, 5, "transform")
    columns = 2 * (sum(range(2, 33, 2)) + sum(range(1, 32, 2)))  # m <= l: odd to 31, even to 30
    assert kept.table_bytes == 8 * len(half) * columns
    c = np.random.default_rng(1).standard_normal(len(neurons))
    wanted = kept(c)
    monkeypatch.setattr(module, "KERNEL_BYTES", 0)
    monkeypatch.setattr(module, "TILE_ROWS", 13)
    with pytest.warns(Notice, match="spherical harmonics of 866 KiB are computed again"):
        (again,), *_ = sums("tanh", 3, 5, "transform")
    assert again.table_bytes == 0
    assert again.description == f"{kept.description}, computed again every step"
    for one, other in zip(again(c), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-14 * 32**2 * np.abs(c).sum())


def test_linear_networks_need_no_kernel_sums() -> None:
    assert sums("linear", 3, 4, "transform")[0] == []
