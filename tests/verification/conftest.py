"""The library of exact solutions as fixtures; `pde.exact` derives them, without the solver's code.

The cubed sphere is used for cell averages of exact densities only, by Gauss quadrature.
"""

from types import SimpleNamespace

import pytest

from bnflow.pde import exact as library
from bnflow.pde.verification import cell_average, evolve


@pytest.fixture(scope="session")
def exact() -> SimpleNamespace:
    """Prescribed flows: exact densities and the solver's answer."""
    return SimpleNamespace(
        cell_average=cell_average,
        evolve=evolve,
        ConformalFlow=library.ConformalFlow,
        WhitenedConformalFlow=library.WhitenedConformalFlow,
        Rotation=library.Rotation,
        condition_10=library.CONDITION_10,
    )


@pytest.fixture(scope="session")
def neurons() -> SimpleNamespace:
    """Weighted quadrature neurons, integrated independently of the package."""
    return SimpleNamespace(
        CircleReluPopulation=library.CircleReluPopulation,
        OnRows=library.OnRows,
        integrate=library.integrate,
        circle_nodes=library.circle_nodes,
        sphere_nodes=library.sphere_nodes,
        normal_nodes=library.normal_nodes,
        product_nodes=library.product_nodes,
    )
