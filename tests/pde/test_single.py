"""Runs whose density has 32 bits: bitwise resumable, conservative, and what 64 bits say."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.frame import Frame
from bnflow.pde.precision import SPLIT
from bnflow.pde.rounding import ROUNDING
from bnflow.pde.session import Session
from bnflow.pde.stepping.control import StepControl

Make = Callable[..., Session]
NOISE: dict[str, Any] = {"training__temperature": 0.3, "training__ridge": 0.1}
CASES: dict[str, dict[str, Any]] = {
    "muscl": {},
    "weno": {"solver__scheme": "weno"},
    "noise": NOISE,
    "noise, weno, explicit": {**NOISE, "solver__scheme": "weno", "solver__diffusion": "explicit"},
    "tracers": {"solver__tracers": 5},
    "list": {"initial__a": {"kind": "two-point"}, "network__train": ["w"]},
}
SLOW = ("weno", "noise, weno, explicit", "list")
UNIT = 2.0**-24
OF_CELLS = {"mass": 1.0, "a_second_moment": 1.0, "risk": 1.0, "dissipation": 1.0, "entropy": 1.0}


def run(made: Session) -> list[Frame]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(made.driver().frames())


@pytest.mark.parametrize("name", CASES)
def test_it_goes_on_bitwise_from_any_frame(name: str, session: Make) -> None:
    made = session(run__dtype="float32", **CASES[name])
    frames = run(made)
    for k, frame in enumerate(frames[:-1]):
        assert frame.restart["rho"].dtype == np.float32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = list(made.driver(frame.restart).frames())
        later = frames[k + 1 :]  # from the first frame on, it is handed out again
        for one, other in zip(again[-len(later) :], later, strict=True):
            assert one.step == other.step
            assert all((one.fields[x] == other.fields[x]).all() for x in one.fields)
            assert all((one.restart[x] == other.restart[x]).all() for x in one.restart)


@pytest.mark.parametrize(
    ("d", "name"),
    [
        *((2, name) for name in CASES),
        *((3, name) for name in ("muscl", "noise")),
        *(pytest.param(3, name, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_its_audits_are_those_of_64_bits(name: str, d: int, session: Make) -> None:
    """A step rounds every cell some 16 times, by a unit each at most; nothing amplifies that. With
    noise one type may take a step in parts that the other takes at once: see `precision.SPLIT`.
    """
    single, double = (
        run(session(d, run__dtype=kind, **CASES[name])) for kind in ("float32", "float64")
    )
    for one, other in zip(single, double, strict=True):
        bound = 16 * UNIT * (other.step + 1) + (SPLIT if "noise" in name else 0.0)
        assert one.fields["rho"].dtype == np.float32
        assert one.step == pytest.approx(other.step, abs=1)  # vacuum bounds explicit steps
        for audit in OF_CELLS:
            wanted = other.diagnostics[audit]
            assert one.diagnostics[audit] == pytest.approx(wanted, rel=bound, abs=bound)
        assert one.diagnostics["min_density"] >= 0.0


@pytest.mark.parametrize("name", ["weno", "noise"])
def test_mass_does_not_leak_with_the_weights_of_its_stages(name: str, session: Make) -> None:
    """Weights that were rounded each by itself would add 2^-25 and more a step, in every cell
    alike; what is left are roundings of single cells, of any sign.
    """
    keys = {**CASES[name], "time__end": 4.0, "time__save": []}
    *_, last = run(session(run__dtype="float32", solver__cells=16, solver__a_cells=32, **keys))
    assert last.step > 100
    assert abs(float(last.diagnostics["mass"]) - 1) < 0.2 * 2.0**-25 * last.step


def test_neurons_have_64_bits() -> None:
    with pytest.raises(InputError, match=r'run.dtype = "float32" is for solver.method = "grid"'):
        load_config(None, ["run.dtype=float32", "solver.method=particles"])


def test_a_potential_too_deep_for_32_bits_names_64(session: Make) -> None:
    """The same temperature is no matter for 64 bits."""
    cold = {"training__temperature": 0.02, "training__ridge": 0.1}
    with pytest.raises(InputError, match=r'float32 densities .* 60; .* run.dtype = "float64", or'):
        session(run__dtype="float32", **cold).driver()
    session(**cold).driver()


@pytest.mark.parametrize(("room", "positive"), [(ROUNDING["float32"].room, True), (0.0, False)])
def test_the_room_below_the_bound_of_positivity_is_that_of_rounding(
    room: float, positive: bool, session: Make
) -> None:
    """A first-order stage that takes all of the fastest cell: to 0, but for its rounding."""
    made = session(3, run__dtype="float32", solver__scheme="upwind", **CASES["list"])
    flow, state, least = made.flow, made.initial_state(), 0.0
    velocity = flow.field(state).velocity
    for seed in range(200):
        rng = np.random.default_rng(seed)
        faces = [rng.normal(size=face.shape) for face in velocity.faces]
        moved = Velocity(faces, None)
        state.rho[...] = rng.random(state.rho.shape) < 0.1
        dt = StepControl(1.0, 1.0, room).stable(flow.rate(moved, state.axis))
        least = min(least, float(flow.euler(state, moved, dt).rho.min()))
    assert (least >= 0.0) == positive
