"""What is solved: network, data, target, loss and initial law, validated and immutable.

    rho_t = div_g(rho grad_g Psi),   Psi(v, a) = a h(v; rho),   rho(0) = law of a x uniform in u

A `Problem` is a configuration made concrete: rows drawn or read, moments taken, the metric known.
It has no grid and no clock. Source of the equation: Ma and Ying, arXiv 2110.08725.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.errors import InputError
from .config import Config
from .config.data import Population as PopulationData
from .config.data import Sampled as SampledData
from .config.data import Teacher as TeacherTarget
from .geometry.metric import BatchNormMetric
from .network.activations import Activation, activation
from .network.data import (
    Data,
    Population,
    Table,
    draw_samples,
    prepare_table,
)
from .network.initial import OuterLaw
from .network.loss import Loss, loss
from .network.target import Teacher


@dataclass(frozen=True)
class Problem:
    """A network, what it sees and what it is to learn.

    metric : of the directions, from the moments that batch normalization uses, and r = |w|
    teacher : None where targets come from a file
    trains_inner, trains_outer : whether w, a move
    """

    activation: Activation
    metric: BatchNormMetric
    data: Data
    teacher: Teacher | None
    loss: Loss
    outer_law: OuterLaw
    trains_inner: bool
    trains_outer: bool

    @classmethod
    def from_config(cls, config: Config, table: Table | None = None) -> Problem:
        """The problem of a configuration; `table` holds the rows that a data file names.

        Raises InputError where data and target do not fit each other.
        """
        network = config.network
        teacher = None
        if isinstance(config.target, TeacherTarget):
            teacher = Teacher.from_config(config.target, network.activation)
        data = _data(config, teacher, table)
        return cls(
            activation(network.activation),
            BatchNormMetric(data.covariance, network.weight_norm),
            data,
            teacher,
            loss(config.loss.kind),
            OuterLaw.from_config(config.initial.a),
            "w" in network.train,
            "a" in network.train,
        )

    @property
    def dimension(self) -> int:
        """d, the dimension of the inputs."""
        return self.metric.dimension


def _data(config: Config, teacher: Teacher | None, table: Table | None) -> Data:
    data = config.data
    if isinstance(data, PopulationData):
        return Population(data.mean_vector, data.covariance_matrix)
    if isinstance(data, SampledData):
        assert teacher is not None
        return draw_samples(data, teacher)
    if table is None:
        raise InputError("data.path: the rows of the file were not given to the problem")
    return prepare_table(table, data, teacher)
