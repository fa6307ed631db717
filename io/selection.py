"""What of a frame is stored: its fields, in whole or by what is derived from them, and rounded.

marginal   ∫ρ da      the law of the directions       measure         ∫aρ da   (the network)
a_law      ∫ρ dvol    the law of the outer weights    second_moment   ∫a²ρ da

The table [output] of a configuration decides. Restart files always hold the solver's whole state,
to the last bit. A rounded number keeps the first mantissa bits, halves to even: the rest are zeros,
which is what compresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..pde.config import Config
from ..pde.frame import AnyLayout, Array, Frame, Layout
from .header import a_axis, a_weight

ALL_BITS = 52  # of the mantissa of a float64; a float32 has 23
TRACERS = ("tracer_direction", "tracer_a")  # always stored: they are few


@dataclass(frozen=True)
class Selection:
    """The part of every frame that is stored.

    every : the density, or the neurons, at each so many saved times, and at the last
    saves : all saved times; density : whether it is stored at all
    marginals, moments : where they are stored: "always", "between" (where the density is not), ""
    bits : of the mantissa; gzip : whether fields are compressed
    """

    saves: Sequence[float] = ()
    every: int = 1
    density: bool = True
    marginals: str = ""
    moments: str = ""
    bits: int = ALL_BITS
    gzip: bool = False

    @classmethod
    def of(cls, config: Config) -> Selection:
        """As the configuration says."""
        output = config.output
        auto = output.fields == "auto"

        def derived(name: str) -> str:
            return "between" if auto else "always" if name in output.fields else ""

        return cls(
            config.time.saves() if output.density_every > 1 else (),
            output.density_every,
            auto or "density" in output.fields,
            derived("marginals"),
            derived("moments"),
            output.mantissa_bits or ALL_BITS,
            output.compression == "gzip",
        )

    def stored(self, frame: Frame, layout: AnyLayout) -> Frame:
        """The frame with the fields that are stored."""
        whole = self.density and self._is_due(frame.time)
        fields = {name: x for name, x in frame.fields.items() if whole or name in TRACERS}
        if isinstance(layout, Layout):
            if self.marginals == "always" or (self.marginals and not whole):
                fields |= marginals(frame, layout)
            if self.moments == "always" or (self.moments and not whole):
                fields |= moments(frame, layout)
        fields = {name: rounded(values, self.bits) for name, values in fields.items()}
        return replace(frame, fields=fields, a_count=frame.a_cells)

    def _is_due(self, time: float) -> bool:
        """At every so many saved times, at the last one, and at a time that is none of them."""
        if self.every == 1 or time not in self.saves or time == self.saves[-1]:
            return True
        return self.saves.index(time) % self.every == 0


def marginals(frame: Frame, layout: Layout) -> Mapping[str, Array]:
    """The laws of the directions and of the outer weights of a density."""
    rho = frame.fields["rho"]
    cells = layout.cell_volume.ravel()
    panels = zip(cells.reshape(len(rho), -1), rho, strict=True)
    return {
        "marginal": _over_a(rho, a_weight(layout, frame.a_cells)),
        "a_law": sum(v @ panel.reshape(len(v), -1) for v, panel in panels),
    }


def moments(frame: Frame, layout: Layout) -> Mapping[str, Array]:
    """The moments of the outer weights of a density, direction by direction."""
    rho, count = frame.fields["rho"], frame.a_cells
    a, weight = a_axis(layout, frame.a_first, count), a_weight(layout, count)
    powers = {"measure": a * weight, "second_moment": a * a * weight}
    return {name: _over_a(rho, power) for name, power in powers.items()}


def _over_a(rho: Array, weights: Array) -> Array:
    """(2d, n, .., n): a weighted sum over a, in 64 bits, panel by panel."""
    return np.stack([panel @ weights for panel in rho])


def rounded(values: Array, bits: int) -> Array:
    """The nearest numbers with so many mantissa bits after the leading one.

    >>> rounded(np.array([1.0, 1.125, 1.375, -3.3]), 2).tolist()
    [1.0, 1.0, 1.5, -3.5]
    """
    drop = ALL_BITS - bits
    if bits >= np.finfo(values.dtype).nmant:
        return values
    raw = np.ascontiguousarray(values, float).view(np.uint64)
    last = (raw >> np.uint64(drop)) & np.uint64(1)
    up = raw + np.uint64((1 << (drop - 1)) - 1) + last
    near = (up & ~np.uint64((1 << drop) - 1)).view(float)
    return np.where(np.isfinite(near), near, values).astype(values.dtype, copy=False)
