"""What runs of neurons, and plain networks, ask of the configuration as a whole.

Each check returns the complaint, one line, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .initial import NormalWeights

if TYPE_CHECKING:
    from .config import Config

RULES_TO = 4  # the largest d that has a quadrature of directions


def plain_networks_are_particles(config: Config) -> str:
    """Complain about a plain network on a grid."""
    if config.network.batch_norm or config.solver.method == "particles":
        return ""
    return (
        f'network.batch_norm = false is not yet available with solver.method = "'
        f'{config.solver.method}"; give solver.method = "particles"'
    )


def coordinates_fit(config: Config) -> str:
    """Complain about coordinates that the method or the network does not have."""
    solver = config.solver
    if solver.coordinates == "raw":
        return ""
    seen = f'solver.coordinates = "{solver.coordinates}"'
    if solver.coordinates == "ellipsoid":
        if solver.method != "particles":
            return f'{seen} is for solver.method = "particles"; a grid takes "raw" or "whitened"'
        if config.network.metric == "round":
            return (
                f'{seen} is for network.metric = "bn"; the round metric takes "raw" or "whitened"'
            )
    if not config.network.batch_norm:
        return f'{seen} is for batch-normalized networks; a plain network takes "raw"'
    return ""


def metric_fits(config: Config) -> str:
    """Complain about a metric of directions where lengths move, too."""
    network = config.network
    if network.batch_norm or network.metric == "bn":
        return ""
    return (
        f'network.metric = "{network.metric}" is for batch-normalized networks; a plain one moves '
        "in its own space: leave it out"
    )


def stored_fields_fit(config: Config) -> str:
    """Complain about fields of a grid where there is none."""
    fields = config.output.fields
    if fields == "auto" or config.solver.method == "grid":
        return ""
    return (
        f"output.fields = {list(fields)} are of a density on a grid; neurons are stored whole: "
        "leave it out"
    )


def inner_law_fits(config: Config) -> str:
    """Complain about normal weights where only their direction counts, and given densities."""
    initial = config.initial
    if isinstance(initial.w, NormalWeights) and config.network.batch_norm:
        return (
            'initial.w.kind = "normal" is for plain networks; with batch normalization only the '
            'direction counts: give initial.w = "uniform"'
        )
    if initial.density is not None and config.solver.method == "particles":
        return (
            'an initial density is for solver.method = "grid"; particles take initial.w and '
            "initial.a"
        )
    return ""


def quadrature_has_a_rule(config: Config) -> str:
    """Complain about a quadrature that does not exist, or is asked for twice."""
    solver = config.solver
    if solver.method != "particles" or solver.sampling != "quadrature":
        return ""
    if solver.replicas > 1:
        return (
            f"solver.replicas = {solver.replicas} of a quadrature would be equal; give 1, or "
            'solver.sampling = "sobol"'
        )
    too_many = config.d is not None and config.d > RULES_TO
    if too_many or isinstance(config.initial.w, NormalWeights):
        what = f"d = {config.d}" if too_many else "normal weights"
        return (
            f'solver.sampling = "quadrature" has no rule for {what}; give "sobol" or "stratified"'
        )
    return ""


OF_GRIDS = {  # keys of the solver, and why they are none of particles
    "interaction": "lie on no grid lines",
    "diffusion": "walk, and have no diffusion to step",
}


def keys_are_of_the_method(config: Config) -> str:
    """Complain about a key of neurons that a grid would ignore, or the other way round."""
    solver = config.solver
    if solver.method == "particles":
        for name, why in OF_GRIDS.items():
            if (value := getattr(solver, name)) != "auto":
                return (
                    f'solver.{name} = "{value}" is for solver.method = "grid"; particles {why}: '
                    "leave it out"
                )
        return ""
    for name in ("width", "sampling", "replicas", "integrator", "step"):
        value = getattr(solver, name)
        if value != type(solver).model_fields[name].default:
            return (
                f"solver.{name} = {value!r} is for neurons and a grid has none; give "
                'solver.method = "particles", or leave it out'
            )
    return ""


def outer_weights_can_be_solved_for(config: Config) -> str:
    """Complain about optimal outer weights where there is no regression that is well posed."""
    training = config.training
    if training.rates.a != "optimal":
        return ""
    seen = 'training.rates.a = "optimal"'
    if config.solver.method != "particles":
        return (
            f"{seen} puts one a on every direction, a sheet that cells of a cannot hold; give "
            'solver.method = "particles"'
        )
    if "a" not in config.network.train:
        return f'{seen} trains a: give network.train with "a", or leave it out'
    if config.loss.kind != "square":
        return f'{seen} solves least squares; give loss.kind = "square", not "{config.loss.kind}"'
    if not training.ridge:
        return f"{seen} has one solution with a ridge only; give training.ridge > 0"
    if training.temperature:
        return f"{seen} is without noise; give training.temperature = 0.0, or a number for the rate"
    return ""


def tracers_follow_a_grid(config: Config) -> str:
    """Complain about tracers of neurons, of noise, or of a density without laws to draw from."""
    count = config.solver.tracers
    if not count:
        return ""
    if config.solver.method != "grid":
        return (
            f"solver.tracers = {count} is for a density on a grid; neurons are their own: leave it "
            "out, and see Run.trajectories"
        )
    if config.training.temperature:
        return (
            f"solver.tracers = {count} move without noise and are no sample of a density with it; "
            "give training.temperature = 0.0, or leave them out"
        )
    if config.initial.density is not None:
        return (
            f"solver.tracers = {count} are drawn from initial.w and initial.a; leave them out with "
            "an initial density"
        )
    return ""


CHECKS = (
    keys_are_of_the_method,
    outer_weights_can_be_solved_for,
    tracers_follow_a_grid,
    plain_networks_are_particles,
    coordinates_fit,
    metric_fits,
    stored_fields_fit,
    inner_law_fits,
    quadrature_has_a_rule,
)
