"""The tables [data] and [target]: the law of the inputs and what is to be learned.

covariance : d variances or a (d, d) matrix, symmetric and positive definite
angles, directions : of the WHITENED inputs; a direction counts by its direction only

Reading a file is not done here; where one is named, `FileData.d` may not be known yet.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from .base import AsTuple, Chosen, Matrix, Table, Vector, by_kind, clash, key, later_key, wrong
from .network import LATER_ACTIVATIONS, Activation

DIMENSIONS = (2, 3, 4)
_SINGULAR = 1e-12  # smallest over largest eigenvalue, below which whitening would amplify rounding

Covariance = Annotated[
    Vector | Matrix,
    Chosen(lambda value: Matrix if _nested(value) else Vector),
]


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(row, list) for row in value)


class Gaussian(Table):
    """N(mean, covariance)."""

    kind: Literal["population", "sampled"]
    covariance: Covariance = key(
        (10.0, 1.0),
        "Variances along the axes, or the full matrix; its size is d.",
        words="a list of 2 to 4 variances > 0 or a symmetric positive definite matrix",
    )
    mean: Vector | None = key(None, "Mean of the inputs, removed again by batch normalization.")
    dimension: int | None = later_key(None, 'd of a zonal problem, a number or "inf".')
    spike: float | None = later_key(None, "Extra variance along the target of a zonal problem.")

    @field_validator("covariance")
    @classmethod
    def _positive_definite(cls, covariance: Any) -> Any:
        if complaint := _covariance_complaint(covariance):
            raise wrong(complaint)
        return covariance

    @model_validator(mode="after")
    def _mean_has_length_d(self) -> Gaussian:
        if self.mean is not None and len(self.mean) != self.d:
            raise clash(
                f"data.mean has {len(self.mean)} entries and data.covariance has d = {self.d}; "
                f"give {self.d} entries"
            )
        return self

    @property
    def d(self) -> int:
        """The dimension of the inputs."""
        return len(self.covariance)

    @property
    def covariance_matrix(self) -> NDArray[np.float64]:
        """The covariance as a full matrix, (d, d)."""
        array = np.array(self.covariance)
        return np.diag(array) if array.ndim == 1 else array

    @property
    def mean_vector(self) -> NDArray[np.float64]:
        """The mean, (d,); zeros where none is given."""
        return np.zeros(self.d) if self.mean is None else np.array(self.mean)


class Population(Gaussian):
    """The law itself: no sampling error."""

    kind: Literal["population"] = key(
        "population", "Where the inputs come from.", later=("isotropic-pair",)
    )


class Sampled(Gaussian):
    """Rows drawn from the law."""

    kind: Literal["sampled"] = key("sampled", "Where the inputs come from.")
    samples: int = key(..., "Rows drawn for training.", unit="rows", ge=2, le=1_000_000_000)
    seed: int = key(0, "Of the rows and their noise.", ge=0)
    test_fraction: float = key(
        0.0, "Held-out rows drawn in addition, as a fraction of all rows.", ge=0, le=0.99
    )

    @model_validator(mode="after")
    def _more_rows_than_columns(self) -> Sampled:
        if self.samples <= self.d:
            raise clash(
                f"data.samples = {self.samples} leaves the covariance of {self.d}-dimensional rows "
                f"singular; give at least {self.d + 1}"
            )
        return self


_Columns = Annotated[tuple[str | int, ...], AsTuple]


class FileData(Table):
    """Rows of a file."""

    kind: Literal["file"] = key("file", "Where the inputs come from.")
    path: str = key(..., "A .npz, .csv or .h5 file; relative to the config file.", min_length=1)
    inputs: Annotated[
        str | _Columns, Chosen(lambda value: _Columns if isinstance(value, list) else str)
    ] = key(
        ...,
        "The input columns, or the dataset that holds them.",
        words="the name of a dataset (.npz, .h5) or a list of column names or indices (.csv)",
    )
    targets: str | int | None = key(None, "Name of the dataset, or name or index of the column.")
    components: int | None = key(
        None, "Keep this many principal components of the inputs: d.", ge=2, le=4
    )
    test_fraction: float = key(0.0, "Share of the rows that is held out.", ge=0, lt=1)
    seed: int = key(0, "Of the choice of the held-out rows.", ge=0)

    @field_validator("path")
    @classmethod
    def _readable_kind(cls, path: str) -> str:
        if not path.isprintable():
            raise wrong("holds a control character; give the path of a .npz, .csv or .h5 file")
        if not path.endswith((".npz", ".csv", ".h5")):
            raise wrong("is of no known kind; allowed: .npz, .csv, .h5")
        return path

    @model_validator(mode="after")
    def _columns(self) -> FileData:
        is_list = isinstance(self.inputs, tuple)
        if self.path.endswith(".csv") and not is_list:
            raise clash('data.inputs must be a list of columns for a .csv file, as ["age", "bmi"]')
        if not self.path.endswith(".csv") and is_list:
            raise clash('data.inputs must be the name of one dataset for this file, as "x"')
        if is_list and (complaint := self._column_complaint(len(self.inputs))):
            raise clash(complaint)
        return self

    def _column_complaint(self, columns: int) -> str:
        if len(set(self.inputs)) < columns:
            return "data.inputs names a column twice; give each once"
        if self.components is not None and self.components > columns:
            return (
                f"data.components = {self.components} is more than the {columns} columns of "
                "data.inputs; give as many or fewer"
            )
        if self.components is None and columns not in DIMENSIONS:
            return (
                f'data.inputs has {columns} columns and solver.method = "grid" takes 2 to 4; '
                "give data.components = 2, 3 or 4 to keep principal components"
            )
        return ""

    @property
    def d(self) -> int | None:
        """The dimension of the inputs; None where only the file knows it."""
        if self.components is not None:
            return self.components
        return len(self.inputs) if isinstance(self.inputs, tuple) else None


Data = Annotated[Population | Sampled | FileData, by_kind(Population, Sampled, FileData)]


def _covariance_complaint(covariance: Any) -> str:
    array_rows = [row if isinstance(row, tuple) else (row,) for row in covariance]
    d = len(array_rows)
    if d not in DIMENSIONS:
        return f'has d = {d}; solver.method = "grid" takes d = 2, 3 or 4'
    full = isinstance(covariance[0], tuple)
    if full and any(len(row) != d for row in array_rows):
        return f"is not square; give {d} rows of {d} numbers"
    matrix = np.array(covariance) if full else np.diag(np.array(covariance))
    scale = float(np.max(np.abs(matrix)))
    if np.max(np.abs(matrix / 2 - matrix.T / 2)) > _SINGULAR * scale:
        return "is not symmetric; give a symmetric positive definite matrix"
    return _spectrum_complaint(np.linalg.eigvalsh(matrix / (scale or 1.0)), full)


def _spectrum_complaint(eigenvalues: NDArray[np.floating[Any]], full: bool) -> str:
    cure = "a positive definite matrix" if full else "positive variances"
    if eigenvalues.min() < -_SINGULAR:
        return f"{'is negative in some direction' if full else 'is negative'}; give {cure}"
    if eigenvalues.min() <= _SINGULAR * eigenvalues.max():
        return f"is singular, which is not yet available; give {cure}"
    return ""


_DEFAULT_TEACHER = {"weights": [1.0, -0.5], "angles": [0.3, 1.9]}


class Teacher(Table):
    """y = Σₖ weights[k] σ(directionₖ · whitened x) + noise, a plain sum."""

    kind: Literal["teacher"] = key(
        "teacher", "What is to be learned.", later=("single-index", "linear")
    )
    weights: Vector = key((1.0, -0.5), "Outer weights of the teacher's neurons.", min_length=1)
    angles: Vector | None = key(
        None,
        "Angles of their whitened directions, for d = 2; [0.3, 1.9] where no weights are given.",
        unit="radian",
        min_length=1,
    )
    directions: Matrix | None = key(
        None, "Their whitened directions for any d, normalised on reading.", min_length=1
    )
    activation: Activation | None = key(
        None, "The teacher's σ; the network's where left out.", later=LATER_ACTIVATIONS
    )
    noise: float = key(0.0, "Standard deviation of the noise on y.", ge=0)
    label: Literal["sign"] | None = later_key(None, "Turn y into classes of ±1.")
    hermite: Vector | None = later_key(None, "Coefficients of a single-index target.")
    coefficients: Vector | None = later_key(None, "Of a linear target on whitened inputs.")

    @model_validator(mode="before")
    @classmethod
    def _default(cls, raw: Any) -> Any:
        given = isinstance(raw, dict) and raw.keys() & {"weights", "angles", "directions"}
        return raw if given or not isinstance(raw, dict) else {**raw, **_DEFAULT_TEACHER}

    @field_validator("directions")
    @classmethod
    def _not_zero(cls, directions: Any) -> Any:
        for row in directions or ():
            if not 0 < np.linalg.norm(np.array(row)) < np.inf:
                raise wrong(
                    "holds a vector of no direction; give vectors of non-zero, finite length"
                )
        return directions

    @model_validator(mode="after")
    def _one_direction_each(self) -> Teacher:
        if (self.angles is None) == (self.directions is None):
            which = "neither" if self.angles is None else "both"
            raise clash(f"target needs either angles (d = 2) or directions; {which} are given")
        name, given = ("angles", self.angles) if self.angles else ("directions", self.directions)
        if len(given or ()) != len(self.weights):
            raise clash(
                f"target.weights has {len(self.weights)} entries and target.{name} "
                f"{len(given or ())}; give as many of one as of the other"
            )
        return self

    @property
    def unit_directions(self) -> NDArray[np.float64]:
        """The whitened unit directions of the neurons, (neurons, d)."""
        if self.angles is not None:
            return np.stack([np.cos(self.angles), np.sin(self.angles)], axis=-1)
        rows = np.array(self.directions)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


class FileTarget(Table):
    """y is read from the file of the data."""

    kind: Literal["file"] = key("file", "What is to be learned.")
    label: Literal["sign"] | None = later_key(None, "Turn y into classes of ±1.")


Target = Annotated[Teacher | FileTarget, by_kind(Teacher, FileTarget)]
