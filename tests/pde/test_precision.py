"""The distance of 32 bits from 64: measured beside the run, that of the run itself, and told."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import WITHOUT, Notice
from bnflow.kernels.registry import NumpyKernels
from bnflow.pde.geometry.axis import CellAxis
from bnflow.pde.precision import Precision, _aligned, measured
from bnflow.pde.rounding import MEASURED
from bnflow.pde.session import Session

Make = Callable[..., Session]
NOISE: dict[str, Any] = {"training__temperature": 0.3, "training__ridge": 0.1}
CASES: dict[str, dict[str, Any]] = {
    "muscl": {},
    "weno": {"solver__scheme": "weno"},
    "noise": NOISE,
    "explicit": {**NOISE, "solver__diffusion": "explicit"},
    "list": {"initial__a": {"kind": "two-point"}, "network__train": ["w"]},
    "wide": {"network__train": ["a"], "time__end": 20.0},
    "tracers": {"solver__tracers": 5},
}


def distance(session: Session, **changes: Any) -> Precision:
    found = measured(session, **changes)
    assert found is not None
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("d", [2, 3])
def test_rounding_alone_is_between_them(name: str, d: int, session: Make) -> None:
    """Not less than that of one step's last operation, on average a quarter of a unit."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        found = distance(session(d, run__dtype="float32", **CASES[name]))
    assert 2.0**-26 < found.density < found.expected
    assert found.measure < found.expected
    assert found.risk < found.expected
    assert found.steps <= MEASURED


def test_it_is_that_of_the_run_itself(session: Make) -> None:
    """Two drivers of their own, from starts that differ by rounding, and steps of nearly one
    length; the run's distance has that of the starts inside, half a unit at most.
    """
    single, double = (session(run__dtype=name) for name in ("float32", "float64"))
    found = distance(single)
    drivers = [each.driver() for each in (single, double)]
    for driver in drivers:
        driver.walk(found.steps)
    assert drivers[0].state.time == found.time
    assert drivers[1].state.time == pytest.approx(found.time, rel=1e-6)
    rho, exact = (driver.state.rho for driver in drivers)
    off = np.abs(rho - exact).sum() / exact.sum()
    assert found.density == pytest.approx(off, abs=2.0**-24)
    assert found.density > 0.3 * off


def test_the_run_is_not_disturbed(session: Make) -> None:
    made = session(run__dtype="float32")
    before = [frame.fields["rho"] for frame in made.driver().frames()]
    distance(made)
    after = [frame.fields["rho"] for frame in made.driver().frames()]
    assert all((x == y).all() for x, y in zip(before, after, strict=True))


def test_64_bits_have_nothing_to_measure(session: Make) -> None:
    assert measured(session()) is None


def test_more_than_rounding_is_told(session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages that lose a thousandth of a per cent, in 32 bits alone."""
    whole = NumpyKernels.transport

    def lossy(out: Any, *rest: Any) -> None:
        whole(out, *rest)
        if out.dtype == np.float32:
            out *= np.float32(1 - 1e-5)

    monkeypatch.setattr(NumpyKernels, "transport", staticmethod(lossy))
    with pytest.warns(Notice, match=r"density 1.2e-04, .* rounding alone explains 8.6e-06: hold"):
        found = distance(session(run__dtype="float32"))
    assert found.density == pytest.approx(8 * 1.5e-5, rel=0.01)  # half of the first stage counts


def test_what_is_told_once_is_told_there_and_nothing_else(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run compiles nothing twice, and gives up graphs once: both in these first steps."""
    whole = NumpyKernels.transport
    once = {"compiled the kernels in 4 s", f"{WITHOUT} graphs"}

    def telling(*rest: Any) -> None:
        for each in once:
            warnings.warn(each, Notice, stacklevel=2)
        warnings.warn("the run will tell", Notice, stacklevel=2)
        whole(*rest)

    monkeypatch.setattr(NumpyKernels, "transport", staticmethod(telling))
    with pytest.warns(Notice) as told:
        distance(session(run__dtype="float32"))
    assert {str(each.message) for each in told} == once


def test_what_there_is_no_room_for_is_told(session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(run__dtype="float32")
    room = made.memory.total
    monkeypatch.setattr(NumpyKernels, "memory", lambda self: room)
    with pytest.warns(Notice, match="is not measured: it takes 16 MiB of memory, and there are 8"):
        assert measured(made) is None


def test_axes_that_grew_apart_are_compared_where_they_are(session: Make) -> None:
    made = session()
    state = made.initial_state()
    assert isinstance(state.axis, CellAxis)
    rho = np.pad(state.rho, [(0, 0), (0, 0), (2, 1)])
    grown = replace(state, axis=state.axis.extended(2, 1), rho=rho)
    one, other = _aligned(made.flow.kernels, state, grown)
    assert (one == other).all()
    assert one.shape == grown.rho.shape


def test_a_network_that_is_zero_is_at_no_distance(session: Make) -> None:
    """All outer weights rest at 0: nothing is learned, and nothing is divided by it."""
    still = {"initial__a": {"kind": "constant", "value": 0.0}, "network__train": ["w"]}
    found = distance(session(run__dtype="float32", **still))
    assert (found.measure, found.risk) == (0.0, 0.0)
