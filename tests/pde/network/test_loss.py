"""Losses and their derivatives."""

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.network.loss import LOSSES, loss


@pytest.mark.parametrize("kind", LOSSES)
def test_slope_is_the_derivative_in_the_prediction(kind: str) -> None:
    """Central differences; exact for a quadratic, rounding 1e-16 / h."""
    each, h = loss(kind), 1e-4
    f, y = np.linspace(-2, 2, 9), np.linspace(1, -1.5, 9)
    numerical = (each.value(f + h, y) - each.value(f - h, y)) / (2 * h)
    np.testing.assert_allclose(each.slope(f, y), numerical, rtol=0, atol=1e-11)


def test_square_has_the_half() -> None:
    assert loss("square").value(np.array([3.0]), np.array([1.0]))[0] == 2.0


def test_an_unknown_loss_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match='"sqare" is not known; choose from square'):
        loss("sqare")
