"""Targets: what the network is to learn, as a function of the inputs.

    teacher        y(x) = sum_k w_k sigma(e_k . xt)        |e_k| = 1, xt = S^(-1/2)(x - mu)
    single-index   y(x) = g(e . xt), g = sum_k b_k h_k     h_k orthonormal Hermite
    linear         y(x) = b . xt
    function       y(x), a Python function of the raw rows x

plus noise, and where classes are asked for, the sign of that. On normal inputs the first three have
their correlation with a neuron of direction v, c = v.e, and their second moment in closed form:

    teacher        E[y sigma(v.xt)] = sum_k w_k kappa(v.e_k)     sum_kl w_k w_l kappa(e_k.e_l)
    single-index   E[y sigma(v.xt)] = sum_k b_k c_k(sigma) c^k   sum_k b_k^2
    linear         E[y sigma(v.xt)] = c_1(sigma) b.v             |b|^2

A teacher is a plain sum, not a mean. Source: Mei, Misiakiewicz, Montanari, arXiv 1902.06015 (the
correlation V); Mehler's formula. Targets that come with the rows have no function;
`pde.network.data` holds their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.polynomial.polynomial import polyder, polyval
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.errors import InputError
from ..config import target as tables
from ..geometry.subspace import within
from ..products import product
from .activations import Activation, activation
from .dual import DualKernel
from .hermite import coefficients, series
from .kernel_sums import whole_sums

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
Correlation = tuple[Array, Array]


class Target(Protocol):
    """What labels inputs. noise : std added to y; classes : whether y is then turned into +-1."""

    @property
    def noise(self) -> float: ...  # noqa: D102 - the docstring of the class tells

    @property
    def classes(self) -> bool: ...  # noqa: D102

    def value(self, whitened: Array, raw: Array) -> Array:
        """(rows,): y without noise and classes; whitened (rows, d) and raw (rows, p) inputs."""
        ...


@runtime_checkable
class Teacher(Target, Protocol):
    """A target whose expectations on normal inputs are known."""

    def correlation(self, v: Array, neuron: Activation | str) -> Correlation:
        """(m,) and (m, d): E[y sigma(v.xt)] on normal inputs and its ambient gradient in v."""
        ...

    def correlations(self, neuron: Activation, kernels: Kernels) -> Callable[[Array], Correlation]:
        """The same of points of a backend, as a function of them."""
        ...

    def second_moment(self) -> float:
        """E[y^2] on normal inputs, without noise."""
        ...


@dataclass(frozen=True)
class NeuronTeacher:
    """A sum of neurons. weights : (k,); directions : (k, d) unit vectors."""

    weights: Array
    directions: Array
    activation: Activation
    noise: float = 0.0
    classes: bool = False

    def value(self, whitened: Array, raw: Array) -> Array:
        """(rows,): y without noise."""
        return np.asarray(self.activation.value(whitened @ self.directions.T) @ self.weights)

    def correlation(self, v: Array, neuron: Activation | str) -> Correlation:
        """(m,) and (m, d): E[y sigma(v.xt)] on normal inputs and its ambient gradient in v."""
        kernel = DualKernel(neuron, self.activation)
        c = v @ self.directions.T
        return kernel.value(c) @ self.weights, kernel.slope(c) @ (
            self.weights[:, None] * self.directions
        )

    def correlations(self, neuron: Activation, kernels: Kernels) -> Callable[[Array], Correlation]:
        """The same of points of a backend, as a function of them."""
        sums = whole_sums(kernels, neuron, self.activation)
        directions, weights = kernels.array(self.directions), kernels.array(self.weights)
        return lambda v: sums(v, directions, weights)

    def second_moment(self) -> float:
        """E[y^2] on normal inputs, without noise."""
        overlap = DualKernel(self.activation).value(self.directions @ self.directions.T)
        return float(self.weights @ overlap @ self.weights)


@dataclass(frozen=True)
class SingleIndex:
    """A function of one direction. hermite : (k,) coefficients; direction : (d,) unit vector."""

    hermite: Array
    direction: Array
    noise: float = 0.0
    classes: bool = False

    def value(self, whitened: Array, raw: Array) -> Array:
        """(rows,): y without noise."""
        return series(self.hermite, whitened @ self.direction)

    def correlation(self, v: Array, neuron: Activation | str) -> Correlation:
        """(m,) and (m, d): E[y sigma(v.xt)] on normal inputs and its ambient gradient in v."""
        return self._along(v, self.direction, neuron)

    def correlations(self, neuron: Activation, kernels: Kernels) -> Callable[[Array], Correlation]:
        """The same of points of a backend, as a function of them."""
        direction = kernels.array(self.direction)
        return lambda v: self._along(v, direction, neuron)

    def _along(self, v: Array, direction: Array, neuron: Activation | str) -> Correlation:
        powers = self.hermite * neuron_coefficients(neuron, len(self.hermite))
        c = product(v, direction)
        value: Any = polyval(c, powers)
        slope: Any = polyval(c, polyder(powers))
        return value, slope[:, None] * direction

    def second_moment(self) -> float:
        """E[y^2] on normal inputs, without noise."""
        return float(self.hermite @ self.hermite)


@dataclass(frozen=True)
class Linear:
    """A linear function of the whitened inputs. coefficients : (d,)."""

    coefficients: Array
    noise: float = 0.0
    classes: bool = False

    def value(self, whitened: Array, raw: Array) -> Array:
        """(rows,): y without noise."""
        return np.asarray(whitened @ self.coefficients)

    def correlation(self, v: Array, neuron: Activation | str) -> Correlation:
        """(m,) and (m, d): E[y sigma(v.xt)] on normal inputs and its ambient gradient in v."""
        pull = neuron_coefficients(neuron, 2)[1] * self.coefficients
        return v @ pull, np.tile(pull, (len(v), 1))

    def correlations(self, neuron: Activation, kernels: Kernels) -> Callable[[Array], Correlation]:
        """The same of points of a backend, as a function of them."""
        pull = kernels.array(neuron_coefficients(neuron, 2)[1] * self.coefficients)
        return lambda v: (product(v, pull), np.tile(pull, (len(v), 1)))

    def second_moment(self) -> float:
        """E[y^2] on normal inputs, without noise."""
        return float(self.coefficients @ self.coefficients)


@dataclass(frozen=True)
class FunctionTarget:
    """A Python function of the raw rows (rows, p), the x of `predict`, with one value a row."""

    function: Function
    noise: float = 0.0
    classes: bool = False

    def value(self, whitened: Array, raw: Array) -> Array:
        """(rows,): y without noise. Raises InputError where it is no finite number a row."""
        y = np.asarray(self.function(raw))
        if y.shape == (len(raw), 1):
            y = y[:, 0]
        if y.shape != (len(raw),) or y.dtype.kind not in "fiub":
            raise InputError(
                f"target function: gave {y.dtype} of shape {y.shape} for x of shape {raw.shape}; "
                "return one number a row, for all rows at once"
            )
        if not np.isfinite(y).all():
            row = int(np.flatnonzero(~np.isfinite(y))[0])
            raise InputError(f"target function: its value at x = {raw[row]} is not finite")
        return y.astype(float)


def target(
    table: tables.Target,
    network: Activation,
    columns: int,
    basis: Array | None = None,
    function: Function | None = None,
) -> Target | None:
    """The target of a configuration; None where its values come with the rows.

    network : the activation of a teacher that names none; columns : of the inputs
    basis : (d, columns) of the range of the data, see `geometry.subspace`; None: all of it
    function : of `kind = "function"`
    Raises InputError where a vector has no entry a column or leaves the range, or the function is
    not given.
    """
    if isinstance(table, tables.FileTarget | tables.ArrayTarget):
        return None
    noise, classes = float(table.noise), table.label is not None
    if isinstance(table, tables.FunctionTarget):
        if function is None:
            raise InputError(
                'target.kind = "function" is a Python function, which only Python can give: '
                "bnflow.solve(config, target=function); a stored run resumes the same way"
            )
        return FunctionTarget(function, noise, classes)
    name, rows = tables.vectors(table)
    _refuse_other_lengths(table, name, rows, columns, columns if basis is None else len(basis))
    here = None if tables.angles(table) else basis
    if isinstance(table, tables.Linear):
        b = within(np.array(table.coefficients), here, f"target.{name}")
        return Linear(b, noise, classes)
    directions = within(table.unit_directions, here, f"target.{name}")
    if isinstance(table, tables.SingleIndex):
        return SingleIndex(np.array(table.hermite), directions[0], noise, classes)
    own = network
    if table.activation is not None:
        own = activation(table.activation, table.gain or 1.0)
    return NeuronTeacher(np.array(table.weights), directions, own, noise, classes)


def _refuse_other_lengths(
    table: tables.Target, name: str, rows: tuple[tuple[float, ...], ...], columns: int, d: int
) -> None:
    """A file tells its columns only when it is read."""
    if (by_angle := tables.angles(table)) and d != 2:
        raise InputError(
            f"target.{by_angle}: for inputs of dimension 2, and these have d = {d}; "
            f"give target.{name} with {columns} entries"
        )
    if others := {len(row) for row in rows} - {columns}:
        raise InputError(
            f"target.{name}: {min(others)} entries each, but the inputs have {columns} columns; "
            f"give vectors of length {columns}"
        )


def labelled(target: Target, whitened: Array, raw: Array, unit_noise: Array) -> Array:
    """(rows,): y with noise, as classes +-1 where those are asked for."""
    y = target.value(whitened, raw) + target.noise * unit_noise
    return signs(y) if target.classes else y


def signs(y: Array) -> Array:
    """+1 where y >= 0, else -1."""
    return np.where(y >= 0, 1.0, -1.0)


def neuron_coefficients(neuron: Activation | str, count: int) -> Array:
    """(count,): Hermite coefficients of an activation, read-only."""
    return _coefficients(activation(neuron), count)


@lru_cache(maxsize=256)
def _coefficients(sigma: Activation, count: int) -> Array:
    found = coefficients(sigma.value, count, sigma.kinks)
    found.flags.writeable = False
    return found
