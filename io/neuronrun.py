"""A run of neurons in the user's hands: what `Run` offers, and the neurons at every saved time.

direction (replicas, neurons, d) - raw directions u = w/|w|; w itself in a plain network
a (replicas, neurons) - outer weights;   mass (neurons,) - shares, which sum to 1
gamma, beta (replicas, neurons) - scales and shifts of batch normalization; 1 and 0 unless trained
f_k(x) = sum_j mass_j a_kj sigma(gamma_kj v_kj . xt + beta_kj) - the network of replica k

Curves are means over the replicas; `risk_replicas` (times, replicas) has each. What needs a density
is an error that says so.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..kernels.errors import InputError
from ..pde.frame import Array, NeuronLayout
from .prediction import neuron_output
from .run import Run, _first


class NeuronRun(Run):
    """The result of a run with solver.method = "particles"; it never changes."""

    layout: NeuronLayout  # type: ignore[assignment]  # neurons have no cells

    def _lay_out(self) -> None:
        """Nothing: there is no axis of a."""

    @property
    def extent(self) -> str:
        """How large it is, in words."""
        replicas = f"{self.layout.replicas} x " if self.layout.replicas > 1 else ""
        return f"{replicas}{self.layout.width} neurons"

    def particles(self, t: float) -> tuple[Array, Array, Array]:
        """Directions (replicas, neurons, d), a (replicas, neurons), mass (neurons,) at time t."""
        direction, a = (self._field(name, t) for name in ("direction", "a"))
        return direction, a, self.layout.neuron_mass

    def trajectories(self, k: int | None = None) -> tuple[Array, Array]:
        """The first k neurons of the first replica: w or u (times, k, d) and a (times, k).

        All of them unless k is given. Raises InputError where there are not so many.
        """
        chosen = _first(k, self.layout.width, "neurons")
        kept = [self.particles(float(t)) for t in self.time]
        w, a = (np.stack([frame[part][0, :chosen] for frame in kept]) for part in (0, 1))
        return w, a

    @property
    def rescaled(self) -> bool:
        """Whether neurons have scales and shifts of their own; all have 1 and 0 otherwise."""
        return "gamma" in self._trajectory.fields

    def scales(self, t: float) -> Array:
        """Scales gamma of batch normalization at time t: (replicas, neurons)."""
        return self._of_affine("gamma", t, 1.0)

    def shifts(self, t: float) -> Array:
        """Shifts beta of batch normalization at time t: (replicas, neurons)."""
        return self._of_affine("beta", t, 0.0)

    def _of_affine(self, name: str, t: float, otherwise: float) -> Array:
        self.index(t)
        if self.rescaled:
            return self._field(name, t)
        return np.full((self.layout.replicas, self.layout.width), otherwise)

    def network(self, xt: Array, t: float, replica: int | None = None) -> Array:
        """The network at whitened inputs (rows, d), of a replica or the mean over all: (rows,)."""
        direction, a, _ = self.particles(t)
        chosen = range(len(a)) if replica is None else [self._replica(replica)]
        gamma, beta = self.scales(t), self.shifts(t)
        outputs = [
            neuron_output(
                self.layout,
                direction[k],
                a[k],
                self.activation.value,
                xt,
                (gamma[k], beta[k]) if self.rescaled else None,
            )
            for k in chosen
        ]
        return np.asarray(np.mean(outputs, axis=0))

    def _replica(self, replica: int) -> int:
        count = self.layout.replicas
        if replica not in range(count):
            raise InputError(f"replica = {replica}: this run has replicas 0 to {count - 1}")
        return replica

    def stationary(self, temperature: float | None = None) -> NoReturn:
        """Not of neurons."""
        _refuse("stationary density")

    def density(self, t: float) -> NoReturn:
        """Not of neurons."""
        _refuse("density")

    def signed_measure(self, t: float) -> NoReturn:
        """Not of neurons."""
        _refuse("signed measure on a grid")

    def marginal(self, t: float) -> NoReturn:
        """Not of neurons."""
        _refuse("density of directions")

    def outer_weights(self, t: float) -> NoReturn:
        """Not of neurons."""
        _refuse("density of outer weights")


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"this run is of neurons and has no {what}; use particles(t), or run with "
        'solver.method = "grid"'
    )
