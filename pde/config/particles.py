"""What runs of neurons, and plain networks, ask of the configuration as a whole.

Each check returns the complaint, one line, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .initial import NormalWeights
from .text import shown

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


def keys_are_of_the_method(config: Config) -> str:
    """Complain about a key of neurons that a grid would ignore."""
    solver = config.solver
    if solver.method == "particles":
        return ""
    for name in ("width", "sampling", "replicas", "integrator", "step"):
        value = getattr(solver, name)
        if value != type(solver).model_fields[name].default:
            return (
                f"solver.{name} = {value!r} is for neurons and a grid has none; give "
                'solver.method = "particles", or leave it out'
            )
    return ""


def noise_is_for_grids(config: Config) -> str:
    """Complain about a temperature or a ridge that neurons do not yet feel."""
    training = config.training
    if config.solver.method == "grid":
        return ""
    for name, value in (("temperature", training.temperature), ("ridge", training.ridge)):
        if value:
            return (
                f"training.{name} = {shown(value)} is not yet available with solver.method = "
                f'"{config.solver.method}"; give solver.method = "grid"'
            )
    return ""


CHECKS = (
    keys_are_of_the_method,
    noise_is_for_grids,
    plain_networks_are_particles,
    coordinates_fit,
    metric_fits,
    stored_fields_fit,
    inner_law_fits,
    quadrature_has_a_rule,
)
