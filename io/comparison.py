"""Two runs of one problem, side by side: how far apart risk, network and law are, over time.

    R_A - R_B,   rms_x |f_A(x) - f_B(x)|,   max_x |f_A(x) - f_B(x)|,   W2(rho_A, rho_B)

at the saved times that both have. The inputs x are the same for both: given rows, or normal ones
with the mean and covariance of the data, from a fixed seed. W2 is `distance`'s work.

Replicas are compared in pairs, k with k; a run without replicas is compared with each one of the
other. Bands are over the pairs, which are independent where the replicas are. The law of a run with
replicas is that of all of them, so W2 has no band.

time (times,) · differences (times, pairs) · inputs (rows, raw inputs)
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError, Notice
from ..pde.frame import AnyLayout, Array
from . import distance
from .prediction import unwhitened_rows, whitened_inputs
from .report import plain
from .safefile import atomic_bytes
from .sameness import refuse_other_problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .run import Run

ROWS = 2000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Difference = Literal["risk_difference", "rms_difference", "max_difference"]
DIFFERENCES: tuple[Difference, ...] = ("risk_difference", "rms_difference", "max_difference")


@dataclass(frozen=True)
class Band:
    """A quantity over the pairs of replicas, at every time.

    mean : (times,); standard_error : (times,) of that mean, NaN with one pair
    quantiles : (5, times) at 5, 25, 50, 75 and 95 %: the 90 % and the 50 % band around the median
    """

    mean: Array
    standard_error: Array
    quantiles: Array

    @classmethod
    def of(cls, values: Array) -> Band:
        """The band of values (times, pairs)."""
        pairs = values.shape[1]
        spread = values.std(axis=1, ddof=1) if pairs > 1 else np.full(len(values), np.nan)
        return cls(
            values.mean(axis=1), spread / np.sqrt(pairs), np.quantile(values, QUANTILES, axis=1)
        )

    def to_info(self) -> dict[str, Any]:
        """Lists, with None for NaN."""
        quantiles = zip(QUANTILES, self.quantiles, strict=True)
        return {
            "mean": plain(self.mean),
            "standard_error": plain(self.standard_error),
            "quantiles": {f"{share:g}": plain(values) for share, values in quantiles},
        }


@dataclass(frozen=True)
class Comparison:
    """How far two runs are apart.

    a, b : the runs; time : (times,) saved by both
    inputs : (rows, raw inputs) where the networks were compared
    risk_a, risk_b : (times,) each, means over the replicas that were compared
    risk_difference : (times, pairs) R_A - R_B
    rms_difference, max_difference : (times, pairs) of |f_A - f_B| over the inputs
    scale : (times,) RMS of f_B over the inputs
    distance : (times,) W2 between the laws, NaN where one of them is not stored; None where it has
        no meaning or POT is not installed
    distance_error : (times,) what W2 is off by at most, since large laws are condensed
    remarks : what a reader must know, a line each
    """

    a: Run = field(repr=False)
    b: Run = field(repr=False)
    time: Array
    inputs: Array = field(repr=False)
    risk_a: Array
    risk_b: Array
    risk_difference: Array
    rms_difference: Array
    max_difference: Array
    scale: Array
    distance: Array | None
    distance_error: Array | None
    remarks: tuple[str, ...]

    @property
    def pairs(self) -> int:
        """Pairs of replicas that were compared."""
        return int(self.risk_difference.shape[1])

    def band(self, name: Difference, absolute: bool = False) -> Band:
        """Mean, standard error and quantiles of a difference over the pairs, signed or not."""
        if name not in DIFFERENCES:
            raise InputError(f"no difference {name!r}; there are {', '.join(DIFFERENCES)}")
        values: Array = getattr(self, name)
        return Band.of(np.abs(values) if absolute else values)

    def to_info(self) -> dict[str, Any]:
        """What `compare --json` prints: arrays over the common times as lists, None for NaN."""
        return {
            "a": name(self.a, "A"),
            "b": name(self.b, "B"),
            "pairs": self.pairs,
            "inputs": len(self.inputs),
            "time": plain(self.time),
            "risk_a": plain(self.risk_a),
            "risk_b": plain(self.risk_b),
            **{each: self.band(each).to_info() for each in DIFFERENCES},
            "scale": plain(self.scale),
            "distance": None if self.distance is None else plain(self.distance),
            "distance_error": None if self.distance_error is None else plain(self.distance_error),
            "remarks": list(self.remarks),
        }

    def summary(self) -> str:
        """A table for people."""
        lines = [f"A  {self.a!r}", f"B  {self.b!r}", ""]
        columns = self._columns()
        width = {head: max(len(head), *map(len, cells)) + 2 for head, cells in columns.items()}
        lines.append("".join(f"{head:>{width[head]}}" for head in columns))
        lines += [
            "".join(f"{cells[row]:>{width[head]}}" for head, cells in columns.items())
            for row in range(len(self.time))
        ]
        return "\n".join([*lines, "", *self.remarks])

    def _columns(self) -> dict[str, list[str]]:
        risk, rms, most = (self.band(each) for each in DIFFERENCES)
        columns = {
            "t": [f"{t:.6g}" for t in self.time],
            "risk A": [f"{value:.5g}" for value in self.risk_a],
            "risk B": [f"{value:.5g}" for value in self.risk_b],
            "R_A - R_B": _with_error(risk),
            "rms |f_A - f_B|": _with_error(rms),
            "max |f_A - f_B|": _with_error(most),
            "rms f_B": [f"{value:.4g}" for value in self.scale],
        }
        if self.distance is not None:
            columns["W2"] = [f"{value:.3g}" for value in self.distance]
        return columns

    def plot(self, path: str | Path | None = None, time: float | None = None) -> Figure:
        """Draw the risks, the differences with their bands, and both networks at a common time.

        time : the last common one unless given; written where a path is given
        """
        from .figures import save
        from .figures.comparison import figure
        from .figures.style import styled

        with styled():
            drawn = figure(self, self._common(time))
        if path is not None:
            save(drawn, Path(path))
        return drawn

    def _common(self, time: float | None) -> float:
        if time is None:
            return float(self.time[-1])
        nearest = float(self.time[np.argmin(np.abs(self.time - time))])
        if not np.isclose(nearest, time, rtol=1e-9, atol=1e-12):
            raise InputError(f"t = {time:g} is no common time; the nearest is {nearest:.12g}")
        return nearest

    def write(self, path: str | Path) -> None:
        """Write `to_info` as JSON."""
        text = json.dumps(self.to_info(), indent=2, allow_nan=False)
        atomic_bytes(Path(path), f"{text}\n".encode())


def compare_runs(a: Run, b: Run, inputs: ArrayLike | None = None) -> Comparison:
    """The comparison of two runs of one problem.

    inputs : (rows, raw inputs); normal ones with the moments of the data unless given
    Raises InputError where data, target or loss differ, or no time after 0 is common.
    """
    refuse_other_problem(a, b)
    times = common_times(a, b)
    x = drawn_inputs(a.layout) if inputs is None else np.asarray(inputs)
    xt = whitened_inputs(a.layout, x)
    first, second, remarks = _paired(_replicas(a), _replicas(b))
    remarks.insert(0, _inputs_in_words(x, inputs is None))
    rms, most, scale = _networks_apart(a, b, xt, times, (first, second))
    risk_a, risk_b = _risks(a, times)[:, :first], _risks(b, times)[:, :second]
    apart, off, more = _distances(a, b, times)
    return Comparison(
        a,
        b,
        time=times,
        inputs=np.asarray(x, float),
        risk_a=risk_a.mean(axis=1),
        risk_b=risk_b.mean(axis=1),
        risk_difference=risk_a - risk_b,
        rms_difference=rms,
        max_difference=most,
        scale=scale,
        distance=apart,
        distance_error=off,
        remarks=(*remarks, *more),
    )


def common_times(a: Run, b: Run) -> Array:
    """The saved times of A that B has too, of which both have the network.

    Raises InputError where there is none after 0.
    """
    near = np.isclose(a.time[:, None], b.time[None, :], rtol=1e-9, atol=1e-12)
    near &= _with_network(a)[:, None] & _with_network(b)[None, :]
    times = a.time[near.any(axis=1)]
    if not (times > 0).any():
        until = [f"{run.time[-1]:g}" if len(run.time) else "nothing" for run in (a, b)]
        raise InputError(
            f"no saved time after 0 is common to both (the last are {until[0]} and {until[1]}); "
            "run both with the same time.save and [output]"
        )
    return np.asarray(times)


def _with_network(run: Run) -> NDArray[np.bool_]:
    """At which saved times the network is stored, see the table [output]: (times,)."""
    has = run._trajectory.has
    return np.asarray(has("rho") | has("measure") | has("direction"))


def drawn_inputs(layout: AnyLayout, rows: int = ROWS, seed: int = 0) -> Array:
    """Normal raw inputs whose moments are those that batch normalization uses: (rows, columns)."""
    generator = np.random.Generator(np.random.Philox(seed))
    x = unwhitened_rows(layout, generator.standard_normal((rows, layout.dimension)))
    if layout.input_basis is None:
        return x
    assert layout.input_centre is not None
    return np.asarray(layout.input_centre + x @ np.linalg.pinv(layout.input_basis).T)


def name(run: Run, otherwise: str) -> str:
    """The folder of a run; of one in memory, what it is called."""
    return otherwise if run.path is None else str(run.path)


def _inputs_in_words(x: Array, drawn: bool) -> str:
    whose = "normal inputs with the moments of the data" if drawn else "given inputs"
    return f"f over {len(x):,} {whose}"


def _replicas(run: Run) -> int:
    return int(getattr(run.layout, "replicas", 1))


def _paired(a: int, b: int) -> tuple[int, int, list[str]]:
    """How many replicas of each are compared, and that in words."""
    if min(a, b) > 1 and a != b:
        fewer = min(a, b)
        return fewer, fewer, [f"A has {a} replicas, B {b}: the first {fewer} are compared in pairs"]
    if max(a, b) == 1:
        return 1, 1, []
    how = "in pairs" if a == b else f"each with {'A' if a == 1 else 'B'}"
    return a, b, [f"{max(a, b)} replicas compared {how}; ± is the standard error of the mean"]


def _networks_apart(
    a: Run, b: Run, xt: Array, times: Array, replicas: tuple[int, int]
) -> tuple[Array, Array, Array]:
    """RMS and largest |f_A - f_B| (times, pairs), and the RMS of f_B (times,)."""
    rms, most, scale = [], [], []
    for t in times:
        f_a, f_b = _outputs(a, xt, t, replicas[0]), _outputs(b, xt, t, replicas[1])
        off = np.abs(f_a - f_b)
        rms.append(np.sqrt(np.mean(off**2, axis=1)))
        most.append(off.max(axis=1))
        scale.append(np.sqrt(np.mean(f_b**2)))
    return np.array(rms), np.array(most), np.array(scale)


def _outputs(run: Run, xt: Array, t: float, replicas: int) -> Array:
    """(replicas, rows): the networks at whitened inputs."""
    if _replicas(run) == 1:
        return run.network(xt, t)[None]
    return np.stack([run.network(xt, t, k) for k in range(replicas)])


def _risks(run: Run, times: Array) -> Array:
    """(times, replicas)."""
    known = run.diagnostics
    risks = known["risk_replicas"] if "risk_replicas" in known else known["risk"][:, None]
    return np.asarray(risks[[run.index(t) for t in times]])


def _distances(a: Run, b: Run, times: Array) -> tuple[Array | None, Array | None, list[str]]:
    """W2 at every time, what it is off by at most, and what is to be said of them."""
    normalised = distance.is_normalised(a)
    if normalised != distance.is_normalised(b):
        return None, None, ["no W2: one network is batch-normalized, the other plain"]
    if not distance.is_available():
        missing = 'no W2: POT is not installed; pip install POT, or "bnflow[analysis]"'
        warnings.warn(missing, Notice, stacklevel=4)
        return None, None, [missing]
    apart, off = np.full((2, len(times)), np.nan)
    rescaled = distance.is_rescaled(a) or distance.is_rescaled(b)
    for row, t in enumerate(times):
        if not (a.stores(t) and b.stores(t)):
            continue
        laws = distance.cloud(a, t, rescaled), distance.cloud(b, t, rescaled)
        apart[row] = distance.wasserstein(*laws)
        off[row] = laws[0].error + laws[1].error
    law = "(v, a, gamma, beta)" if rescaled else "(v, a)"
    remarks = [f"W2 over {f'{law}, v whitened' if normalised else '(w, a)'}"]
    if (worst := np.nanmax(off, initial=0.0)) > 0:
        points = f"{distance.MOST_POINTS:,}"
        remarks[0] += f"; laws of more than {points} points are condensed: off by at most"
        remarks[0] += f" {worst:.2g}"
    return apart, off, remarks


def _with_error(band: Band) -> list[str]:
    if np.isnan(band.standard_error).all():
        return [f"{value:.3g}" for value in band.mean]
    return [f"{m:.3g} ± {e:.1g}" for m, e in zip(band.mean, band.standard_error, strict=True)]
