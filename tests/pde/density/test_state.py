"""A checkpoint is the state, whole: packed and unpacked it is bitwise the same."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.pde.density.state import Memory, State
from bnflow.pde.geometry.axis import CellAxis, ListAxis, OuterAxis

RANDOM = np.random.default_rng(0)


def memory(d: int, predicted: bool, outer: bool) -> Memory:
    faces = [RANDOM.random((2 * d, *[4] * (d - 1))) for _ in range(d - 1)]
    h = RANDOM.random((2 * d, *[3] * (d - 1)))
    return Memory(Velocity(faces, h / 3 if outer else None), h, h / 7 if predicted else None, 1 / 3)


AXES: list[OuterAxis] = [
    CellAxis(-1 / 3, 1 / 7, -5, 8),
    ListAxis((-1 / 3, 0.1, 2.0)),
]


@pytest.mark.parametrize("axis", AXES, ids=["cells", "list"])
@pytest.mark.parametrize(
    "kept",
    [None, memory(2, True, True), memory(3, False, True), memory(4, True, False)],
    ids=["new", "second", "first", "frozen"],
)
def test_round_trip_is_bitwise(axis: OuterAxis, kept: Memory | None) -> None:
    state = State(RANDOM.random((4, 3, axis.count)), axis, 1 / 3, 7, kept, 0.1, 1e-17, 2 / 3)
    again = State.unpacked(state.packed())
    assert again.axis == axis
    assert (again.axis.values == axis.values).all()
    assert (again.rho == state.rho).all()
    clock = ("time", "step", "start_energy", "dissipated", "peak_field")
    assert [getattr(again, n) for n in clock] == [getattr(state, n) for n in clock]
    if kept is None:
        assert again.memory is None
        return
    assert again.memory is not None
    assert again.memory.dt == kept.dt
    for got, expected in zip(arrays(again.memory), arrays(kept), strict=True):
        assert (got is None) == (expected is None)
        assert got is None or (got == expected).all()


def arrays(kept: Memory) -> list[Any]:
    return [kept.h_before, kept.h_predicted, kept.velocity.outer, *kept.velocity.faces]


def test_what_is_packed_does_not_change_when_the_state_goes_on() -> None:
    state = State(np.ones((4, 3, 3)), AXES[1], memory=memory(2, True, True))
    packed = state.packed()
    assert state.memory is not None
    for array in (state.rho, state.memory.h_before, state.memory.velocity.faces[0]):
        array *= 0
    assert all(packed[name].any() for name in ("rho", "memory_h", "memory_face0"))


def test_nan_start_energy_survives() -> None:
    assert np.isnan(State.unpacked(State(np.ones((4, 3, 3)), AXES[1]).packed()).start_energy)
