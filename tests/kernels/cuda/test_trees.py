"""Arrays taken out of containers and put back, and which trees are one."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.contract import Heat, Stencil
from bnflow.kernels.cuda.trees import put_back, taken

STENCIL = Stencil(np.zeros(1), np.zeros(1), [np.zeros(1)], [np.zeros(1)])


class Pair(NamedTuple):
    one: Any
    other: Any


def tree(value: Any) -> Any:
    return taken(value, np.ndarray, [])


def test_what_is_taken_is_put_back_in_order() -> None:
    a, b, c, d, *e = (np.full(k, 1.0 * k) for k in range(8))
    heat = Heat(0.1, c, Stencil(e[0], e[1], [e[2]], [e[3]]))
    velocity = Velocity([a, b], None, 0.5, 1.0, heat)
    arrays: list[Any] = []
    found = taken((velocity, Pair(d, "word"), []), np.ndarray, arrays)
    assert [id(x) for x in arrays] == [id(x) for x in (a, b, c, *e, d)]
    others = [x + 1.0 for x in arrays]
    made, pair, empty = put_back(found, iter(others))
    stencil = Stencil(others[3], others[4], [others[5]], [others[6]])
    heat = Heat(0.1, others[2], stencil)
    assert made == Velocity([others[0], others[1]], None, 0.5, 1.0, heat)
    assert type(made.faces) is list
    assert pair.one is others[7]
    assert pair.other == "word"
    assert empty == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(2), np.zeros(3)),
        (np.zeros(2), np.zeros(2, np.float32)),
        (np.zeros(2), None),
        (1, 1.0),
        (1, True),
        ((1.0, 2.0), [1.0, 2.0]),
        (Pair(1.0, 2.0), (1.0, 2.0)),
        (Heat(0.1, np.zeros(2), STENCIL), Heat(0.2, np.zeros(2), STENCIL)),
    ],
    ids=str,
)
def test_what_launches_otherwise_is_another_tree(one: Any, other: Any) -> None:
    assert tree(one) != tree(other)
    assert len({tree(one), tree(one), tree(other)}) == 2


def test_arrays_of_one_shape_and_type_are_one_tree() -> None:
    assert tree((np.zeros(2), 0.5)) == tree((np.ones(2), 0.5))
