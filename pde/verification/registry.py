"""All checks, in the order in which they build on each other, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...kernels import select
from ...kernels.errors import InputError
from ..config.text import nearest
from ..exact import ConformalFlow, WhitenedConformalFlow
from . import backends, geometry, noise, overlaps, training
from .check import LEVELS, Check, Level, Result, Verification
from .transport import potential, rotation

CHECKS: tuple[Check, ...] = (
    Check(
        "grid",
        "geometry",
        "the cubed sphere closes, d = 2, 3, 4",
        "quick",
        geometry.grid,
    ),
    Check(
        "isometry",
        "geometry",
        "batch normalization's metric in v is the round one in u, d = 2, 3, 4",
        "quick",
        geometry.isometry,
    ),
    Check(
        "dual-kernels",
        "network",
        "the overlap of two neurons is its expectation",
        "quick",
        overlaps.dual_kernels,
    ),
    Check(
        "rotation-circle",
        "transport",
        "a bump turned once around S^1 comes back",
        "quick",
        rotation(2, {64: 0.064, 128: 0.020, 256: 0.007}, 1.6),
    ),
    Check(
        "rotation-sphere",
        "transport",
        "a bump turned once around S^2, through panel edges, comes back",
        "quick",
        rotation(3, {32: 0.13}, 0.0),
    ),
    Check(
        "potential-circle",
        "transport",
        "the conformal flow of a linear potential on S^1",
        "quick",
        potential(ConformalFlow, 2, (64, 128), (7e-6, 6e-6)),
    ),
    Check(
        "potential-sphere",
        "transport",
        "the conformal flow of a linear potential on S^2",
        "quick",
        potential(ConformalFlow, 3, (16, 32), (4e-4, 2.5e-4)),
    ),
    Check(
        "potential-whitened",
        "transport",
        "the same seen in v at condition 10, with the mobility M(v), on S^2",
        "quick",
        potential(WhitenedConformalFlow, 3, (16, 32), (4e-3, 4e-4)),
    ),
    Check(
        "heat-circle",
        "noise",
        "harmonics on S^1 of radius 1.3 decay at tau l^2/r^2",
        "quick",
        noise.heat(2, 32, {1: 3e-4, 2: 1e-3, 4: 5e-3}),
    ),
    Check(
        "heat-sphere",
        "noise",
        "harmonics on S^2 of radius 1.3 decay at tau l(l+1)/r^2",
        "quick",
        noise.heat(3, 16, {1: 1.2e-3, 2: 4e-3, 4: 1.4e-2}),
    ),
    Check(
        "equilibrium",
        "noise",
        "Gibbs states stay, a single cell spreads positive and downhill, in short and long steps",
        "quick",
        noise.equilibrium,
    ),
    Check(
        "peclet-circle",
        "noise",
        "a linear potential on S^1, at cell Peclet numbers from 0.2 to 25",
        "quick",
        noise.peclet(2, 32, 1.0, {0.2: 1.3e-4, 0.02: 1.3e-4, 0.002: 1.3e-4}, 1.6),
    ),
    Check(
        "stationary",
        "noise",
        "the stationary state of a linear network at condition 10, raw and whitened",
        "quick",
        noise.stationary,
    ),
    Check(
        "outer-weights",
        "training",
        "outer weights alone, linear: a matrix exponential",
        "quick",
        training.linear,
    ),
    Check(
        "neurons",
        "training",
        "ReLU, condition 10, everything trained: independent quadrature neurons",
        "quick",
        training.neurons,
    ),
    Check(
        "particles",
        "training",
        "the package's particles: the same neurons by another program",
        "quick",
        training.particles,
    ),
    Check(
        "audits",
        "training",
        "mass kept, density not negative, risk never rising, energy balance closed",
        "quick",
        training.audits,
    ),
    Check(
        "resume",
        "training",
        "a run that goes on from a saved state is bitwise the uninterrupted one",
        "quick",
        training.resume,
    ),
    Check(
        "cuda-parity",
        "backends",
        "the CUDA kernels give what their NumPy twins give",
        "quick",
        backends.cuda,
    ),
    Check(
        "single-precision",
        "backends",
        "runs in 32 bits are those in 64 to rounding",
        "quick",
        backends.single,
    ),
    Check(
        "manufactured",
        "training",
        "the full nonlocal equation with a source: a given density",
        "standard",
        training.manufactured,
    ),
    Check(
        "manufactured-noise",
        "training",
        "the same with ridge and noise",
        "standard",
        training.manufactured_noise,
    ),
    Check(
        "relaxation",
        "noise",
        "ReLU, everything trained: the flow ends in the self-consistent Gibbs state",
        "standard",
        noise.relaxation,
    ),
    Check(
        "peclet-sphere",
        "noise",
        "a linear potential on S^2, at cell Peclet numbers from 0.5 to 5",
        "standard",
        noise.peclet(3, 16, 0.7, {0.2: 4e-4, 0.02: 8e-4}, 1.7),
    ),
    Check(
        "rotation-sphere-fine",
        "transport",
        "the bump on S^2 at 64 cells, with the order",
        "standard",
        rotation(3, {32: 0.13, 64: 0.036}, 1.7),
    ),
    Check(
        "rotation-4d",
        "transport",
        "a bump turned once around S^3, through edges and corners",
        "full",
        rotation(4, {16: 0.16}, 0.0),
    ),
    Check(
        "heat-4d",
        "noise",
        "harmonics on S^3 of radius 1.3 decay at tau l(l+2)/r^2",
        "full",
        noise.heat(4, 12, {1: 1.3e-3, 2: 5e-3}),
    ),
    Check(
        "potential-4d",
        "transport",
        "the conformal flow of a linear potential on S^3",
        "full",
        potential(ConformalFlow, 4, (8, 16), (1.9e-3, 1.1e-3)),
    ),
    Check(
        "potential-whitened-4d",
        "transport",
        "the same seen in v at condition 10, on S^3",
        "full",
        potential(WhitenedConformalFlow, 4, (8, 16), (1.2e-2, 9e-4)),
    ),
)


def verify(
    level: Level = "standard",
    backend: str = "auto",
    checks: Iterable[Check] = CHECKS,
    report: Callable[[Result], None] | None = None,
) -> Verification:
    """Run the checks of a level, and of the levels below it.

    report : called with every result as it comes
    Raises InputError for an unknown level, or a backend that cannot run here.
    """
    if level not in LEVELS:
        hint = nearest(level, LEVELS) or f"; allowed: {', '.join(LEVELS)}"
        raise InputError(f"level = {level!r} is none{hint}")
    name = select(backend).name
    reached = LEVELS[: LEVELS.index(level) + 1]
    results = []
    for check in checks:
        if check.level in reached:
            results.append(check.run(name))
            if report is not None:
                report(results[-1])
    return Verification(level, name, tuple(results))
