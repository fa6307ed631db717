"""Which sums a kernel gets, and that harmonics are as accurate as they say."""

import re
import warnings

import numpy as np
import pytest

from bnflow.kernels import select
from bnflow.kernels.contract import Overlap
from bnflow.kernels.errors import InputError, Notice
from bnflow.kernels.reference.overlaps import OverlapSums
from bnflow.kernels.registry import NumpyKernels
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.network import kernel_sums as module
from bnflow.pde.network.activations import activation
from bnflow.pde.network.kernel_sums import KernelSums, kernel_sums, whole_sums
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


class Recomputing(NumpyKernels):
    """A backend that keeps no matrices, with or without sums that make them again."""

    keeps_overlaps = False

    def __init__(self, able: bool) -> None:
        super().__init__()
        self.able = able

    def overlap_sums(self, overlap: Overlap) -> OverlapSums | None:  # type: ignore[override]
        return OverlapSums(overlap) if self.able else None


@pytest.mark.parametrize(("name", "d"), [("relu", 2), ("step", 3), (SHIFTED, 3), ("tanh", 4)])
def test_where_matrices_are_not_worth_their_memory_they_are_made_again(
    name: object, d: int
) -> None:
    kept, half, neurons = sums(name, d, 4, "direct")
    chart = Chart(BatchNormMetric(np.geomspace(4, 1, d)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)  # it is no loss there
        again = kernel_sums(
            activation(name, 1.0), chart, half, neurons, "direct", Recomputing(True)
        )
    c = np.random.default_rng(1).standard_normal(len(neurons))
    for one, other in zip(again, kept, strict=True):
        assert "computed again" in one.description
        assert one.table_bytes == 0
        for got, wanted in zip(one(c), other(c), strict=True):
            # a sum of as many terms in another order; the steps' slopes reach 1/angle = 10
            assert np.abs(got - wanted).max() <= 1e-14 * np.abs(c).sum() * 10


def test_a_kernel_that_a_backend_cannot_sum_has_matrices_or_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chart, unable = Chart(BatchNormMetric(np.geomspace(4, 1, 3))), Recomputing(False)
    kept, half, neurons = sums("tanh", 3, 4, "direct")
    (made,) = kernel_sums(activation("tanh"), chart, half, neurons, "direct", unable)
    assert made.description == kept[0].description
    monkeypatch.setattr(module, "KERNEL_BYTES", 0)
    with pytest.raises(InputError, match="bends too sharply") as error:
        kernel_sums(activation("tanh"), chart, half, neurons, "direct", unable)
    assert len(str(error.value).splitlines()) == 1
    with pytest.raises(InputError, match="relu and tanh bends too sharply"):
        whole_sums(unable, activation("tanh"), activation("relu"))


def test_harmonics_that_do_not_fit_give_way_to_tiles_where_those_cost_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chart, able = Chart(BatchNormMetric(np.geomspace(4, 1, 3))), Recomputing(True)
    _, half, neurons = sums("tanh", 3, 16, "direct")
    columns = 2 * (sum(range(2, 33, 2)) + sum(range(1, 32, 2)))
    for less, wanted in ((1, "kernel tiles"), (0, "spherical harmonics")):
        monkeypatch.setattr(module, "KERNEL_BYTES", 8 * len(half) * columns - less)
        (made,) = kernel_sums(activation("tanh"), chart, half, neurons, "auto", able)
        assert wanted in made.description
