"""Neurons over a density stand where they are, and only over the density of their problem."""

from typing import Any

import numpy as np
import pytest

from bnflow.api import solve
from bnflow.io.figures import draw
from bnflow.io.figures.sphere import mollweide
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError

TIME = {"end": 0.2, "save": [0.1]}
PARTICLES = {"method": "particles", "width": 15, "replicas": 2}


def pair(d: int, **changes: Any) -> tuple[Run, Run]:
    """A density and neurons of one problem."""
    covariance = [4.0, 1.0, 2.0, 1.5][:d]
    problem: dict[str, Any] = {
        "data": {"kind": "sampled", "covariance": covariance, "samples": 20},
        "target": {"weights": [1.0], "directions": [[1.0, 0.5, -0.2, 0.3][:d]]},
        "time": TIME,
    }
    grid = {"cells": {2: 8, 3: 4, 4: 4}[d], "a_cells": 12}
    return (
        solve({**problem, "solver": grid}, **changes),
        solve({**problem, "solver": PARTICLES}, **changes),
    )


def dots(run: Run, neurons: Run) -> list[np.ndarray]:
    """Places of the neurons in the first panel: those with a > 0, and the others."""
    ax = draw(run, "neurons", 0.1, neurons).axes[0]
    found = {str(item.get_label()): item for item in ax.collections}
    chosen = [item for label, item in found.items() if "a > 0" in label or "leq" in label]
    return [np.asarray(item.get_offsets()) for item in chosen]


@pytest.mark.parametrize("d", [2, 3, 4])
def test_every_neuron_is_where_it_is(d: int) -> None:
    run, neurons = pair(d)
    direction, a, _ = neurons.particles(0.1)
    u, a = direction.reshape(-1, d), a.ravel()
    if d == 2:
        places = np.column_stack([np.arctan2(u[:, 1], u[:, 0]) % (2 * np.pi), a])
    elif d == 3:
        places = np.array([mollweide(each) for each in u])
    else:
        image = u @ _root(run.layout.data_covariance)
        places = np.column_stack([image[:, 0] / np.linalg.norm(image, axis=1), a])
    up, down = dots(run, neurons)
    np.testing.assert_allclose(up, places[a > 0])
    np.testing.assert_allclose(down, places[a <= 0])


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T)


def test_fixed_weights_lie_in_the_band_of_their_value() -> None:
    fixed = {"network.train": ["w"], "initial.a": {"kind": "two-point", "values": [-1.0, 2.0]}}
    run, neurons = pair(2, **fixed)
    up, down = dots(run, neurons)
    assert (np.abs(up[:, 1] - 1) <= 0.4).all()  # 2 is the second value of the list, -1 the first
    assert (np.abs(down[:, 1]) <= 0.4).all()


def test_its_own_shadow_is_drawn_unless_another_is_given() -> None:
    run = solve(solver={"cells": 8, "a_cells": 12}, time=TIME, shadow_particles=30)
    assert sum(map(len, dots(run, None))) > 20


def test_mistakes_are_one_line() -> None:
    run, neurons = pair(2)
    other = pair(2, **{"target.weights": [2.0]})[1]
    for what, beside, match in (
        ("neurons", None, "no neurons to draw"),
        ("neurons", run, "is a density, not a run of neurons"),
        ("neurons", other, r"target\.weights"),
        ("density", neurons, "draws one run"),
    ):
        with pytest.raises(InputError, match=match) as error:
            draw(run, what, None, beside)
        assert "\n" not in str(error.value)
