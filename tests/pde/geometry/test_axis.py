"""The a axis: cells that stay the same cells when the axis grows, or a list."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnflow.kernels.reference.regrid import regrid
from bnflow.pde.geometry.axis import CellAxis, ListAxis


def test_cells_cover_the_range() -> None:
    axis = CellAxis.covering(-1.0, 3.0, 8)
    assert axis.span == (-1.0, 3.0)
    assert axis.values.tolist() == [-0.75, -0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75]
    assert axis.faces.tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert (axis.cell_width, axis.weight, axis.first, axis.count) == (0.5, 0.5, 0, 8)


@given(
    st.floats(-5, 5), st.floats(0.01, 10), st.integers(1, 50), st.integers(0, 40), st.integers(0,
    40)
)  # fmt: skip
def test_an_extended_axis_has_bitwise_the_old_cells(
    low: float, length: float, count: int, below: int, above: int
) -> None:
    axis = CellAxis.covering(low, low + length, count)
    longer = axis.extended(below, above)
    assert longer.count == below + count + above
    assert longer.first == axis.first - below
    inside = slice(below, below + count)
    assert (longer.values[inside] == axis.values).all()
    assert (longer.faces[below : below + count + 1] == axis.faces).all()
    again = axis.extended(below, 0).extended(0, above)
    assert again == longer


def test_a_list_counts() -> None:
    axis = ListAxis((-1.0, 0.5, 2.0))
    assert axis.values.tolist() == [-1.0, 0.5, 2.0]
    assert (axis.count, axis.weight, axis.cell_width, axis.span) == (3, 1.0, None, (-1.0, 2.0))


def test_a_density_on_an_extended_axis_has_its_moments() -> None:
    axis = CellAxis.covering(-1.0, 1.5, 5)
    rho = np.random.default_rng(0).random((6, 2, 2, 5))
    longer, grown = axis.extended(2, 3), regrid(rho, 2, 3)
    for power in range(4):
        # zeros add nothing; only the order of summation may differ
        before = (rho * axis.values**power).sum(-1)
        np.testing.assert_allclose((grown * longer.values**power).sum(-1), before, rtol=1e-14)
