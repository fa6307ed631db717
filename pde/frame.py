"""What a run hands out at a saved time, and the coordinates it is to be read on.

A `Frame` is immutable and complete: the fields a user reads, the diagnostics, the per-step log
since the last frame, and the solver's whole state for a restart. A `Layout` (of a grid) or a
`NeuronLayout` holds what does not change. Nothing here computes, and nothing here knows files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """The coordinates of every field of a run on a grid.

    panel : (2d,) int - 2k + (s > 0): the panel around the point s e_k
    xi : (n,) - equiangular coordinate of the cell centres, the same on every tangential axis
    cell_volume : (2d, n, .., n) - Riemannian volume of the direction cells, r^(d-1) included
    direction_raw : (2d, n, .., n, d) - u = w/|w| at the cell centres
    direction_whitened : (2d, n, .., n, d) - v = S^(1/2) u / |S^(1/2) u|
    a_values : (n_a,) - values of a at the start: cell centres, or the list of fixed values
    a_width : float or None - width of the uniform a cells; None for a list of fixed values
    data_mean, data_covariance : (d,), (d, d) - the moments that batch normalization uses
    input_basis : (d, raw inputs) or None - principal directions, where raw inputs are projected
    input_centre : (raw inputs,) or None - mean removed before that projection
    target_shift, target_scale : the network learns (y - shift) / scale
    coordinates : "raw" or "whitened": which of the two directions panel and xi are the grid of
    tracers : how many passive tracers move with the density
    """

    panel: NDArray[np.int64]
    xi: Array
    cell_volume: Array
    direction_raw: Array
    direction_whitened: Array
    a_values: Array
    a_width: float | None
    data_mean: Array
    data_covariance: Array
    input_basis: Array | None = None
    input_centre: Array | None = None
    target_shift: float = 0.0
    target_scale: float = 1.0
    coordinates: str = "raw"
    tracers: int = 0

    @property
    def dimension(self) -> int:
        """d, the dimension of the inputs."""
        return int(self.direction_raw.shape[-1])


@dataclass(frozen=True)
class NeuronLayout:
    """The coordinates of every field of a run of neurons.

    neuron_mass : (neurons,) - share of each neuron in its network; sums to 1
    replicas : independent networks on one clock
    normalised : whether there is batch normalization; else the neurons meet the raw inputs
    The other entries : as in `Layout`
    """

    neuron_mass: Array
    replicas: int
    data_mean: Array
    data_covariance: Array
    normalised: bool = True
    input_basis: Array | None = None
    input_centre: Array | None = None
    target_shift: float = 0.0
    target_scale: float = 1.0

    @property
    def dimension(self) -> int:
        """d, the dimension of the inputs."""
        return len(self.data_mean)

    @property
    def width(self) -> int:
        """Neurons of a network."""
        return len(self.neuron_mass)


AnyLayout = Layout | NeuronLayout


KEPT_STATES = 2  # of the newest saved times, for a run to go on from


@dataclass(frozen=True)
class Frame:
    """One saved time.

    time, step : gradient-flow time and number of steps taken
    fields : name -> array. On a grid "rho" (2d, n, .., n, n_a), the density per unit Riemannian
        volume and per unit a (per value, on a list): sum of rho * cell_volume * a_weight = mass;
        "tracer_direction" (tracers, d), u, and "tracer_a" (tracers,), where there are tracers.
        Of neurons "direction" (replicas, neurons, d), u = w/|w|, or w itself in a plain network;
        "a" (replicas, neurons); "gamma", "beta" likewise, where they are not 1 and 0 for good
    a_first : index of the first a cell, counted from the first cell at the start; an axis that has
        grown downwards has a negative one; 0 for neurons
    diagnostics : name -> number or small array; NaN where a quantity is not defined
    log : name -> (steps since the last frame,) array; one entry a step
    restart : name -> array; the solver's whole state, for a bitwise continuation
    interim : between the saved times, where the run was stopped; the next frame replaces it, and
        has its log too
    a_count : cells of the a axis, where "rho" is not among the fields; see `a_cells`
    """

    time: float
    step: int
    fields: Mapping[str, Array]
    a_first: int
    diagnostics: Mapping[str, float | Array]
    log: Mapping[str, Array] = field(default_factory=dict)
    restart: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    interim: bool = False
    a_count: int = 0

    @property
    def a_cells(self) -> int:
        """Cells of the a axis of a grid; 0 for neurons."""
        return self.fields["rho"].shape[-1] if "rho" in self.fields else self.a_count
