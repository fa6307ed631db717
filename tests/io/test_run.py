"""A run answers from its folder or from memory, in the same way, and says what it does not have."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from bnflow.io.run import Run
from bnflow.io.snapshot import read_field
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]
STEPS = ((0, 0), (10, 1), (20, 3))


@pytest.fixture(scope="module")
def layout(make_layout: Make) -> Layout:
    return make_layout(d=3, n=4, n_a=6)


@pytest.fixture(scope="module")
def frames(layout: Layout, make_frame: MakeFrame) -> list[Frame]:
    return [make_frame(layout, step, grown=grown) for step, grown in STEPS]


@pytest.fixture
def folder(
    tmp_path: Path, layout: Layout, frames: list[Frame], config_text: Callable[[int], str]
) -> Path:
    text = config_text(3)
    with Store.create(
        tmp_path / "run", layout=layout, config_toml=text, provenance={"seed": 3}
    ) as store:
        for frame in frames:
            store.append(frame)
    return tmp_path / "run"


@pytest.fixture
def memory(layout: Layout, frames: list[Frame], config_text: Callable[[int], str]) -> Run:
    return Run.from_frames(layout, frames, config_text(3), {"seed": 3})


def refused(match: str) -> "pytest.RaisesExc[InputError]":
    return pytest.RaisesExc(InputError, match=match, check=lambda error: "\n" not in str(error))


def test_folder_and_memory_agree(folder: Path, memory: Run) -> None:
    stored = Run.from_directory(folder)
    ours, theirs = memory.to_info(), stored.to_info()
    assert theirs.pop("provenance").pop("wall_time_s") >= 0
    assert ours.pop("provenance") == {"seed": 3}
    assert ours == theirs
    np.testing.assert_array_equal(stored.a, memory.a)
    for t in (0.0, 1.0, 2.0):
        np.testing.assert_array_equal(stored.density(t), memory.density(t))
    np.testing.assert_array_equal(stored.log["risk"], memory.log["risk"])


def test_density_is_on_the_union_axis_with_zeros_and_keeps_mass(
    memory: Run, layout: Layout
) -> None:
    assert layout.a_width is not None
    assert len(memory.a) == 6 + 2 * 3
    np.testing.assert_allclose(np.diff(memory.a), layout.a_width)
    np.testing.assert_array_equal(memory.a[3:9], layout.a_values)
    start = memory.density(0.0)
    assert start.shape == (6, 4, 4, 12)
    assert (start[..., :3] == 0).all()
    for t in memory.time:
        mass = np.sum(memory.density(t) * layout.cell_volume[..., None]) * layout.a_width
        assert mass == pytest.approx(1.0, rel=1e-13)


def test_marginals_and_moments_are_those_of_the_density(memory: Run, layout: Layout) -> None:
    rho, volume, width = memory.density(2.0), layout.cell_volume, layout.a_width
    np.testing.assert_allclose(memory.signed_measure(2.0), (rho * memory.a).sum(-1) * width)
    np.testing.assert_allclose(memory.marginal(2.0), rho.sum(-1) * width)
    expected = (rho * volume[..., None]).sum((0, 1, 2))
    np.testing.assert_allclose(memory.outer_weights(2.0), expected)


def test_unsaved_times_name_the_nearest(memory: Run) -> None:
    with refused(r"t = 1.2 was not saved; the nearest saved time is 1 "):
        memory.density(1.2)
    memory.density(1.0 + 1e-10)  # the same time, to rounding


@pytest.mark.parametrize("block", [1, 7, 10**9])
def test_predict_is_the_sum_of_its_formula(
    make_layout: Make, make_frame: MakeFrame, config_text: Callable[[int], str],
    monkeypatch: pytest.MonkeyPatch, block: int,
) -> None:  # fmt: skip
    """f(x) = shift + scale sum_j m_j vol_j relu(v_j . S^(-1/2) (P (x - centre) - mean))."""
    rng = np.random.default_rng(5)
    basis, centre = np.linalg.qr(rng.random((5, 3)))[0].T, rng.random(5)
    layout = make_layout(
        d=3,
        n=4,
        n_a=6,
        input_basis=basis,
        input_centre=centre,
        target_shift=150.0,
        target_scale=70.0,
    )
    object.__setattr__(layout, "data_mean", rng.random(3))
    root = rng.random((3, 3)) + 2 * np.eye(3)
    object.__setattr__(layout, "data_covariance", root @ root.T)
    monkeypatch.setattr("bnflow.io.prediction.BLOCK", block)
    run = Run.from_frames(layout, [make_frame(layout, 10)], config_text(3), {})
    x = rng.random((9, 5))
    values, vectors = np.linalg.eigh(layout.data_covariance)
    inverse_root = vectors @ np.diag(values**-0.5) @ vectors.T
    m = run.signed_measure(1.0)
    expected = np.empty(9)
    for row in range(9):
        xt = inverse_root @ (basis @ (x[row] - centre) - layout.data_mean)
        neurons = np.maximum(layout.direction_whitened @ xt, 0)
        expected[row] = 150.0 + 70.0 * np.sum(m * layout.cell_volume * neurons)
    np.testing.assert_allclose(run.predict(x, 1.0), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (np.zeros(3), r"shape \(3,\), expected \(rows, 3\); one input is x\[None, :\]"),
        (np.zeros((2, 4)), r"shape \(2, 4\), expected \(rows, 3\)"),
        (np.array([[0, 0, 0], [0, np.nan, 0]]), "row 1 of x is not finite"),
        ("x", "not numeric"),
    ],
)
def test_wrong_inputs_are_told_in_one_line(memory: Run, x: np.ndarray, match: str) -> None:
    with refused(match):
        memory.predict(x, 1.0)


def test_predict_of_nothing_is_nothing(memory: Run) -> None:
    assert memory.predict(np.empty((0, 3)), 1.0).shape == (0,)


def test_diagnostics_are_attributes_and_unknown_ones_name_the_nearest(memory: Run) -> None:
    np.testing.assert_allclose(memory.risk, 0.3 * np.exp(-memory.time))
    assert memory.w_second_moment.shape == (3, 3, 3)
    assert "risk" in dir(memory)
    with pytest.raises(AttributeError, match="no 'rsik'; nearest: risk"):
        getattr(memory, "rsik")  # noqa: B009
    with pytest.raises(AttributeError, match=r"has no 'entropy'"):  # known, but not in this run
        getattr(memory, "entropy")  # noqa: B009


def test_info_is_strict_json_in_the_order_of_the_schema(memory: Run) -> None:
    info = json.loads(json.dumps(memory.to_info(), allow_nan=False))
    keys = list(info)
    assert keys[:6] == ["status", "config", "provenance", "time", "step", "risk"]
    assert info["config"]["target"]["weights"] == [1.0, -0.5]
    assert info["test_risk"] == [None] * 3
    assert info["w_second_moment"][0] == [[1 / 3, 0, 0], [0, 1 / 3, 0], [0, 0, 1 / 3]]
    assert keys.index("free_energy") < keys.index("mass") < keys.index("anisotropy")


def test_summary_and_repr_tell_the_run(folder: Path) -> None:
    run = Run.from_directory(folder)
    assert repr(run) == (
        f"<Run run: complete, d = 3, 96 directions x 12 values of a, 3 saved times, "
        f"t = 0 .. 2, risk 0.3 -> 0.0406, at {folder}>"
    )
    table, flow = run.summary().split("\n\nthe flow at t = 2\n")
    lines = table.splitlines()
    assert "certificate" in flow
    assert lines[3].split() == [
        "t", "step", "risk", "free", "energy", "mass", "-", "1", "min", "density", "defect",
        "unresolved",
    ]  # fmt: skip
    assert len(lines) == 4 + 3


def test_opening_reads_no_field_and_a_density_reads_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = read_field

    def counted(path: Path, name: str, expected: str) -> np.ndarray:
        read.append(path.name)
        return real(path, name, expected)

    monkeypatch.setattr("bnflow.io.fieldsource.read_field", counted)
    run = Run.from_directory(folder)
    run.summary()
    assert read == []
    run.density(1.0)
    assert read == ["000000010.h5"]


def test_a_missing_snapshot_is_an_error_never_nan(folder: Path) -> None:
    run = Run.from_directory(folder)
    (folder / "snap" / "000000010.h5").unlink()
    assert run.risk[0] == 0.3  # the curves still read
    with pytest.warns(Notice, match="000000010.h5 is missing"):
        assert np.isfinite(run.density(0.0)).all()  # what is there is not held back
    with refused(r"000000010.h5 is missing"):
        run.density(1.0)


def test_an_exchanged_snapshot_is_refused(folder: Path) -> None:
    other = (folder / "snap" / "000000020.h5").read_bytes()
    (folder / "snap" / "000000010.h5").write_bytes(other)
    with refused(r"000000010.h5 is damaged .*not the snapshot that the view lists"):
        Run.from_directory(folder).density(1.0)
    assert Run.from_directory(folder).density(0.0).any()  # the others are read


def test_a_snapshot_exchanged_after_the_first_look_is_refused(folder: Path) -> None:
    run = Run.from_directory(folder)
    run.density(0.0)
    other = (folder / "snap" / "000000020.h5").read_bytes()
    (folder / "snap" / "000000010.h5").write_bytes(other)
    with refused("not the snapshot that the view lists"):
        run.density(1.0)


def test_a_flipped_bit_in_a_field_is_refused(folder: Path) -> None:
    path = folder / "snap" / "000000010.h5"
    with h5py.File(path, "r") as file:
        place = file["rho"].id.get_chunk_info(0).byte_offset + 100
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with refused(r"000000010.h5 is damaged"):
        Run.from_directory(folder).density(1.0)


def test_a_newer_format_is_refused_with_a_hint(folder: Path) -> None:
    with h5py.File(folder / "trajectory.h5", "a") as file:
        file.attrs["bnflow_schema"] = "2.0"
    with refused(r"file format 2.0; this bnflow reads up to 1.x: upgrade"):
        Run.from_directory(folder)


def test_a_newer_minor_format_with_unknown_names_is_read(folder: Path) -> None:
    with h5py.File(folder / "trajectory.h5", "a") as file:
        file.attrs["bnflow_schema"] = "1.9"
        file["novelty"] = [1.0, 2.0]
        file["novelty"].attrs["bnflow_role"] = "prophecy"
    assert len(Run.from_directory(folder).risk) == 3


def test_what_is_no_run_is_told(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "x").write_text("")
    (tmp_path / "empty").mkdir()
    for path, match in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path / "x", "is a file"),
        (tmp_path / "empty", "it is empty"),
        (tmp_path, rf"it holds empty, run, x\); did you mean {folder}\?"),
        (folder / "trajectory.h5", f"give its folder, {folder}"),
    ):
        with refused(match):
            Run.from_directory(path)


def test_golden_run_of_format_1_0_reads_for_ever() -> None:
    run = Run.from_directory(Path(__file__).parent / "golden" / "v1.0")
    np.testing.assert_array_equal(run.time, [0.0, 0.5])
    np.testing.assert_array_equal(run.risk, [0.25, 0.125])
    np.testing.assert_allclose(run.a, [-1.5, -0.5, 0.5, 1.5])
    assert run.density(0.0)[0, 0, 0] == 0.0
    assert run.density(0.5)[3, 1, 3] == 31 / 8
    assert run.status == "complete"
    assert run.config_toml == 'name = "golden"\n'
