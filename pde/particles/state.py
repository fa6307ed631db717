"""The state of a run of neurons: one object, whole; a checkpoint is this object.

Inner weights in the coordinates of the flow's chart, outer weights, the clock, the memory of the
step control and the accumulated balances. What is not here is a function of what is here, so a run
continued from `packed` takes bitwise the steps that the uninterrupted run takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..critical import CriticalClock
from ..network.affine import Affine

Array = NDArray[np.float64]

KEPT = ("clock", "step", "critical")  # by the host


@dataclass(frozen=True)
class Origin:
    """The weights at the start: x, a and affine of the state."""

    x: Array
    a: Array
    affine: Affine | None = None

    @classmethod
    def of(cls, state: NeuronState) -> Origin:
        """The weights as they are."""
        affine = state.affine
        kept = None if affine is None else Affine(*(part.copy() for part in affine))
        return cls(state.x.copy(), state.a.copy(), kept)

    def packed(self) -> dict[str, NDArray[Any]]:
        """As named arrays."""
        affine = self.affine._asdict() if self.affine is not None else {}
        parts = {"x": self.x, "a": self.a, **affine}
        return {f"origin_{name}": part for name, part in parts.items()}

    @classmethod
    def unpacked(cls, arrays: Mapping[str, NDArray[Any]]) -> Origin | None:
        """The weights that `packed` gave; None where there were none."""
        if "origin_x" not in arrays:
            return None
        known = "origin_gamma" in arrays
        affine = Affine(arrays["origin_gamma"], arrays["origin_beta"]) if known else None
        return cls(arrays["origin_x"], arrays["origin_a"], affine)


@dataclass
class NeuronState:
    """Everything that a continuation needs.

    x : (replicas, neurons, d) inner weights, in the chart; a : (replicas, neurons) outer weights
    affine : (replicas, neurons) gamma and beta; None where they stay 1 and 0
    mass : (neurons,) share of each neuron in its network; sums to 1
    lost : (replicas,) integral of the dissipation since the start
    time, step : flow time, steps taken; start_energy : F at t = 0, mean over the replicas
    dt : proposal for the next step, 0 before the first; error : of the last step, in tolerances
    drift : sum over the steps of the largest relative departure from the manifold, removed since
    balance : (replicas, neurons) a^2 - |w|^2, or a^2 - gamma^2 - beta^2, at the start, where that
        is conserved; else empty
    origin : the weights at the start; critical : clock of critical steps
    """

    x: Array
    a: Array
    mass: Array
    lost: Array
    time: float = 0.0
    step: int = 0
    start_energy: float = float("nan")
    dt: float = 0.0
    error: float = 1.0
    drift: float = 0.0
    balance: Array | None = None
    affine: Affine | None = None
    origin: Origin | None = None
    critical: CriticalClock = field(default_factory=CriticalClock)

    @property
    def dissipated(self) -> float:
        """Integral of the dissipation, mean over the replicas."""
        return float(self.lost.mean())

    def packed(self, host: Callable[[Array], Array] = np.asarray) -> dict[str, NDArray[Any]]:
        """The state as named arrays of the host, which `host` gives."""
        clock = [self.time, self.start_energy, self.dt, self.error, self.drift]
        arrays: dict[str, NDArray[Any]] = {
            "x": self.x,
            "a": self.a,
            "mass": self.mass,
            "lost": self.lost,
            "clock": np.array(clock, float),
            "step": np.array(self.step, np.int64),
        }
        if self.balance is not None:
            arrays["balance"] = self.balance
        if self.affine is not None:
            arrays |= self.affine._asdict()
        if self.origin is not None:
            arrays |= self.origin.packed()
        arrays["critical"] = self.critical.packed()
        return {name: np.array(host(value)) for name, value in arrays.items()}

    @classmethod
    def unpacked(
        cls,
        stored: Mapping[str, NDArray[Any]],
        array: Callable[[Array], Array] = np.ascontiguousarray,
    ) -> NeuronState:
        """The state that `packed` gave, its weights where `array` puts them."""
        time, start_energy, dt, error, drift = (float(value) for value in stored["clock"])
        arrays = {
            name: np.ascontiguousarray(value) if name in KEPT else array(value)
            for name, value in stored.items()
        }
        x, a, mass, lost = (arrays[n] for n in ("x", "a", "mass", "lost"))
        affine = Affine(arrays["gamma"], arrays["beta"]) if "gamma" in arrays else None
        return cls(
            x, a, mass, lost, time, int(stored["step"]), start_energy, dt, error, drift,
            arrays.get("balance"), affine,
            Origin.unpacked(arrays), CriticalClock.unpacked(arrays.get("critical")),
        )  # fmt: skip
