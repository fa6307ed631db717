"""What the tables about the problem (data, target, loss, start) must agree on.

Each check returns the complaint, one line, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .data import ArraysData, FileData, Gaussian, Population
from .initial import VonMises
from .target import (
    ArrayTarget,
    FileTarget,
    FunctionTarget,
    Linear,
    SingleIndex,
    Teacher,
    angles,
    vectors,
)

if TYPE_CHECKING:
    from .config import Config

DIMENSIONS = {"grid": (2, 4), "particles": (1, 1000)}  # least and largest d of a method
ROWS = ("file", "arrays")  # kinds of data that may bring targets of the same kind


def targets_come_with_their_rows(config: Config) -> str:
    """Complain about targets that should come with rows which are not there."""
    target, data = config.target, config.data
    if not isinstance(target, FileTarget | ArrayTarget):
        return ""
    if data.kind != target.kind:
        return (
            f'target.kind = "{target.kind}" needs data.kind = "{target.kind}", not "{data.kind}"; '
            'give target.kind = "teacher", "single-index" or "linear" for other data'
        )
    if isinstance(data, FileData) and data.targets is None:
        return "data.targets is missing: name the dataset or column that the network is to learn"
    return ""


def method_takes_dimension(config: Config) -> str:
    """Complain about a dimension that the method cannot take."""
    return "" if config.d is None else dimension_complaint(config, config.d)


def dimension_complaint(config: Config, d: int) -> str:
    """Complain about a dimension, which a file may have told, that the method cannot take."""
    method = config.solver.method
    low, high = DIMENSIONS[method]
    if low <= d <= high:
        return ""
    data, rows = config.data, isinstance(config.data, FileData | ArraysData)
    key = "data.components" if getattr(data, "components", None) else "data"
    cure = f"; data.components = {high} keeps principal components" if rows and d > high else ""
    if isinstance(data, Gaussian) and data.rank < data.columns:
        cure = f"; the covariance of {data.columns} columns has rank {data.rank}"
    return f'{key}: d = {d}, and solver.method = "{method}" takes d = {low} to {high}{cure}'


def target_fits_dimension(config: Config) -> str:
    """Complain about vectors of a target that do not have an entry a column."""
    target, columns = config.target, config.data.columns
    d = config.data.rank if isinstance(config.data, Gaussian) else config.d
    name, rows = vectors(config.target)
    if (by_angle := angles(target)) and d not in (None, 2):
        instead = vectors(target)[0]
        return (
            f"target.{by_angle} need inputs of dimension 2 and these have d = {d}; "
            f"give target.{instead} with {columns} entries each"
        )
    lengths = {len(row) for row in rows} - {columns}
    if columns is not None and lengths:
        return (
            f"target.{name} has a vector of length {min(lengths)} and the inputs have {columns} "
            f"columns; give {columns} entries"
        )
    if len(lengths) > 1:
        return f"target.{name} has vectors of different lengths, {sorted(lengths)}; give one"
    return ""


def start_fits_dimension(config: Config) -> str:
    """Complain about a mean direction that does not have an entry a column."""
    law, columns = config.initial.w, config.data.columns
    if not isinstance(law, VonMises) or columns in (None, len(law.mean)):
        return ""
    return (
        f"initial.w.mean has {len(law.mean)} entries and the inputs have {columns} columns; "
        f"give {columns} entries"
    )


def loss_fits_data(config: Config) -> str:
    """Complain about a loss or a target that the kind of the data has no way to treat."""
    data, target, loss = config.data, config.target, config.loss.kind
    if isinstance(data, Population):
        if loss != "square":
            return _population(f'loss.kind = "{loss}"')
        if target.label is not None:
            return _population('target.label = "sign"')
        if isinstance(target, FunctionTarget):
            return _population("a target function")
    if (
        loss == "logistic"
        and target.label is None
        and isinstance(target, Teacher | SingleIndex | Linear)
    ):
        return 'loss.kind = "logistic" needs classes of ±1; give target.label = "sign"'
    return ""


def _population(what: str) -> str:
    return (
        f'{what} has no closed form on data.kind = "population", which takes the square loss and '
        'a teacher, linear or single-index target; give data.kind = "sampled"'
    )


def step_has_a_gradient(config: Config) -> str:
    """Complain about a jump whose place is to be trained on rows."""
    network, kind = config.network, config.data.kind
    inner = [name for name in network.train if name != "a"]
    if network.activation != "step" or not inner or kind == "population":
        return ""
    return (
        f'network.activation = "step" has no gradient on rows, so {inner[0]} cannot be trained on '
        f'data.kind = "{kind}"; give network.train = ["a"], or data.kind = "population"'
    )


def interaction_fits_data(config: Config) -> str:
    """Complain about sums that belong to the other kind of data."""
    interaction, kind = config.solver.interaction, config.data.kind
    seen = f'solver.interaction = "{interaction}"'
    if interaction == "lines" and kind == "population":
        return (
            f'{seen} sums over rows, and data.kind = "population" has none; give "auto", or '
            'data.kind = "sampled"'
        )
    if interaction == "transform" and kind != "population":
        return (
            f'{seen} is for data.kind = "population", not "{kind}"; give "auto", "direct" or '
            '"lines"'
        )
    return ""


def dtype_is_of_a_density(config: Config) -> str:
    """Complain about a type that neurons do not come in."""
    if config.run.dtype == "float64" or config.solver.method == "grid":
        return ""
    return (
        f'run.dtype = "{config.run.dtype}" is for solver.method = "grid"; neurons of '
        f'"{config.solver.method}" are few and computed in "float64"; give that'
    )


CHECKS = (
    targets_come_with_their_rows,
    method_takes_dimension,
    target_fits_dimension,
    start_fits_dimension,
    loss_fits_data,
    step_has_a_gradient,
    interaction_fits_data,
    dtype_is_of_a_density,
)
