"""The table [data]: the law of the inputs.

covariance : a variance for every column, or the matrix; symmetric, non-negative
columns : of the inputs; d : dimension of what they span, the rank of their covariance

Reading a file is not done here; where one is named, `columns` and d may not be known yet. Which d a
method takes is checked in `config`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from .base import AsTuple, Chosen, Matrix, Table, Vector, by_kind, clash, key, later_key, wrong

SINGULAR = 1e-12  # eigenvalue over the largest, below which it counts as zero

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
        "Variances along the axes, or the full matrix; where it is singular, its rank is d.",
        words="a list of variances >= 0 or a symmetric matrix without negative eigenvalues",
        min_length=1,
    )
    mean: Vector | None = key(None, "Mean of the inputs, removed again by batch normalization.")
    dimension: int | None = later_key(None, 'd of a zonal problem, a number or "inf".')
    spike: float | None = later_key(None, "Extra variance along the target of a zonal problem.")

    @field_validator("covariance")
    @classmethod
    def _non_negative(cls, covariance: Any) -> Any:
        if complaint := _covariance_complaint(covariance):
            raise wrong(complaint)
        return covariance

    @model_validator(mode="after")
    def _mean_has_an_entry_a_column(self) -> Gaussian:
        if self.mean is not None and len(self.mean) != self.columns:
            raise clash(
                f"data.mean has {len(self.mean)} entries and data.covariance has "
                f"{self.columns} columns; give {self.columns} entries"
            )
        return self

    @property
    def columns(self) -> int:
        """Columns of the inputs."""
        return len(self.covariance)

    @cached_property
    def rank(self) -> int:
        """The rank of the covariance."""
        eigenvalues = _eigenvalues(np.array(self.covariance))
        return int((eigenvalues > SINGULAR * eigenvalues.max()).sum())

    @property
    def d(self) -> int:
        """The dimension of the inputs."""
        return self.rank

    @property
    def covariance_matrix(self) -> NDArray[np.float64]:
        """The covariance as a full matrix, (columns, columns)."""
        array = np.array(self.covariance)
        return np.diag(array) if array.ndim == 1 else array

    @property
    def mean_vector(self) -> NDArray[np.float64]:
        """The mean, (columns,); zeros where none is given."""
        return np.zeros(self.columns) if self.mean is None else np.array(self.mean)


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

    @property
    def d(self) -> int:
        """The dimension of the inputs: n rows around their mean span n - 1 at most."""
        return min(self.rank, self.samples - 1)


_COMPONENTS = "Keep this many principal components of the inputs: d."
_HELD_OUT = "Share of the rows that is held out."
_SEED = "Of the choice of the held-out rows, and of the noise of a target function."
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
    components: int | None = key(None, _COMPONENTS, ge=1)
    test_fraction: float = key(0.0, _HELD_OUT, ge=0, lt=1)
    seed: int = key(0, _SEED, ge=0)

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
        return ""

    @property
    def columns(self) -> int | None:
        """Columns of the inputs, or of their components; None where only the file knows."""
        if self.components is not None:
            return self.components
        return len(self.inputs) if isinstance(self.inputs, tuple) else None

    @property
    def d(self) -> int | None:
        """The dimension of the inputs, but for dependent columns; None where unknown."""
        return self.columns


class ArraysData(Table):
    """Rows given from Python: solve(config, data=(x, y)), or data=x with a target of its own."""

    kind: Literal["arrays"] = key("arrays", "Where the inputs come from.")
    width: int | None = key(None, "Columns of x, filled in by bnflow.solve(data=...).", ge=1)
    components: int | None = key(None, _COMPONENTS, ge=1)
    test_fraction: float = key(0.0, _HELD_OUT, ge=0, lt=1)
    seed: int = key(0, _SEED, ge=0)

    @model_validator(mode="after")
    def _enough_columns(self) -> ArraysData:
        if self.components and self.width and self.components > self.width:
            raise clash(
                f"data.components = {self.components} is more than the {self.width} columns of "
                "the array; give as many or fewer"
            )
        return self

    @property
    def columns(self) -> int | None:
        """Columns of the inputs, or of their components; None where nothing is given yet."""
        return self.components or self.width

    @property
    def d(self) -> int | None:
        """The dimension of the inputs, but for dependent columns; None where unknown."""
        return self.columns


Data = Annotated[
    Population | Sampled | FileData | ArraysData,
    by_kind(Population, Sampled, FileData, ArraysData),
]


def _covariance_complaint(covariance: Any) -> str:
    rows, full = len(covariance), isinstance(covariance[0], tuple)
    if full and any(len(row) != rows for row in covariance):
        return f"is not square; give {rows} rows of {rows} numbers"
    array = np.array(covariance)
    scale = float(np.max(np.abs(array)))
    if scale == 0:
        return "is zero; give at least one positive variance"
    if full and np.max(np.abs(array / 2 - array.T / 2)) > SINGULAR * scale:
        return "is not symmetric; give a symmetric matrix"
    if _eigenvalues(array).min() < -SINGULAR:
        which = "is negative in some direction" if full else "is negative"
        return f"{which}; give {'a matrix without negative eigenvalues' if full else 'variances'}"
    return ""


def _eigenvalues(covariance: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
    """Relative to the largest entry; of a matrix, or the variances themselves."""
    scaled = covariance / np.abs(covariance).max()
    return scaled if scaled.ndim == 1 else np.linalg.eigvalsh(scaled)
