"""Levels of a refinement: what is halved, nested grids, and what cannot be refined."""

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.given import Given
from bnflow.pde.refinement import refinement, sessions


def test_cells_halve_and_the_tolerance_follows_their_square() -> None:
    config = load_config(None, {"solver.cells": 32, "solver.a_cells": 48})
    levels = [each.solver for each in refinement(config)]
    assert [each.cells for each in levels] == [8, 16, 32]
    assert [each.a_cells for each in levels] == [12, 24, 48]
    assert [each.tolerance for each in levels] == [16e-3, 4e-3, 1e-3]
    assert refinement(config)[-1] is config


def test_grids_are_nested_though_the_range_is_automatic() -> None:
    config = load_config(None, {"solver.cells": 16, "solver.a_cells": 32})
    axes = [each.initial_state().axis for each in sessions(refinement(config), Given())]
    assert axes[0].span == axes[1].span == axes[2].span
    np.testing.assert_allclose(axes[0].faces, axes[2].faces[::4], atol=1e-14)


def test_every_level_may_still_grow_its_axis() -> None:
    config = load_config(None, {"solver.cells": 16, "solver.a_cells": 32})
    assert all(each.driver().extend for each in sessions(refinement(config), Given()))


def test_a_frozen_list_is_not_refined() -> None:
    config = load_config(
        {"network": {"train": ["w"]}, "initial": {"a": {"kind": "two-point"}}},
        {"solver.cells": 16, "solver.a_cells": 7},
    )
    assert [each.solver.a_cells for each in refinement(config)] == [7, 7, 7]
    axes = [each.initial_state().axis for each in sessions(refinement(config), Given())]
    assert [axis.count for axis in axes] == [2, 2, 2]


@pytest.mark.parametrize(
    ("keys", "levels", "told"),
    [
        ({"solver.cells": 50}, 3, r"solver.cells = 50 does not halve 2 times .* multiple of 4, as"),
        ({"solver.a_cells": 8}, 3, r"solver.a_cells = 8 does not halve 2 times .*, as 16"),
        ({}, 2, "levels = 2: an order needs at least 3"),
        ({}, 6, "solver.cells = 64 does not halve 5 times"),
        ({"solver.method": "particles"}, 3, 'solver.method = "particles" has no cells to refine'),
    ],
)
def test_mistakes_are_one_line(keys: dict, levels: int, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        refinement(load_config(None, keys), levels)
    assert "\n" not in str(error.value)
