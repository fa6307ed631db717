"""VTK, the legacy format in binary, which ParaView, VisIt, PyVista and meshio read: one saved time.

    d = 2   density on the cylinder of direction and a
    d = 3   measure and marginal on the sphere of raw directions; or density in a shell
    neurons as points, d = 2 or 3, with a, mass [, gamma, beta]

Format: "VTK File Formats" of the VTK User's Guide, version 3.0, big-endian. Geometry: `mesh`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.errors import InputError
from ...pde.config.text import listed
from ...pde.frame import Array
from ..contents import chosen, fields
from ..neuronrun import NeuronRun
from ..report import describe
from ..safefile import atomic_bytes
from .mesh import Mesh, cylinder, neurons, shell, sphere

if TYPE_CHECKING:
    from ..run import Run

SHOWN = {2: ("density",), 3: ("measure", "marginal", "density")}
TITLE = 255  # characters that the format allows
QUADRILATERALS, HEXAHEDRA, POINTS = 4, 8, 1  # by their number of corners
HEXAHEDRON = 12  # the format's number of that cell


def write(run: Run, path: Path, what: Sequence[str], times: Sequence[float]) -> None:
    """The last of the times."""
    names, asked = chosen(run, what)
    _refuse(run, [*names, *asked])
    t = times[-1]
    if isinstance(run, NeuronRun):
        mesh, data = neurons(run, t), _of_neurons(run, t)
    elif run.layout.dimension == 2:
        mesh, order = cylinder(run)
        data = _of_density(run, run.density(t).reshape(len(order), -1)[order])
    elif "density" in asked:
        mesh, data = shell(run), _of_density(run, run.density(t))
    else:
        mesh = sphere(run.layout)
        shown = [fields(run, name)[0] for name in asked or SHOWN[3][:2]]
        data = {variable.name: variable.at(t) for variable in shown}
        data["cell_volume"] = run.layout.cell_volume
    atomic_bytes(path, serialised(mesh, data, f"{describe(run)}; t = {t:.12g}", t))


def _refuse(run: Run, what: Sequence[str]) -> None:
    d, of_neurons = run.layout.dimension, isinstance(run, NeuronRun)
    if d not in SHOWN:
        raise InputError(f"VTK is a picture in space, for d = 2 or 3; this run has d = {d}: use nc")
    allowed = ("neurons",) if of_neurons else SHOWN[d]
    if others := [name for name in what if name not in allowed]:
        given = ", ".join(others)
        raise InputError(f"VTK of this run has {listed(allowed)}, not {given}: use nc or csv")
    if "density" in what and len(what) > 1:
        raise InputError("density is a mesh of its own in VTK: export it and the others one by one")


def _of_density(run: Run, rho: Array) -> dict[str, Array]:
    a = np.broadcast_to(run.a, (*rho.shape[:-1], len(run.a)))
    return {"rho": rho, "a": a}


def _of_neurons(run: NeuronRun, t: float) -> dict[str, Array]:
    _, a, mass = run.particles(t)
    data = {"a": a, "mass": np.broadcast_to(mass, a.shape)}
    replica = np.broadcast_to(np.arange(len(a))[:, None], a.shape).astype(float)
    affine = {"gamma": run.scales(t), "beta": run.shifts(t)} if run.rescaled else {}
    return {**data, "replica": replica, **affine}


def serialised(mesh: Mesh, data: Mapping[str, Array], title: str, t: float) -> bytes:
    """The file. data : a value a cell, in the order of the cells."""
    count, corners = mesh.cells.shape
    kind = "UNSTRUCTURED_GRID" if corners == HEXAHEDRA else "POLYDATA"
    head = f"# vtk DataFile Version 3.0\n{_ascii(title)}\nBINARY\nDATASET {kind}\n"
    parts = [f"{head}FIELD FieldData 1\nTIME 1 1 double\n".encode(), _doubles(np.array([t]))]
    parts += [f"POINTS {len(mesh.points)} double\n".encode(), _doubles(mesh.points)]
    word = {QUADRILATERALS: "POLYGONS", HEXAHEDRA: "CELLS", POINTS: "VERTICES"}[corners]
    parts.append(f"{word} {count} {count * (corners + 1)}\n".encode())
    parts.append(_integers(np.column_stack([np.full(count, corners), mesh.cells])))
    if corners == HEXAHEDRA:
        parts += [f"CELL_TYPES {count}\n".encode(), _integers(np.full(count, HEXAHEDRON))]
    parts.append(f"{'POINT' if corners == POINTS else 'CELL'}_DATA {count}\n".encode())
    parts.append(f"FIELD FieldData {len(data)}\n".encode())  # of SCALARS, readers take the first
    for name, values in data.items():
        parts += [f"{name} 1 {count} double\n".encode(), _doubles(values)]
    return b"".join(parts)


def _ascii(title: str) -> str:
    return title.encode("ascii", "replace").decode()[:TITLE]


def _doubles(values: Array) -> bytes:
    return np.ascontiguousarray(values, ">f8").tobytes() + b"\n"


def _integers(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, ">i4").tobytes() + b"\n"
