"""What runs of neurons and plain networks ask of a configuration; every mistake is one line."""

import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.config.initial import NormalWeights

PLAIN = ("network.batch_norm=false", "solver.method=particles")
NORMAL = 'initial.w={kind="normal", std=0.5}'
D5 = (
    "data.covariance=[5, 4, 3, 2, 1]",
    "target={weights=[1], directions=[[1, 0, 0, 0, 0]]}",
    "solver.method=particles",
)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("solver.method=particle",), 'did you mean "particles"?'),
        (
            ("solver.method=particles", "solver.interaction=direct"),
            'is for solver.method = "grid"; particles lie on no grid lines: leave it out',
        ),
        (
            ("solver.method=particles", "solver.diffusion=explicit"),
            'is for solver.method = "grid"; particles walk, and have no diffusion to step',
        ),
        (
            ("solver.method=particles", "run.dtype=float32"),
            'neurons of "particles" are few and computed in "float64"; give that',
        ),
        (("solver.width=0",), "solver.width = 0 must be an integer from 1 to 100000000 (neurons)"),
        (("solver.replicas=0",), "solver.replicas = 0 must be an integer from 1"),
        (("solver.sampling=sobl",), 'did you mean "sobol"?'),
        (("solver.integrator=rk5",), 'did you mean "rk4"?'),
        (("solver.integrator=rk4",), 'solver.integrator = "rk4" needs solver.step'),
        (("solver.integrator=rk4", "solver.step=0"), "solver.step = 0 must be a number > 0"),
        (("solver.step=0.1",), 'solver.step = 0.1 is for solver.integrator = "rk4"'),
        (("solver.coordinates=white",), 'did you mean "whitened"?'),
        (
            ("solver.coordinates=ellipsoid",),
            'is for solver.method = "particles"; a grid takes "raw" or "whitened"',
        ),
        ((*PLAIN, "solver.coordinates=ellipsoid"), 'a plain network takes "raw"'),
        (
            ("solver.method=particles", "solver.tracers=5"),
            "solver.tracers = 5 is for a density on a grid; neurons are their own",
        ),
        (
            ("solver.tracers=5", "training.temperature=0.1"),
            "no sample of a density with it; give training.temperature = 0.0, or leave them out",
        ),
        (
            ("solver.tracers=5", "initial.density=f"),
            "are drawn from initial.w and initial.a; leave them out with an initial density",
        ),
        (("solver.tracers=-1",), "solver.tracers = -1 must be an integer from 0 to 1000000"),
        (("training.rates.a=0",), 'training.rates.a = 0 must be a number > 0 or "optimal"'),
        (("training.rates.a=optimum",), 'did you mean "optimal"?'),
        ((*PLAIN, "network.metric=round"), 'network.metric = "round" is for batch-normalized'),
        (
            ("solver.method=particles", "solver.coordinates=ellipsoid", "network.metric=round"),
            'is for network.metric = "bn"; the round metric takes "raw" or "whitened"',
        ),
        (("network.batch_norm=false",), 'give solver.method = "particles"'),
        (("network.batch_norm=1",), "network.batch_norm = 1 must be true or false"),
        ((NORMAL,), 'only the direction counts: give initial.w = "uniform"'),
        ((*PLAIN, 'initial.w={kind="normal", std=0}'), "initial.w.std = 0 must be a number > 0"),
        ((*PLAIN, NORMAL, "solver.sampling=quadrature"), "has no rule for normal weights"),
        ((*D5, "solver.sampling=quadrature"), 'has no rule for d = 5; give "sobol"'),
        (
            ("solver.method=particles", "solver.sampling=quadrature", "solver.replicas=2"),
            "solver.replicas = 2 of a quadrature would be equal",
        ),
        (
            ("solver.method=particles", "initial.density=f"),
            "particles take initial.w and initial.a",
        ),
    ],
)
def test_mistakes(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(None, overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_allowed_reads_back() -> None:
    for overrides in (
        D5,
        (*PLAIN, NORMAL),
        ("solver.method=particles", "solver.sampling=quadrature"),
    ):
        config = load_config(None, overrides)
        assert load_config(config.to_dict()) == config
    assert load_config(None, (*PLAIN, NORMAL)).initial.w == NormalWeights(std=0.5)
