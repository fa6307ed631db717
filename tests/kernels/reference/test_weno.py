"""WENO5-Z states: exact on parabolas, fifth order where smooth, bounded on anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bnflow.kernels.reference.weno import weno_states

Array = np.ndarray
rough = st.sampled_from([0.0, 5e-324, 1e-310, 1e-8, 1.0, 3.0, 1e9]) | st.floats(0, 1e6)
lines = st.integers(5, 12).flatmap(lambda n: arrays(float, (n, 2), elements=rough))


def averages(antiderivative: Array) -> Array:
    """Cell averages on unit cells, from values at the faces."""
    return np.diff(antiderivative)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_states_of_a_parabola_are_its_values(degree: int) -> None:
    """Each of the three candidates is exact, so any weights are."""
    faces = np.arange(8.0)
    q = averages(faces ** (degree + 1) / (degree + 1)) + 20.0
    below, above = weno_states(q, 0)
    np.testing.assert_allclose(below, faces[2:-3] ** degree + 20, rtol=1e-14)
    np.testing.assert_allclose(above, faces[3:-2] ** degree + 20, rtol=1e-14)


def test_states_of_a_wave_converge_to_fifth_order() -> None:
    errors = []
    for n in (20, 40):
        h = 2 * np.pi / n
        faces = h * np.arange(-2, n + 3)
        q = averages(2 * faces - np.cos(faces)) / h  # of 2 + sin
        below, above = weno_states(q[:, None], 0)
        exact = 2 + np.sin(faces[2:-2])
        errors.append(max(abs(below[:, 0] - exact[:-1]).max(), abs(above[:, 0] - exact[1:]).max()))
    assert np.log2(errors[0] / errors[1]) > 4.7
    assert errors[1] < 0.05 * h**5  # (1/60) h^5 d^5q/dx^5 of the linear scheme, and its weights


@given(lines)
def test_states_lie_between_0_and_2q_and_the_middle_of_a_cell_is_not_negative(q: Array) -> None:
    below, above = weno_states(q, 0)
    centre = q[2:-2]
    for state in (below, above):
        assert (state >= 0).all()
        assert (state <= 2 * centre).all()
    middle = 1.5 * centre - 0.25 * (below + above)
    assert (middle >= -4e-16 * centre).all()


@given(lines)
def test_mirrored_cells_have_bitwise_mirrored_states(q: Array) -> None:
    below, above = weno_states(q, 0)
    mirrored_below, mirrored_above = weno_states(q[::-1], 0)
    assert (mirrored_below[::-1] == above).all()
    assert (mirrored_above[::-1] == below).all()


def test_nothing_reaches_across_a_jump() -> None:
    """Of 1, 1, 1 | 5, 5, 5 the cells beside the jump keep their values, to the weights' square."""
    below, above = weno_states(np.array([1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]), 0)
    for state in (below, above):
        np.testing.assert_allclose(state, [1.0, 1.0, 5.0, 5.0], rtol=1e-12)


def test_any_axis_gives_the_same() -> None:
    q = np.random.default_rng(0).random((3, 7, 4))
    for ours, theirs in zip(weno_states(q, 1), weno_states(q.swapaxes(1, 2), -1), strict=True):
        assert ours.shape == (3, 3, 4)
        assert (ours == theirs.swapaxes(1, 2)).all()
