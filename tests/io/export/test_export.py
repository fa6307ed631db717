"""Exports say what the run says, in formats that other programs read; VTK is checked by a parser
made for that here, against Euler's formula and the areas of spheres."""

import csv
import itertools
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from bnflow.api import solve
from bnflow.io.export import export
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Array, Frame, Layout

SIZES = {2: (8, 10), 3: (6, 8), 4: (4, 6)}


@pytest.fixture(scope="module")
def make_run(
    make_layout: Callable[..., Layout],
    make_frame: Callable[..., Frame],
    config_text: Callable[[int], str],
) -> Callable[..., Run]:
    def make(d: int, **options: Any) -> Run:
        layout = make_layout(d, *SIZES[d], **options)
        frames = [make_frame(layout, step, grown=(step > 5) * (not options)) for step in (0, 5, 10)]
        return Run.from_frames(layout, frames, config_text(d), {"seed": 1})

    return make


@pytest.fixture(scope="module")
def neurons() -> Run:
    solver = {"method": "particles", "width": 5, "replicas": 2}
    return solve(solver=solver, time={"end": 0.2, "save": [0.1]})


# -- NetCDF --------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 4])
def test_netcdf_reads_back_as_the_dataset(
    tmp_path: Path, make_run: Callable[..., Run], d: int
) -> None:
    run = make_run(d)
    export(run, tmp_path / "r.nc")
    with xarray.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as data:
        xarray.testing.assert_equal(data.reset_coords(), run.to_xarray().reset_coords())
        assert {"cell_volume", "a_weight"} <= set(data.coords)
        assert data.attrs["config_toml"] == run.config_toml


def test_netcdf_of_neurons_of_some_names_and_of_one_time(
    tmp_path: Path, neurons: Run, make_run: Callable[..., Run]
) -> None:
    export(neurons, tmp_path / "n.nc")
    with xarray.open_dataset(tmp_path / "n.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data.direction[1], neurons.particles(0.1)[0])
    run = make_run(3)
    export(run, tmp_path / "m.nc", ["risk", "measure", "outer_weights"], time=0.5)
    with xarray.open_dataset(tmp_path / "m.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data.time, [0.5])
        np.testing.assert_array_equal(data.measure[0], run.signed_measure(0.5))
        np.testing.assert_array_equal(data.a_law[0], run.outer_weights(0.5))
        assert "risk" in data
        assert "rho" not in data
        assert "mass" not in data


@pytest.mark.skipif(shutil.which("ncdump") is None, reason="ncdump is not installed")
def test_netcdf_tools_read_and_copy_it(tmp_path: Path, neurons: Run) -> None:
    export(neurons, tmp_path / "n.nc")
    said = subprocess.run(["ncdump", "n.nc"], cwd=tmp_path, capture_output=True, check=True)
    assert b"double direction(time, replica, neuron, axis)" in said.stdout
    subprocess.run(["nccopy", "n.nc", "copy.nc"], cwd=tmp_path, check=True)


# -- CSV -----------------------------------------------------------------------------------------


def table(path: Path) -> dict[str, Array]:
    head, *lines = csv.reader(path.read_text().splitlines())
    values = np.array([[float(cell or "nan") for cell in line] for line in lines])
    return dict(zip(head, values.T, strict=True))


def test_csv_has_a_row_a_time_with_every_digit(
    tmp_path: Path, make_run: Callable[..., Run]
) -> None:
    run = make_run(2)
    export(run, tmp_path / "r.csv")
    found = table(tmp_path / "r.csv")
    np.testing.assert_array_equal(found["time"], run.time)
    np.testing.assert_array_equal(found["risk"], run.risk)
    np.testing.assert_array_equal(found["w_second_moment_0_1"], run.w_second_moment[:, 0, 1])
    assert np.isnan(found["test_risk"]).all()
    assert (tmp_path / "r.csv").read_text().count("nan") == 0


@pytest.mark.parametrize("d", [2, 3, 4])
def test_csv_of_a_density_has_all_that_integrals_need(
    tmp_path: Path, make_run: Callable[..., Run], d: int
) -> None:
    run = make_run(d)
    export(run, tmp_path / "d.csv", ["density"], time=1.0)
    found = table(tmp_path / "d.csv")
    part = found["rho"] * found["cell_volume"] * found["a_weight"]
    assert part.sum() == pytest.approx(1.0, rel=1e-12)
    measure = run.signed_measure(1.0) * run.layout.cell_volume
    for axis in range(d):
        expected = (measure * run.layout.direction_whitened[..., axis]).sum()
        assert (part * found["a"] * found[f"v{axis + 1}"]).sum() == pytest.approx(expected)
    places = np.lexsort([found["a"], *(found[f"xi{k}"] for k in range(d - 1, 0, -1))])
    assert len(np.unique(found["panel"][places])) == 2 * d


def test_csv_of_directions_weights_and_neurons(
    tmp_path: Path, make_run: Callable[..., Run], neurons: Run
) -> None:
    run = make_run(3)
    export(run, tmp_path / "m.csv", ["marginal", "measure"])
    found = table(tmp_path / "m.csv")
    last = found["time"] == 1.0
    np.testing.assert_array_equal(found["measure"][last], run.signed_measure(1.0).ravel())
    np.testing.assert_array_equal(found["marginal"][last], run.marginal(1.0).ravel())
    export(run, tmp_path / "a.csv", ["outer_weights"], time=0.5)
    found = table(tmp_path / "a.csv")
    assert (found["a_law"] * found["a_weight"]).sum() == pytest.approx(1.0, rel=1e-12)
    export(neurons, tmp_path / "n.csv", ["neurons"])
    found = table(tmp_path / "n.csv")
    row = np.flatnonzero((found["time"] == 0.1) & (found["replica"] == 1) & (found["neuron"] == 3))
    u, a, _ = neurons.particles(0.1)
    np.testing.assert_array_equal([found["u1"][row], found["u2"][row]], u[1, 3][:, None])
    assert found["a"][row] == a[1, 3]


# -- VTK -----------------------------------------------------------------------------------------


def parsed(path: Path) -> dict[str, Any]:
    """A legacy VTK file in binary: points, cells and arrays, each consumed to its last byte."""
    raw = path.read_bytes()
    head = raw.split(b"\n", 4)
    assert head[0] == b"# vtk DataFile Version 3.0"
    assert len(head[1]) < 256
    assert head[2] == b"BINARY"
    found: dict[str, Any] = {"kind": head[3].split()[1].decode()}
    place = len(b"\n".join(head[:4])) + 1

    def line() -> list[str]:
        nonlocal place
        end = raw.index(b"\n", place)
        text, place = raw[place:end].decode(), end + 1
        return text.split()

    def block(count: int, kind: str) -> Array:
        nonlocal place
        values = np.frombuffer(raw, kind, count, place)
        place += values.nbytes + 1
        assert raw[place - 1 : place] == b"\n"
        return values

    while place < len(raw):
        word, *rest = line()
        if word == "FIELD":
            for _ in range(int(rest[1])):
                name, parts, count, kind = line()
                assert (parts, kind) == ("1", "double")
                found[name] = block(int(count), ">f8")
        elif word == "POINTS":
            found["points"] = block(3 * int(rest[0]), ">f8").reshape(-1, 3)
        elif word in ("POLYGONS", "CELLS", "VERTICES"):
            cells = block(int(rest[1]), ">i4").reshape(int(rest[0]), -1)
            assert (cells[:, 0] == cells.shape[1] - 1).all()
            found["cells"] = cells[:, 1:]
        elif word == "CELL_TYPES":
            assert (block(int(rest[0]), ">i4") == 12).all()
        else:
            assert word in ("CELL_DATA", "POINT_DATA")
            assert int(rest[0]) == len(found["cells"])
    return found


def edges(cells: Any) -> Counter[tuple[int, int]]:
    around = zip(cells.ravel().tolist(), np.roll(cells, -1, axis=1).ravel().tolist(), strict=True)
    return Counter((min(pair), max(pair)) for pair in around)


def test_vtk_sphere_is_closed_faces_outwards_and_carries_the_measure(
    tmp_path: Path, make_run: Callable[..., Run]
) -> None:
    """V - E + F = 2 and every edge in two faces; chords of a cell of width h lose O(h^2) area."""
    run = make_run(3)
    export(run, tmp_path / "s.vtk", time=0.5)
    found = parsed(tmp_path / "s.vtk")
    assert found["kind"] == "POLYDATA"
    assert found["TIME"] == [0.5]
    points, cells = found["points"], found["cells"]
    shared = edges(cells)
    assert set(shared.values()) == {2}
    assert len(points) - len(shared) + len(cells) == 2
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)
    one, two, three, four = np.moveaxis(points[cells], 1, 0)
    normal = 0.5 * np.cross(three - one, four - two)
    assert (np.sum(normal * one, axis=1) > 0).all()
    h = np.pi / 2 / SIZES[3][0]
    assert np.linalg.norm(normal, axis=1).sum() == pytest.approx(4 * np.pi, rel=h**2 / 4)
    centres = (one + two + three + four) / 4
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    u = run.layout.direction_raw.reshape(-1, 3)
    assert (np.sum(centres * u, axis=1) > np.cos(h**2 / 4)).all()  # the cells are in their order
    np.testing.assert_array_equal(found["measure"], run.signed_measure(0.5).ravel())
    mean = (found["measure"] * found["cell_volume"]).sum()
    assert mean == pytest.approx((run.outer_weights(0.5) * run.a_weight) @ run.a)


def test_vtk_shell_has_the_density_in_cells_of_positive_volume(
    tmp_path: Path, make_run: Callable[..., Run]
) -> None:
    """The determinant at a corner is positive; volumes add to 7/3 of the sphere's, up to O(h^2)."""
    run = make_run(3)
    export(run, tmp_path / "s.vtk", ["density"])
    found = parsed(tmp_path / "s.vtk")
    assert found["kind"] == "UNSTRUCTURED_GRID"
    corner = found["points"][found["cells"]]
    sides = corner[:, [1, 3, 4]] - corner[:, :1]
    assert (np.linalg.det(sides) > 0).all()
    np.testing.assert_array_equal(found["rho"], run.density(1.0).ravel())
    np.testing.assert_array_equal(found["a"].reshape(-1, len(run.a))[7], run.a)


@pytest.mark.parametrize("values", [None, np.array([-1.0, 2.0])])
def test_vtk_cylinder_has_the_density_where_its_direction_is(
    tmp_path: Path, make_run: Callable[..., Run], values: Array | None
) -> None:
    run = make_run(2) if values is None else make_run(2, values=values)
    export(run, tmp_path / "c.vtk")
    found = parsed(tmp_path / "c.vtk")
    cells, points = found["cells"], found["points"]
    assert set(edges(cells).values()) == {1, 2}
    assert len(points) - len(edges(cells)) + len(cells) == 0  # a closed band
    middle = points[cells].mean(axis=1)
    angle = np.arctan2(middle[:, 1], middle[:, 0])
    u, rho = run.layout.direction_raw.reshape(-1, 2), run.density(1.0).reshape(-1, len(run.a))
    for row in range(0, len(cells), 7):
        off = np.angle(np.exp(1j * (angle[row] - np.arctan2(u[:, 1], u[:, 0]))))
        column = np.flatnonzero(run.a == found["a"][row])[0]
        assert found["rho"][row] == rho[np.abs(off).argmin(), column]


def test_vtk_of_neurons_is_points(tmp_path: Path, neurons: Run) -> None:
    export(neurons, tmp_path / "n.vtk")
    found = parsed(tmp_path / "n.vtk")
    u, a, mass = neurons.particles(0.2)
    np.testing.assert_array_equal(found["points"], np.column_stack([u.reshape(-1, 2), a.ravel()]))
    np.testing.assert_array_equal(found["mass"], np.tile(mass, 2))
    np.testing.assert_array_equal(found["replica"], [0] * 5 + [1] * 5)


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "name", "options", "match"),
    [
        (2, "r.xls", {}, r"ends in .nc, csv or vtk"),
        (2, "r.cvs", {}, "did you mean csv"),
        (2, "no/r.nc", {}, "does not exist"),
        (2, "r.nc", {"what": ["mesure"]}, "did you mean measure"),
        (2, "r.nc", {"time": 0.7}, "nearest saved time"),
        (2, "r.csv", {"what": ["risk", "density"]}, "one table"),
        (2, "r.vtk", {"what": ["measure"]}, "has density, not measure"),
        (3, "r.vtk", {"what": ["density", "measure"]}, "one by one"),
        (4, "r.vtk", {}, "this run has d = 4"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    tmp_path: Path,
    make_run: Callable[..., Run],
    d: int,
    name: str,
    options: dict[str, Any],
    match: str,
) -> None:
    with pytest.raises(InputError, match=match) as error:
        make_run(d).export(tmp_path / name, **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_ending_or_the_format_decides(tmp_path: Path, make_run: Callable[..., Run]) -> None:
    for name, to in itertools.product(("r.nc", "r.data"), ("csv",)):
        make_run(2).export(tmp_path / name, to=to)
        assert (tmp_path / name).read_text().startswith("time,step,")
