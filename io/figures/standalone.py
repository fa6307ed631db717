"""A run as a plotting script reads it: with h5py alone, one saved time at once.

`script` copies this module's code into the scripts that it writes, in the place of `io.run`: the
class has what figures use of a run, under the same names. In a script, REMARKS and TARGET have what
was known when it was written.

    TARGET  kind: teacher (directions, weights, activation, gain), single-index (hermite, direction)
            or linear (coefficients); classes, shift, scale; matrix, offset: its inputs are
            xt @ matrix + offset.  None: the target is only data
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtr

from ..prediction import network_output, neuron_output

Array = NDArray[np.float64]
REMARKS: list[str] = []
TARGET: dict[str, Any] | None = None
LAYOUT = (
    *("data_mean", "data_covariance", "input_basis", "target_shift", "target_scale", "panel"),
    *("cell_volume", "direction_raw", "direction_whitened", "neuron_mass"),
)
SIGMA: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "linear": lambda z: z,
    "erf": erf,
    "tanh": np.tanh,
    "gelu": lambda z: z * ndtr(z),
    "softplus": lambda z: np.logaddexp(z, 0.0),
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "step": lambda z: 0.5 + 0.5 * np.sign(z),
    "quadratic": np.square,
}


class Run:
    """What the figures use of a run."""

    def __init__(self, path: Path) -> None:
        """Read all but the fields from the trajectory.h5 at `path`."""
        self._path = path
        with h5py.File(path, "r") as file:
            self.settings = tomllib.loads(file["config_toml"][()].decode())
            self.time = file["time"][()]
            marks = file.get("rho_stored", file.get("a_stored"))
            self.field_times = self.time if marks is None else self.time[marks[()].astype(bool)]
            roles = {name: item.attrs.get("bnflow_role") for name, item in file.items()}
            known = [name for name, role in roles.items() if role == "diagnostic"]
            self.diagnostics = {name: file[name][()] for name in known}
            self.log = {name: file["log"][name][()] for name in file["log"] if name != "entry"}
            parts = {name: file[name][()] if name in file else None for name in LAYOUT}
            self.layout = SimpleNamespace(**parts, dimension=len(file["axis"]))
            if "panel" in file:
                self.a, self.a_weight = file["a"][()], file["a_weight"][()]
                self.layout.xi = file["xi1"][()]
                self.layout.a_width = file["a"].attrs.get("cell_width")
                self.layout.coordinates = file.attrs.get("directions_of_grid", "raw")
                ways = "tracer_direction"
                self.layout.tracers = file[ways].shape[1] if ways in file else 0
            else:
                self.layout.width, self.layout.replicas = len(file["neuron"]), len(file["replica"])
                self.layout.normalised = bool(file.attrs["batch_norm"])
                self.rescaled = "gamma" in file

    def index(self, t: float) -> int:
        """Number of the saved time t."""
        row = int(np.argmin(np.abs(self.time - t)))
        if not np.isclose(self.time[row], t, rtol=1e-9, atol=1e-12):
            raise SystemExit(f"t = {t:g} is not in {self._path}; nearest: {self.time[row]:.12g}")
        return row

    def field(self, name: str, t: float) -> Array:
        """A field at a saved time, from that time's snapshot alone."""
        with h5py.File(self._path, "r") as file:
            values = np.asarray(file[name][self.index(t)])
        if np.isnan(values).all():
            raise SystemExit(f"{name} of t = {t:g} is not in {self._path}: not stored, or removed")
        return np.asarray(np.nan_to_num(values, nan=0.0))

    def has(self, name: str, t: float) -> bool:
        """Whether a field is stored at that time."""
        with h5py.File(self._path, "r") as file:
            marks = file.get(f"{name}_stored")
            return name in file and (marks is None or bool(marks[self.index(t)]))

    def trajectories(self) -> tuple[Array, Array]:
        """Passive tracers at all saved times: u (times, k, d) and a (times, k)."""
        with h5py.File(self._path, "r") as file:
            return file["tracer_direction"][()], file["tracer_a"][()]

    def density(self, t: float) -> Array:
        """rho: (panel, xi.., a)."""
        return self.field("rho", t)

    def signed_measure(self, t: float) -> Array:
        """int a rho da: (panel, xi..)."""
        if not self.has("rho", t):
            return self.field("measure", t)
        return np.asarray(self.density(t) @ (self.a * self.a_weight))

    def marginal(self, t: float) -> Array:
        """int rho da: (panel, xi..)."""
        if not self.has("rho", t):
            return self.field("marginal", t)
        return np.asarray(self.density(t) @ self.a_weight)

    def outer_weights(self, t: float) -> Array:
        """int rho dv: (a,)."""
        if not self.has("rho", t):
            return self.field("a_law", t)
        cells = self.layout.cell_volume.ravel()
        return np.asarray(cells @ self.density(t).reshape(len(cells), -1))

    def particles(self, t: float) -> tuple[Array, Array, Array]:
        """Directions (replica, neuron, axis), a (replica, neuron), mass (neuron,)."""
        return self.field("direction", t), self.field("a", t), self.layout.neuron_mass

    def network(self, xt: Array, t: float) -> Array:
        """The network at whitened inputs, the mean over replicas: (rows,)."""
        network = self.settings["network"]
        sigma = activation(network["activation"], network.get("gain", 1.0))
        layout: Any = self.layout
        if layout.neuron_mass is None:
            return network_output(layout, self.signed_measure(t), sigma, xt)
        direction, a, _ = self.particles(t)
        affine: list[Any] = [None] * len(a)
        if self.rescaled:
            affine = list(zip(self.field("gamma", t), self.field("beta", t), strict=True))
        outputs = [
            neuron_output(layout, direction[k], a[k], sigma, xt, affine[k]) for k in range(len(a))
        ]
        return np.asarray(np.mean(outputs, axis=0))


def activation(spec: Any, gain: float) -> Callable[[Array], Array]:
    """z -> sigma(gain z)."""
    if isinstance(spec, dict) and spec["kind"] == "piecewise-linear":
        return lambda z: interpolated(gain * z, np.array(spec["knots"]), np.array(spec["values"]))
    own, name = (spec.get("gain", 1.0), spec["kind"]) if isinstance(spec, dict) else (1.0, spec)
    return lambda z: SIGMA[name](own * gain * z)


def interpolated(z: Array, knots: Array, values: Array) -> Array:
    """Linear between the knots; the slopes of the ends go on."""
    slopes = np.diff(values) / np.diff(knots)
    inside = np.interp(z, knots, values)
    below, above = np.minimum(z - knots[0], 0.0), np.maximum(z - knots[-1], 0.0)
    return np.asarray(inside + slopes[0] * below + slopes[-1] * above)


def remarks(run: Run, t: float) -> list[str]:
    """What a reader must know before trusting the density at t."""
    return REMARKS


def target_function(run: Run) -> Callable[[Array], Array] | None:
    """The target on whitened inputs (rows, d), in raw units."""
    return None if TARGET is None else lambda xt: target_values(TARGET or {}, xt)


def target_values(target: dict[str, Any], xt: Array) -> Array:
    """(rows,): see TARGET."""
    inputs = xt @ np.array(target["matrix"]) + np.array(target["offset"])
    if target["kind"] == "teacher":
        sigma = activation(target["activation"], target["gain"])
        y = sigma(inputs @ np.array(target["directions"]).T) @ np.array(target["weights"])
    elif target["kind"] == "single-index":
        series = [b / math.sqrt(math.factorial(k)) for k, b in enumerate(target["hermite"])]
        y = np.polynomial.hermite_e.hermeval(inputs @ np.array(target["direction"]), series)
    else:
        y = inputs @ np.array(target["coefficients"])
    if target["classes"]:
        return np.where(y >= 0, 1.0, -1.0)
    return np.asarray(target["shift"] + target["scale"] * y)
