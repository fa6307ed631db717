"""What a plain network meets: raw inputs with their mean, or a refusal where that is lost."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.given import Given
from bnflow.pde.network.table import Table
from bnflow.pde.particles.session import NeuronSession

Make = Callable[..., NeuronSession]
FLAT: dict[str, Any] = {"covariance": [[1.0, 1.0], [1.0, 1.0]]}  # two equal columns
TARGET = {"weights": [1.0], "directions": [[1.0, 1.0]]}
LOST = r"network.batch_norm = false sees the mean .* give network.batch_norm = true, or independent"


@pytest.mark.parametrize("law", [{"kind": "population"}, {"kind": "sampled", "samples": 40}])
def test_dependent_columns_with_a_mean_are_refused(law: dict[str, Any], neurons: Make) -> None:
    """They are reduced to B (x - centre), where sigma(w.x) would not see the mean."""
    data = {**law, **FLAT, "mean": [3.0, 3.0]}
    with pytest.raises(InputError, match=LOST) as told:
        neurons(data=data, target=TARGET, network__batch_norm=False)
    assert len(str(told.value).splitlines()) == 1
    assert neurons(data=data, target=TARGET).problem.dimension == 1  # it takes out the mean anyway


def test_dependent_columns_of_mean_zero_lose_nothing(neurons: Make) -> None:
    made = neurons(data={"kind": "population", **FLAT}, target=TARGET, network__batch_norm=False)
    assert made.problem.dimension == 1


def test_principal_components_of_rows_with_a_mean_are_refused() -> None:
    x = np.random.default_rng(0).normal([3.0, 0.0, 0.0], size=(50, 3))
    config = load_config(
        {
            "data": {"kind": "arrays", "width": 3, "components": 2},
            "target": {"kind": "arrays"},
            "solver": {"method": "particles", "width": 20},
            "network": {"batch_norm": False},
        }
    )
    given = Given(Table(x, x[:, 0] + x[:, 1], "digest"))
    with pytest.raises(InputError, match=LOST):
        NeuronSession.prepare(config, given)
    whole = NeuronSession.prepare(config.replace(**{"data.components": None}), given)
    rows = whole.flow.interaction.rows.inputs  # type: ignore[attr-defined]
    np.testing.assert_allclose(rows, x, rtol=0, atol=1e-13)
