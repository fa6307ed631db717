"""The state of a grid run: one object, whole; a checkpoint is this object.

The density, the clock, the two fields that extrapolation remembers, the memory of the step control
and the accumulated energy balance. What is not here is a function of what is here, so a run
continued from `packed` takes bitwise the steps that the uninterrupted run takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels import Velocity
from ..critical import CriticalClock
from ..geometry.axis import CellAxis, ListAxis, OuterAxis
from .tracers import Tracers

Array = NDArray[np.float64]

UNKNOWN = np.full(2, np.nan)  # length and sign_changed of a state from before they were kept


@dataclass
class Memory:
    """What the last step leaves for the next one.

    velocity : at the start of the last step; h_predicted : h now, as extrapolated from the two
    fields before (None after the first step); dt : length of the last step
    uneven : change of the dissipation over it, times dt, of all that was dissipated
    """

    velocity: Velocity
    h_before: Array
    h_predicted: Array | None
    dt: float
    uneven: float = 0.0


@dataclass
class State:
    """Everything that a continuation needs.

    rho : (2d, n, .., n, n_a) density per unit Riemannian volume and unit a; axis : its a axis
    time, step : flow time, steps taken; memory : None before the first step
    start_energy : F at t = 0, and the work done since by a changing temperature
    dissipated : integral of the dissipation since then
    peak_field : largest norm of h so far (the scale of the field tolerance)
    length, sign_changed : of the way so far, see `diagnostics`; critical : clock of critical steps
    tracers : where the run has some
    """

    rho: Array
    axis: OuterAxis
    time: float = 0.0
    step: int = 0
    memory: Memory | None = None
    start_energy: float = float("nan")
    dissipated: float = 0.0
    peak_field: float = 0.0
    length: float = 0.0
    sign_changed: float = 0.0
    critical: CriticalClock = field(default_factory=CriticalClock)
    tracers: Tracers | None = None

    def packed(self, host: Callable[[Array], Array] = np.asarray) -> dict[str, NDArray[Any]]:
        """The state as named arrays of the host, which `host` gives."""
        arrays: dict[str, NDArray[Any]] = {
            "rho": self.rho,
            "clock": np.array(
                [self.time, self.start_energy, self.dissipated, self.peak_field], float
            ),
            "step": np.array(self.step, np.int64),
            "way": np.array([self.length, self.sign_changed]),
            "critical": self.critical.packed(),
        }
        if isinstance(self.axis, CellAxis):
            arrays["axis_cells"] = np.array([self.axis.first, self.axis.count], np.int64)
            arrays["axis_scale"] = np.array([self.axis.origin, self.axis.width])
        else:
            arrays["axis_list"] = self.axis.values
        if self.tracers is not None:
            arrays |= self.tracers.packed()
        if self.memory is not None:
            arrays["memory_dt"] = np.array(self.memory.dt)
            arrays["memory_uneven"] = np.array(self.memory.uneven)
            arrays["memory_h"] = self.memory.h_before
            if self.memory.h_predicted is not None:
                arrays["memory_h_predicted"] = self.memory.h_predicted
            for i, face in enumerate(self.memory.velocity.faces):
                arrays[f"memory_face{i}"] = face
            if self.memory.velocity.outer is not None:
                arrays["memory_outer"] = self.memory.velocity.outer
        return {name: np.array(host(value)) for name, value in arrays.items()}

    @classmethod
    def unpacked(
        cls, stored: Mapping[str, NDArray[Any]], array: Callable[..., Array] = np.asarray
    ) -> State:
        """The state that `packed` gave, its fields where `array(values, type)` puts them."""
        placed = ("rho", "memory_h", "memory_h_predicted", "memory_outer", "memory_face")
        arrays = {
            name: array(value, value.dtype) if name.rstrip("0123456789") in placed else value
            for name, value in stored.items()
        }
        time, start_energy, dissipated, peak = (float(x) for x in arrays["clock"])
        length, sign_changed = arrays.get("way", UNKNOWN)
        axis: OuterAxis
        if "axis_list" in arrays:
            axis = ListAxis(tuple(float(a) for a in arrays["axis_list"]))
        else:
            origin, width = (float(x) for x in arrays["axis_scale"])
            first, count = (int(x) for x in arrays["axis_cells"])
            axis = CellAxis(origin, width, first, count)
        memory = None
        if "memory_dt" in arrays:
            faces: list[Array] = []
            while f"memory_face{len(faces)}" in arrays:
                faces.append(arrays[f"memory_face{len(faces)}"])
            memory = Memory(
                Velocity(faces, arrays.get("memory_outer")),
                arrays["memory_h"],
                arrays.get("memory_h_predicted"),
                float(arrays["memory_dt"]),
                float(arrays.get("memory_uneven", 0.0)),
            )
        return cls(
            arrays["rho"],
            axis,
            time,
            int(arrays["step"]),
            memory,
            start_energy,
            dissipated,
            peak,
            float(length),
            float(sign_changed),
            CriticalClock.unpacked(arrays.get("critical")),
            Tracers.unpacked(arrays),
        )
