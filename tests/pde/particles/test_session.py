"""From a configuration to neurons that run, and what they will cost."""

from collections.abc import Callable

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.particles.session import NeuronSession, plan
from bnflow.pde.session import Session, plan_of, prepare

Make = Callable[..., NeuronSession]


def test_the_method_chooses_the_session() -> None:
    small = ["solver.cells=4", "solver.a_cells=4"]
    assert isinstance(prepare(load_config(None, small)), Session)
    made = prepare(load_config(None, ["solver.method=particles"]))
    assert isinstance(made, NeuronSession)
    assert "neurons" in plan_of(made).lines()[0]


def test_the_layout_carries_masses_moments_and_counts(neurons: Make) -> None:
    made = neurons(5, solver__replicas=2)
    layout = made.layout(made.initial_state())
    assert (layout.dimension, layout.width, layout.replicas) == (5, 20, 2)
    assert layout.neuron_mass.sum() == pytest.approx(1.0)
    assert layout.normalised
    np.testing.assert_array_equal(layout.data_covariance, made.problem.data.covariance)
    plain = neurons(network__batch_norm=False)
    assert not plain.layout(plain.initial_state()).normalised


def test_the_plan_counts_neurons_pairs_and_memory(neurons: Make) -> None:
    told = plan(neurons(5, solver__replicas=2))
    assert (told.neurons, told.saves) == (40, 4)
    assert told.pairs == 40 * 60
    assert told.state_bytes == 8 * 40 * 6
    assert "pairs      2,400 of neuron and row" in "\n".join(told.lines())
    assert plan(neurons()).pairs == 0


def test_too_many_neurons_are_refused_before_anything_is_built(neurons: Make) -> None:
    with pytest.raises(
        InputError, match=r"solver.width = 100000000, replicas = 1000 in d = 5 need"
    ):
        neurons(5, solver__width=10**8, solver__replicas=1000)


def test_the_head_line_says_what_runs(neurons: Make) -> None:
    told = neurons(5, solver__replicas=3, network__batch_norm=False).describe()
    assert told.startswith("plain relu network, d = 5, 3 x 20 iid neurons, dormand-prince, direct")
    assert neurons().describe().endswith("sorted sums on the circle, numpy")


@pytest.mark.parametrize(
    "changes",
    [{"network__activation": "erf"}, {"data__mean": [1.0, 0.0]}],
)
def test_a_plain_network_on_population_data_is_homogeneous(changes: dict, neurons: Make) -> None:
    with pytest.raises(InputError, match=r'data.mean = 0; give data.kind = "sampled"'):
        neurons(network__batch_norm=False, **changes)


def test_one_dimension_is_a_dimension(neurons: Make) -> None:
    """Two directions, +1 and -1, that cannot move; a plain network of one input can."""
    data = {"kind": "sampled", "covariance": [2.0], "samples": 50}
    target = {"weights": [1.0], "directions": [[1.0]]}
    for plain in (False, True):
        made = neurons(data=data, target=target, network__batch_norm=not plain)
        first, *_, last = made.driver().frames()
        assert (first.fields["direction"] == last.fields["direction"]).all() == (not plain)
        assert last.diagnostics["risk"] < 0.9 * first.diagnostics["risk"]
