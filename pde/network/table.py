"""Rows that a user brings, from a file or from Python: checked, digested, split, normalised.

Targets with the rows are standardised by the training rows (`shift`, `scale` lead back), unless
they are classes +-1; a target function labels rows at their whitened inputs. The network normalises
by the moments of the training rows, with 1/n, on their range. Reading files is `io.datafile`'s
work.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError, Notice
from ..config.data import ArraysData, FileData
from ..geometry.subspace import DEPENDENT
from .data import NOISE, SPLIT, TEST, TRAINING, Samples, generator, normalised
from .target import Target, labelled, signs

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

SMALLEST = 1e-100  # spread whose square is still a number


@dataclass(frozen=True)
class Table:
    """Rows as they come: inputs (rows, p), targets (rows,) or None, and a digest of both."""

    inputs: Array
    targets: Array | None
    digest: str = ""


def checked_table(
    inputs: Any,
    targets: Any,
    where: str = "",
    names: tuple[str, str] = ("data.inputs", "data.targets"),
) -> Table:
    """Rows whose every number is finite, as float64, with their digest.

    where : " in PATH", for messages; names : what messages call inputs and targets
    Raises InputError for text, gaps and shapes that do not fit.
    """
    x = _numbers(names[0], inputs, where)
    if x.ndim != 2 or not x.size:
        raise InputError(f"{names[0]}: shape {x.shape}{where}; give (rows, columns)")
    _refuse_gaps(names[0], where, x)
    y = None
    if targets is not None:
        y = _numbers(names[1], targets, where)
        if y.shape == (len(x), 1):
            y = y[:, 0]
        if y.shape != (len(x),):
            raise InputError(f"{names[1]}: shape {y.shape} for {len(x)} rows of inputs{where}")
        _refuse_gaps(names[1], where, y)
    digest = hashlib.sha256(x.tobytes())
    digest.update(b"" if y is None else y.tobytes())
    return Table(x, y, digest.hexdigest())


def prepare_table(
    table: Table,
    data: FileData | ArraysData,
    target: Callable[[int, Array | None], Target | None],
    label: str | None,
    classes: bool = False,
) -> tuple[Samples, Target | None]:
    """Split, project, normalise and label the rows; and what labelled them.

    target : what labels rows of so many columns, with this basis of their range; gives None for
        their own targets
    label : "sign" makes classes of their own targets; classes : the loss asks for classes
    Raises InputError where nothing varies, or there is nothing to learn.
    """
    test, train = _split(len(table.inputs), data.test_fraction, data.seed)
    if len(train) < 2:
        raise InputError(f"data: {len(train)} training rows; 2 or more are needed")
    inputs, directions = table.inputs, None
    if data.components is not None:
        directions = principal_directions(inputs[train], data.components)
        inputs = (inputs - directions[0]) @ directions[1].T
    samples = normalised(inputs[train], inputs[test])
    function = target(inputs.shape[1], samples.basis)
    if directions is not None:
        samples = replace(samples, centre=directions[0], basis=directions[1])
    if function is None:
        targets = _as_classes(table.targets) if classes and label is None else table.targets
        return _with_own_targets(samples, targets, train, test, label), None

    def values(whitened: Array, rows: Rows, stream: int) -> Array:
        noise = generator(data.seed, NOISE + 10 * stream).standard_normal(len(rows))
        return labelled(function, whitened, table.inputs[rows], noise)

    return samples.labelled(
        values(samples.inputs, train, TRAINING), values(samples.test_inputs, test, TEST)
    ), function


def principal_directions(inputs: Array, components: int) -> tuple[Array, Array]:
    """Mean (p,) and leading principal directions (components, p) of the standardised columns.

    (x - mean) @ directions.T are the components; the division by each column's standard deviation
    is in the directions, so columns of different units count alike. Largest entries are positive.
    Raises InputError where there are fewer dimensions than components, or a constant column.
    """
    if components > inputs.shape[1]:
        raise InputError(
            f"data.components = {components}: there are {inputs.shape[1]} input columns"
        )
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    constant = np.flatnonzero(np.ptp(inputs, axis=0) == 0)  # their spread may be rounding, not 0
    if len(constant):
        raise InputError(f"data.inputs: column {constant[0]} is constant; leave it out")
    if not ((spread > SMALLEST) & (spread < 1 / SMALLEST)).all():
        raise InputError("data.inputs: the spread of a column is out of range; rescale it")
    values, directions = np.linalg.svd((inputs - centre) / spread, full_matrices=False)[1:]
    rank = int((values > DEPENDENT * values[0]).sum())
    if components > rank:
        raise InputError(
            f"data.components = {components}: the training rows span {rank} dimensions only; "
            f"give at most {rank}"
        )
    directions = directions[:components]
    largest = np.abs(directions).argmax(axis=1)
    sides = np.sign(directions[np.arange(components), largest])
    return centre, directions * sides[:, None] / spread


def _split(rows: int, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Held-out and training rows, each in the order of the table."""
    order = generator(seed, SPLIT).permutation(rows)
    held_out = round(rows * fraction)
    return np.sort(order[:held_out]), np.sort(order[held_out:])


def _as_classes(targets: Array | None) -> Array | None:
    """Targets +-1 as they are, 0 and 1 as -1 and 1; a third value is refused by its row."""
    if targets is None or (np.abs(targets) == 1).all():
        return targets
    other = np.flatnonzero((targets != 0) & (targets != 1))
    if len(other):
        raise InputError(
            f"data.targets: row {other[0]} is {targets[other[0]]:.6g}; "
            'loss.kind = "logistic" takes classes -1 and 1, or 0 and 1; target.label = "sign" '
            "makes them"
        )
    warnings.warn("data.targets: classes 0 and 1 are taken as -1 and 1", Notice, stacklevel=2)
    return 2 * targets - 1


def _with_own_targets(
    samples: Samples, targets: Array | None, train: Rows, test: Rows, label: str | None
) -> Samples:
    if targets is None:
        raise InputError("data: no targets; give data=(x, y), or a target that labels x")
    if label == "sign":
        if (targets == 0).any():
            row = int(np.flatnonzero(targets == 0)[0])
            raise InputError(
                f'data.targets: row {row} is 0, which has no sign; for target.label = "sign" '
                "code the classes as negative and positive numbers"
            )
        targets = signs(targets)
    if np.ptp(targets[train]) == 0:
        raise InputError("data.targets: all training targets are equal; nothing to learn")
    if (np.abs(targets) == 1).all():  # classes stay as they are
        return samples.labelled(targets[train], targets[test])
    shift, scale = float(targets[train].mean()), float(targets[train].std())
    if not SMALLEST < scale < 1 / SMALLEST:
        raise InputError(f"data.targets: a spread of {scale:.1e} is out of range; rescale them")
    targets = (targets - shift) / scale
    return samples.labelled(targets[train], targets[test], shift, scale)


def _numbers(name: str, values: Any, where: str) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"{name}: no real numbers{where} ({array.dtype}); give an array of numbers"
        )
    return np.ascontiguousarray(array, dtype=np.float64)


def _refuse_gaps(name: str, where: str, values: Array) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise InputError(
            f"{name}: row {bad[0][0]}{where} holds NaN or infinity ({len(bad)} such entries); "
            "drop or fill those rows"
        )
