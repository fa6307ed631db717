"""A density on another axis of a has its cells where they were, and nothing else."""

import numpy as np
import pytest

from bnflow.kernels.reference.regrid import regrid


@pytest.mark.parametrize("real", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(4, 3, 5), (6, 2, 2, 1)])
@pytest.mark.parametrize(("below", "above"), [(0, 0), (2, 3), (0, 1), (7, 0)])
def test_cells_that_come_are_empty(
    shape: tuple[int, ...], below: int, above: int, real: str
) -> None:
    rho = np.random.default_rng(0).random(shape).astype(real)
    grown = regrid(rho, below, above)
    wanted = np.pad(rho, [(0, 0)] * (rho.ndim - 1) + [(below, above)])
    assert (grown.dtype, grown.flags.c_contiguous) == (rho.dtype, True)
    assert np.array_equal(grown, wanted)


@pytest.mark.parametrize(("below", "above"), [(-2, 0), (0, -1), (-1, -3), (-2, 4), (4, -2)])
def test_cells_that_go_take_the_others_nowhere(below: int, above: int) -> None:
    rho = np.random.default_rng(0).random((4, 3, 5))
    got = regrid(rho, below, above)
    assert got.shape == (4, 3, 5 + below + above)
    longer = regrid(rho, max(below, 0), max(above, 0))  # first what comes, then what goes
    assert np.array_equal(got, longer[..., max(-below, 0) : longer.shape[-1] - max(-above, 0)])
