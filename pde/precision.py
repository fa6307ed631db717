"""How far 32-bit densities are from 64-bit ones, measured on the first steps of a run.

Both start from the same density, the one of 32 bits, on the same backend, and take steps of the
same lengths; what parts them is rounding, and what it decides. After `MEASURED` steps

    density = int |rho - rho_64| / int rho_64
    measure = int |m - m_64| dv / int |a| drho_64,   m(v) = int a rho da
    risk    = |R - R_64| / R_64(0)

The network's outputs differ by at most measure x int |a| drho_64 x sup |sigma|. The steps are taken
twice beside the run's own, and thrown away; a run that goes on does not repeat them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels import Kernels, Velocity
from ..kernels.errors import COMPILED, WITHOUT, Notice, NumericalFailure
from .config.text import size
from .density.state import State
from .diagnostics import panels
from .memory import beside
from .rounding import MEASURED
from .session import AnySession, Session
from .stepping.driver import Driver
from .stepping.stabilised import explicit

Array = NDArray[np.float64]

TINY = 1e-300
SPLIT = 1e-4  # with noise: of a step that one type takes in parts, near cells as good as empty
OPERATIONS = 16  # roundings a step, one upon the other, that explain a distance


@dataclass(frozen=True)
class Precision:
    """Relative distances from a 64-bit run after so many steps, at that time; see the module.

    expected : what rounding may do
    """

    steps: int
    time: float
    density: float
    measure: float
    risk: float
    expected: float

    def told(self) -> dict[str, Any]:
        """Named numbers, for a file."""
        return asdict(self)


def describe(told: dict[str, Any]) -> str:
    """One line of those numbers.

    >>> describe({"steps": 8, "density": 1e-7, "measure": 2e-8, "risk": 3e-9})
    'float32 after 8 steps, off float64: density 1.0e-07, measure 2.0e-08, risk 3.0e-09'
    """
    parts = ", ".join(f"{name} {told[name]:.1e}" for name in ("density", "measure", "risk"))
    return f"float32 after {told['steps']} steps, off float64: {parts}"


class _Led(Driver):
    """Takes steps of lengths that are given."""

    lengths: Sequence[float] = ()

    def _proposal(
        self, remaining: float, most: float = float("inf")
    ) -> tuple[float, bool, Velocity]:
        dt, memory = self.lengths[self.state.step], self.state.memory
        return dt, False, self._computed(dt)[1] if memory is None else self._ahead(memory, dt)

    def _advanced(self, velocity: Velocity, dt: float) -> bool:
        """What would empty a cell here, and not in 32 bits, is taken in parts."""
        if not super()._advanced(velocity, dt):
            explicit(self.flow, self.state, velocity, dt, self.control)
        return True


def measured(session: AnySession, steps: int = MEASURED) -> Precision | None:
    """The distance at the start of a session; None where its densities have 64 bits, or no room.

    Gives a notice where it is larger than rounding explains, and where there is no room for it.
    """
    if not isinstance(session, Session) or session.flow.kernels.real == "float64":
        return None
    held = session.memory
    needed = beside(session.config, session.problem, held)
    if needed > held.there:
        warnings.warn(
            f"how far float32 is from float64 is not measured: it takes {size(needed)} of memory, "
            f"and there are {size(held.there)}",
            Notice,
            stacklevel=3,
        )
        return None
    with warnings.catch_warnings():
        # the run itself will tell, but for what is told here and once
        warnings.filterwarnings("ignore", f"(?!{COMPILED} |{WITHOUT} )", Notice)
        try:
            own = session.driver()
            own.walk(steps)
            found = _compared(own, _led(session, own.log["dt"]))
        except NumericalFailure:  # the run itself will meet it
            return None
    if not max(found.density, found.measure, found.risk) <= found.expected:
        warnings.warn(
            f"{describe(found.told())}; rounding alone explains {found.expected:.1e}: hold the run "
            'against one with run.dtype = "float64"',
            Notice,
            stacklevel=3,
        )
    return found


def _led(session: Session, lengths: Sequence[float]) -> tuple[_Led, float]:
    """A driver in 64 bits after steps of those lengths from the same start, and its first risk."""
    start, kernels = session.initial_state(), session.flow.kernels.typed("float64")
    rho = kernels.array(start.rho)
    driver = session.on(kernels).driven(_Led, State(rho, start.axis))
    risk, driver.lengths = driver.risk, lengths
    driver.walk(len(lengths))
    return driver, risk


def _compared(own: Driver, led: tuple[_Led, float]) -> Precision:
    """The distances between two drivers after the same steps."""
    exact, risk = led
    volume, weight = exact.flow.cell_volume, exact.state.axis.weight
    sizes = exact.flow.kernels.array(np.abs(exact.state.axis.values))
    off = mass = size = 0.0
    both = _aligned(exact.flow.kernels, own.state, exact.state)
    for cells, rho, wanted in zip(volume, *map(panels, both), strict=True):
        off += weight * float((cells * np.abs(rho - wanted).sum(axis=-1)).sum())
        mass += weight * float((cells * wanted.sum(axis=-1)).sum())
    for cells, wanted in zip(volume, panels(exact.state.rho), strict=True):
        size += weight * float((cells * (wanted @ sizes)).sum())
    rounding = OPERATIONS * (own.state.step + 1) * own.flow.rounding.unit
    measure = exact.flow.integral(np.abs(own.moments[1] - exact.moments[1]))
    return Precision(
        own.state.step,
        own.state.time,
        off / mass,
        measure / max(size, TINY),
        abs(own.risk - exact.risk) / max(risk, TINY),
        rounding + (0.0 if own.temperature.zero else SPLIT),
    )


def _aligned(kernels: Kernels, one: State, other: State) -> tuple[Array, Array]:
    """Both densities on the union of their axes of a."""
    if one.axis == other.axis:
        return one.rho, other.rho
    low = min(one.axis.first, other.axis.first)
    high = max(each.axis.first + each.axis.count for each in (one, other))
    made = [
        kernels.regrid(each.rho, each.axis.first - low, high - each.axis.first - each.axis.count)
        for each in (one, other)
    ]
    return made[0], made[1]
