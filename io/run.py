"""A run in the user's hands: curves as arrays, densities on demand, the network as a function.

rho (2d, n, .., n, n_a) - density per unit Riemannian volume and per unit a (per value, on a list):
    sum of rho * cell_volume * a_weight = mass
a (n_a,) - the axis that covers every saved time; a density is zero where its own axis did not reach
time, step and every diagnostic - arrays whose first axis is the saved times

A run of neurons is a `NeuronRun` (see `neuronrun`), made by the same constructors.

Opening a folder reads the view alone; a density reads its own snapshot alone, after a look whether
every snapshot is there and is the one that the view lists. Nothing here writes into the folder.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError
from ..pde.config.text import some
from ..pde.frame import AnyLayout, Array, Frame, Layout
from .fieldsource import FieldSource, MemoryFields
from .header import Header, a_axis, a_weight
from .opening import opened
from .prediction import network_output, whitened_inputs
from .report import describe, information, summarise
from .trajectory import Trajectory, record, table
from .view import is_run

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from ..pde.config import Config
    from ..pde.given import Given
    from ..pde.network.activations import Activation
    from ..pde.stationary import Stationary
    from .comparison import Comparison

SHADOW = "shadow"  # in the folder of a run on a grid: the same problem by particles


class Run:
    """The result of a run, from its folder or from memory; it never changes."""

    path: Path | None
    status: str
    given: Given | None = None  # what only Python knows of the problem, where it solved it
    layout: Layout
    config_toml: str
    provenance: Mapping[str, Any]
    time: Array
    step: NDArray[np.int64]
    log: Mapping[str, Array]
    if TYPE_CHECKING:  # diagnostics: arrays over the saved times, served by __getattr__
        risk: Array
        test_risk: Array
        population_risk: Array
        free_energy: Array
        entropy: Array
        mass: Array
        min_density: Array
        dissipation: Array
        dissipation_defect: Array
        stationarity: Array
        certificate: Array
        certificate_size: Array
        sharpness: Array
        critical_steps: Array
        sign_changed_mass: Array
        displacement: Array
        sup_h: Array
        a_mean: Array
        a_second_moment: Array
        a_max: Array
        weight_norm: Array
        wall_mass: Array
        unresolved_mass: Array
        w_second_moment: Array
        manifold_drift: Array
        balance_drift: Array
        risk_replicas: Array
        test_risk_replicas: Array

    def __init__(
        self,
        header: Header,
        trajectory: Trajectory,
        fields: FieldSource,
        status: str,
        path: Path | None = None,
    ) -> None:
        """For `from_directory` and `from_frames`."""
        self.path, self.status = path, status
        self.layout = cast(Layout, header.layout)  # NeuronRun declares its own
        self.config_toml = header.config_toml
        self.provenance = header.provenance
        self.time, self.step, self.log = trajectory.time, trajectory.step, trajectory.log
        self._trajectory, self._fields = trajectory, fields
        self._lay_out()

    def _lay_out(self) -> None:
        """The axis of a that covers every saved time."""
        self._a_first, count = self._trajectory.a_span(self.layout)
        self.a = a_axis(self.layout, self._a_first, count)
        self.a_weight = a_weight(self.layout, count)

    @classmethod
    def from_directory(cls, path: str | Path) -> Run:
        """The run in a folder, finished or not, or in the one file that `bnflow pack` made."""
        header, trajectory, fields, status = opened(Path(path))
        return cls._fitting(header)(header, trajectory, fields, status, Path(path))

    @classmethod
    def from_frames(
        cls,
        layout: AnyLayout,
        frames: Sequence[Frame],
        config_toml: str,
        provenance: Mapping[str, Any],
        status: str = "complete",
    ) -> Run:
        """A run that was never stored."""
        trajectory = table([record(frame) for frame in frames], layout)
        header = Header(layout, config_toml, dict(provenance))
        return cls._fitting(header)(header, trajectory, MemoryFields(frames), status)

    @classmethod
    def _fitting(cls, header: Header) -> type[Run]:
        """The class of a run with that header."""
        from .neuronrun import NeuronRun

        return cls if isinstance(header.layout, Layout) else NeuronRun

    # -- the curves ------------------------------------------------------------------------------

    @property
    def diagnostics(self) -> Mapping[str, Array]:
        """All diagnostics by name."""
        return self._trajectory.diagnostics

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Array:
            """A diagnostic as an attribute."""
            known = (
                self.__dict__["_trajectory"].diagnostics if "_trajectory" in self.__dict__ else {}
            )
            if name in known:
                return known[name]
            near = difflib.get_close_matches(name, dir(type(self)) + list(known), 3)
            hint = f"; nearest: {', '.join(near)}" if near else f"; there are {', '.join(known)}"
            raise AttributeError(f"this run has no {name!r}{hint}")

    def __dir__(self) -> list[str]:
        """Everything that a dot can be followed by."""
        return sorted({*super().__dir__(), *self.diagnostics})

    @cached_property
    def config(self) -> Config:
        """The validated configuration."""
        from ..pde.config import load_config

        return load_config(self.settings)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain nested tables."""
        tables = tomllib.loads(self.config_toml)
        solver = tables.get("solver", {})
        if solver.get("method") == "particles":
            solver.pop("diffusion", None)  # older files name one, which nothing heeded
        return tables

    # -- one saved time --------------------------------------------------------------------------

    def index(self, t: float) -> int:
        """Position of the saved time t; an unsaved one is an error that names the nearest."""
        if not len(self.time):
            raise InputError("this run has no saved time yet")
        nearest = int(np.argmin(np.abs(self.time - t)))
        if not np.isclose(self.time[nearest], t, rtol=1e-9, atol=1e-12):
            raise InputError(
                f"t = {t:g} was not saved; the nearest saved time is {self.time[nearest]:.12g} "
                "(all of them: run.time)"
            )
        return nearest

    def density(self, t: float) -> Array:
        """rho at a saved time on the axis `a`: (2d, n, .., n, n_a)."""
        return self._on_axis(self._field("rho", t), t)

    @property
    def field_times(self) -> Array:
        """The saved times whose density, or neurons, are stored: all, unless [output] says less."""
        return self.time[self._trajectory.has("rho" if "rho" in self._trajectory.fields else "a")]

    def stores(self, t: float) -> bool:
        """Whether the density, or the neurons, of a saved time are stored."""
        return bool(self.time[self.index(t)] in self.field_times)

    def signed_measure(self, t: float) -> Array:
        """m(v) = int a rho da, per Riemannian volume: (2d, n, .., n)."""
        if self._instead("measure", t):
            return self._field("measure", t)
        return np.asarray(self.density(t) @ (self.a * self.a_weight))

    def marginal(self, t: float) -> Array:
        """Law of the directions, int rho da, per Riemannian volume: (2d, n, .., n)."""
        if self._instead("marginal", t):
            return self._field("marginal", t)
        return np.asarray(self.density(t) @ self.a_weight)

    def outer_weights(self, t: float) -> Array:
        """Law of the outer weights, int rho dv, per unit a (per value, on a list): (n_a,)."""
        if self._instead("a_law", t):
            return self._on_axis(self._field("a_law", t), t)
        cells = self.layout.cell_volume.ravel()
        return np.asarray(cells @ self.density(t).reshape(len(cells), -1))

    def _field(self, name: str, t: float) -> Array:
        """A stored field at a saved time; one that is not stored is an error that says where."""
        row = self.index(t)
        if self._trajectory.has(name)[row]:
            return self._fields.read(name, row)
        times = some(self.field_times.tolist())
        there = f"they are at t = {times} (run.field_times)" if times else "they are at none"
        raise InputError(
            f"the fields of t = {t:g} were not stored (output.density_every, output.fields); "
            f"{there}"
        )

    def _instead(self, name: str, t: float) -> bool:
        """Whether a field is stored at a time where the density is not."""
        row = self.index(t)
        return bool(self._trajectory.has(name)[row] and not self._trajectory.has("rho")[row])

    def _on_axis(self, own: Array, t: float) -> Array:
        """Values on the a axis of their time on the one of all times, with zeros beyond."""
        start = int(self._trajectory.a_first[self.index(t)]) - self._a_first
        whole = np.zeros((*own.shape[:-1], len(self.a)))
        whole[..., start : start + own.shape[-1]] = own
        return whole

    def particles(self, t: float) -> tuple[Array, Array, Array]:
        """Directions, a and mass of the neurons of a run with solver.method = "particles"."""
        _refuse_neurons()

    def trajectories(self, k: int | None = None) -> tuple[Array, Array]:
        """The first k passive tracers at the saved times: u (times, k, d) and a (times, k).

        All of them unless k is given. Raises InputError where the run has none, or not so many.
        """
        count = self.layout.tracers
        if not count:
            raise InputError(
                "this run has no tracers; run it with solver.tracers = 200, or so many as you like"
            )
        chosen = _first(k, count, "tracers")
        names = ("tracer_direction", "tracer_a")
        u, a = (np.stack([self._field(n, float(t))[:chosen] for t in self.time]) for n in names)
        return u, a

    def scales(self, t: float) -> Array:
        """Scales gamma of batch normalization of the neurons of such a run."""
        _refuse_neurons()

    def shifts(self, t: float) -> Array:
        """Shifts beta of batch normalization of the neurons of such a run."""
        _refuse_neurons()

    def predict(self, x: ArrayLike, t: float, replica: int | None = None) -> Array:
        """The network at raw inputs x (rows, raw inputs), in the units of the targets: (rows,).

        replica : of a run of neurons; the mean over the replicas unless given
        """
        return self.network(whitened_inputs(self.layout, x), t, replica)

    def network(self, xt: Array, t: float, replica: int | None = None) -> Array:
        """The network at whitened inputs (rows, d): (rows,)."""
        if replica is not None:
            raise InputError("this run is a density on a grid and has no replicas; leave it out")
        return network_output(self.layout, self.signed_measure(t), self.activation.value, xt)

    @cached_property
    def activation(self) -> Activation:
        """The network's activation."""
        from ..pde.network.activations import activation

        network = self.settings["network"]
        return activation(network["activation"], network.get("gain", 1.0))

    def stationary(self, temperature: float | None = None) -> Stationary:
        """The stationary state of noisy training, by self-consistency.

        Its `.density` is on its own axis `.a`; it has `.risk`, `.free_energy`, `.residual` too.

        temperature : tau; that at the end of the run unless given. Its ridge, grid, data and what
            the run conserves stay: where a or w alone is trained, that is the law of the other.
        Raises InputError where there is none: without noise, or a trained and no training.ridge.
        """
        from ..pde.stationary import stationary_state
        from .rebuilt import session_of

        session = session_of(self)
        if temperature is None:
            temperature = session.problem.temperature.at(self.config.time.end)
        with np.errstate(all="ignore"):
            return stationary_state(session.flow, session.initial_state(), temperature)

    @cached_property
    def shadow(self) -> Comparison | None:
        """The comparison with the same problem by particles, where solve had shadow_particles."""
        found = self.shadow_run
        if found is None:
            return None
        from .comparison import compare_runs

        return compare_runs(self, found)

    @property
    def shadow_run(self) -> Run | None:
        """That run of particles."""
        if (known := self.__dict__.get("shadow")) is not None:
            return cast("Comparison", known).b
        folder = None if self.path is None else self.path / SHADOW
        return Run.from_directory(folder) if folder is not None and is_run(folder) else None

    def to_xarray(self) -> xarray.Dataset:
        """All of it as a dataset with named dimensions; fields are read when they are used."""
        from .dataset import dataset

        return dataset(self)

    def export(
        self,
        path: str | Path,
        what: Sequence[str] = (),
        time: float | None = None,
        to: str | None = None,
    ) -> None:
        """Write it as NetCDF, CSV or VTK: .nc, .csv or .vtk, or as `to` says.

        what : names of diagnostics, or density, measure, marginal, outer_weights; neurons
        time : one saved time; all of them unless given (VTK: the last)
        """
        from .export import export

        export(self, Path(path), what, time, to)

    # -- telling ---------------------------------------------------------------------------------

    def to_info(self) -> dict[str, Any]:
        """What `info --json` prints: status, config, provenance, arrays as lists, None for NaN."""
        return information(self)

    def summary(self) -> str:
        """A table for people."""
        return summarise(self)

    def plot(
        self,
        path: str | Path | None = None,
        what: str = "overview",
        time: float | None = None,
        neurons: Run | None = None,
        script: bool = False,
    ) -> Figure:
        """Draw the run, at the last saved time unless one is given; write it where a path is given.

        what : overview, density, marginals, measure, sphere, curves, diagnostics, function, or
            neurons (over it); of neurons overview, neurons, curves, diagnostics or function
        neurons : a run of neurons of the same problem, to be drawn over the density; its shadow
            unless given
        script : also write the script that draws the figure, beside it
        """
        from .figures import draw, save, write_script

        if script and path is None:
            raise InputError("a script is written beside its figure: give a path")
        figure = draw(self, what, time, neurons)
        if path is not None:
            if script:
                write_script(self, Path(path), what, time, neurons)
            save(figure, Path(path))
        return figure

    def movie(
        self,
        path: str | Path,
        fps: float | None = None,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        """Write a movie, a frame a saved time, as .gif or, with ffmpeg, .mp4.

        fps : frames per second; so many that it takes 8 seconds, unless given
        told : called after every frame with how many are done, of how many
        """
        from .figures.movie import movie

        movie(self, Path(path), fps, told)

    def report(self, path: str | Path) -> None:
        """Write one HTML file on the run: results, audits in words, figures, config, provenance."""
        from .page import write

        write(self, Path(path))

    @property
    def extent(self) -> str:
        """How large it is, in words."""
        return f"{self.layout.cell_volume.size} directions x {len(self.a)} values of a"

    def __repr__(self) -> str:
        """One line: what, how big, how far, how good, where."""
        return f"<{describe(self)}>"


def _first(k: int | None, count: int, what: str) -> int:
    """How many of them; all unless said."""
    if k is not None and not (isinstance(k, int | np.integer) and 1 <= k <= count):
        raise InputError(f"k = {k!r}: this run has {count} {what}; give 1 to {count}")
    return count if k is None else k


def _refuse_neurons() -> NoReturn:
    raise InputError(
        "this run is a density on a grid and has no neurons; use density(t), or run with "
        'solver.method = "particles"'
    )
