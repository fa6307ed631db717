"""What is solved: network, data, target, loss and initial law, validated and immutable.

    rho_t = div_g(rho grad_g Psi) + tau lap_g rho,   Psi(v, a) = a h(v; rho) + lambda a^2/2

from rho(0) = law of u x law of a.

A `Problem` is a configuration made concrete: rows drawn or read, moments taken, the metric known.
It has no grid and no clock. Source of the equation: Ma and Ying, arXiv 2110.08725.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError
from .config import Config
from .config.agreement import dimension_complaint
from .config.data import ArraysData, FileData
from .config.data import Population as PopulationData
from .config.data import Sampled as SampledData
from .config.network import Rates as RatesTable
from .config.text import size
from .geometry.chart import Induced
from .geometry.metric import BatchNormMetric
from .given import Function, Given
from .network.activations import Activation, activation
from .network.affine import AffineLaw
from .network.data import Data, draw_samples, population
from .network.directions import DirectionLaw
from .network.initial import OuterLaw
from .network.loss import Loss, loss
from .network.table import prepare_table
from .network.target import NeuronTeacher, Target, Teacher
from .network.target import target as target_of
from .temperature import Temperature

Array = NDArray[np.float64]

COPIES_DRAWN = 3  # of the rows: as drawn, coloured and whitened


NOISELESS = Temperature.of(0.0)


@dataclass(frozen=True)
class Rates:
    """Mobilities k_a, k_w of the two layers, beside those of the metric.

    solved : whether k_a is infinite, and a solves its ridge regression at every time
    """

    outer: float = 1.0
    inner: float = 1.0
    solved: bool = False

    @classmethod
    def from_config(cls, table: RatesTable) -> Rates:
        """The mobilities of a configuration."""
        if table.a == "optimal":
            return cls(1.0, table.w, True)
        return cls(table.a, table.w)


@dataclass(frozen=True)
class Problem:
    """A network, what it sees and what it is to learn.

    metric : of the directions, from the moments that batch normalization uses, and r = |w|
    target : None where targets come with the rows
    inner_law, outer_law : of u and of a at the start, unless there is a
    density : of both, rho_0(v, a) with respect to dS(v) and da
    induced : which metric the flow follows, "bn" or, for comparison, "round" in v
    rates : of the two layers; temperature : of noisy training; ridge : lambda, of lambda a^2/2
    trains_inner, trains_outer : whether w, a move
    normalised : whether there is batch normalization; else the metric serves the data alone
    affine : of the scales and shifts; None where they stay 1 and 0
    """

    activation: Activation
    metric: BatchNormMetric
    data: Data
    target: Target | None
    loss: Loss
    inner_law: DirectionLaw
    outer_law: OuterLaw
    trains_inner: bool
    trains_outer: bool
    normalised: bool = True
    density: Function | None = None
    affine: AffineLaw | None = None
    induced: Induced = "bn"
    rates: Rates = Rates()
    temperature: Temperature = NOISELESS
    ridge: float = 0.0

    @classmethod
    def from_config(
        cls, config: Config, given: Given | None = None, memory: int | None = None
    ) -> Problem:
        """The problem of a configuration; `given` holds what it names and cannot hold.

        memory : bytes that there are; more rows than fit are refused before they are drawn

        Raises InputError where data and target do not fit each other, or something is not given.
        """
        network, given = config.network, given or Given()
        if memory is not None:
            _refuse_too_many_rows(config, memory)
        sigma = activation(network.activation, network.gain)
        data, target = _data(config, given, sigma)
        if complaint := dimension_complaint(config, len(data.mean)):
            raise InputError(complaint)
        metric = BatchNormMetric(data.covariance, network.weight_norm)
        return cls(
            sigma,
            metric,
            data,
            target,
            loss(config.loss),
            DirectionLaw.from_config(config.initial.w, metric, _own_range(config, data)),
            OuterLaw.from_config(config.initial.a),
            "w" in network.train,
            "a" in network.train,
            network.batch_norm,
            _density(config, given),
            AffineLaw.from_config(config),
            network.metric,
            Rates.from_config(config.training.rates),
            Temperature.of(config.training.temperature),
            config.training.ridge,
        )

    @property
    def dimension(self) -> int:
        """d, the dimension of the inputs."""
        return self.metric.dimension

    @property
    def teacher_size(self) -> float | None:
        """int |a| drho of the teacher as a network of this kind; None where it is none."""
        target = self.target
        if not isinstance(target, NeuronTeacher) or target.classes:
            return None
        same = target.activation == self.activation
        return float(np.abs(target.weights).sum()) if same else None

    @property
    def teacher(self) -> Teacher | None:
        """The target where its expectations on normal inputs are known."""
        return self.target if isinstance(self.target, Teacher) else None


def _data(config: Config, given: Given, sigma: Activation) -> tuple[Data, Target | None]:
    """Inputs, labelled, and what labelled them."""
    data = config.data

    def target(columns: int, basis: Array | None) -> Target | None:
        return target_of(config.target, sigma, columns, basis, given.target)

    if isinstance(data, PopulationData):
        law = population(data)
        return law, target(data.columns, law.basis)
    if isinstance(data, SampledData):
        labels = target(data.columns, population(data).basis)
        assert labels is not None
        samples = draw_samples(data, labels)
    elif given.table is None:
        raise InputError(
            f'data.kind = "{data.kind}": the rows were not given; arrays come from Python, '
            "bnflow.solve(config, data=(x, y)), and a stored run resumes the same way"
        )
    else:
        classes = config.loss.kind == "logistic"
        samples, labels = prepare_table(given.table, data, target, config.target.label, classes)
    for targets in (samples.targets, samples.test_targets):
        loss(config.loss).check(targets)
    return samples, labels


def _refuse_too_many_rows(config: Config, memory: int) -> None:
    data = config.data
    if not isinstance(data, SampledData):
        return
    rows = data.samples / (1 - data.test_fraction)
    needed = COPIES_DRAWN * 8 * rows * (data.columns + 1)
    if needed > memory:
        raise InputError(
            f"data.samples = {data.samples:,}: {rows:,.0f} rows need {size(needed)} while they are "
            f"drawn, and there are {size(memory)}; give fewer"
        )


def _own_range(config: Config, data: Data) -> Array | None:
    """The range of the columns, where they are not projected on components already."""
    components = isinstance(config.data, FileData | ArraysData) and config.data.components
    return None if components else data.basis


def _density(config: Config, given: Given) -> Function | None:
    if config.initial.density is not None and given.density is None:
        raise InputError(
            "initial.density is a Python function, which only Python can give: "
            "bnflow.solve(config, initial_density=function); a stored run resumes the same way"
        )
    return None if config.initial.density is None else given.density
