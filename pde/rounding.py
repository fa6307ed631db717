"""What the type of a density means for rounding: the bounds that are not those of mathematics.

`float32` keeps the density in 32 bits, and what is computed cell by cell from it; all that is one
number a direction or a row is `float64` always, as are sums over cells. So a step may empty a cell
to the bound and a little beyond, risk and energy of a run carry the noise of its cells, and a Gibbs
state underflows much sooner.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.contract import Real

MEASURED = 8  # steps over which a run of 32 bits is compared with one of 64


@dataclass(frozen=True)
class Rounding:
    """Of a type.

    unit : largest relative error of one operation
    room : share of a step kept below the bound of positivity, some thirty operations' worth
    noise : relative, of the energy; a smaller fall means nothing
    deepest : range of the potential, in temperatures, beyond which densities underflow: e^-deepest
        is above the smallest density (`kernels.reference.outer.VACUUM`) over a mean one
    """

    unit: float
    room: float
    noise: float
    deepest: float


ROUNDING: dict[Real, Rounding] = {
    "float64": Rounding(2.0**-53, room=1e-8, noise=1e-12, deepest=650.0),
    "float32": Rounding(2.0**-24, room=2e-6, noise=1e-7, deepest=60.0),
}
