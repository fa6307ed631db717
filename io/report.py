"""A run in words: the object of `info --json`, the table of `info`, the line of `repr`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pde.precision import describe as precision
from .provenance import device
from .schema import DIAGNOSTICS

if TYPE_CHECKING:
    from .run import Run

COLUMNS = {  # heading -> diagnostic, in the table of `summarise`
    "risk": "risk",
    "test risk": "test_risk",
    "free energy": "free_energy",
    "mass - 1": "mass",
    "min density": "min_density",
    "defect": "dissipation_defect",
    "max |a|": "a_max",
    "unresolved": "unresolved_mass",
}

FLOW = (  # diagnostics of the flow, below that table
    "stationarity",
    "certificate",
    "certificate_size",
    "sharpness",
    "critical_steps",
    "sign_changed_mass",
    "displacement",
    "sup_h",
)


def information(run: Run) -> dict[str, Any]:
    """Status, config, provenance, then the arrays in the order of the schema."""
    names = [name for name in DIAGNOSTICS if name in run.diagnostics]
    names += [name for name in run.diagnostics if name not in DIAGNOSTICS]
    return {
        "status": run.status,
        "config": run.settings,
        "provenance": dict(run.provenance),
        "time": plain(run.time),
        "step": plain(run.step),
        **{name: plain(run.diagnostics[name]) for name in names},
    }


def plain(value: Any) -> Any:
    """Lists and numbers that JSON can hold; None where a number is not finite."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def summarise(run: Run) -> str:
    """A few lines on the run and one line a saved time."""
    made = run.provenance
    lines = [describe(run)]
    if made:
        where = " on ".join(filter(None, [made.get("backend"), device(made)]))
        stamp = [f"bnflow {made.get('bnflow')}", where, made.get("dtype")]
        stamp += [f"seed {made.get('seed')}", f"started {made.get('started')}"]
        if "wall_time_s" in made:
            stamp.append(f"{made['wall_time_s']:.1f} s")
        lines.append(", ".join(str(item) for item in stamp if item))
        if told := made.get("precision"):
            lines.append(precision(told))
    table = ["".join(f"{cell:>13}" for cell in row) for row in rows(run)]
    return "\n".join([*lines, "", *table, *_flow(run)])


def rows(run: Run) -> list[list[str]]:
    """The head of a table of the saved times, and a row of cells for each."""
    columns = {head: name for head, name in COLUMNS.items() if _has(run, name)}
    found = [["t", "step", *columns]]
    for row, (time, step) in enumerate(zip(run.time, run.step, strict=True)):
        cells = [_cell(name, float(run.diagnostics[name][row])) for name in columns.values()]
        found.append([f"{time:.6g}", f"{step}", *cells])
    return found


def _flow(run: Run) -> list[str]:
    """The diagnostics of the flow at the last saved time, each with what it needs."""
    names = [name for name in FLOW if _has(run, name)]
    if not names:
        return []
    lines = ["", f"the flow at t = {run.time[-1]:.6g}"]
    for name in names:
        value = _cell(name, float(run.diagnostics[name][-1]))
        needs = DIAGNOSTICS[name].needs
        lines.append(f"{name:>20}{value:>13}   {needs}".rstrip())
    return lines


def describe(run: Run) -> str:
    """One line: what, how big, how far, how good, where."""
    name = run.path.name if run.path else "in memory"
    parts = [f"Run {name}: {run.status}", f"d = {run.layout.dimension}", run.extent]
    if len(run.time):
        span = f"t = {run.time[0]:.6g} .. {run.time[-1]:.6g}"
        parts.append(f"{len(run.time)} saved time{'s' * (len(run.time) > 1)}, {span}")
    if len(run.time) and _has(run, "risk"):
        risk = run.diagnostics["risk"]
        parts.append(f"risk {risk[0]:.4g} -> {risk[-1]:.4g}")
    if run.path:
        parts.append(f"at {run.path}")
    return ", ".join(parts)


def _has(run: Run, name: str) -> bool:
    values = run.diagnostics.get(name)
    return values is not None and values.ndim == 1 and bool(np.isfinite(values).any())


def _cell(name: str, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value - 1:.1e}" if name == "mass" else f"{value:.5g}"
