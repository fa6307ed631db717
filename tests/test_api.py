"""Solve and open: memory and disk agree, a broken run goes on bitwise, mistakes touch nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import bnflow
from bnflow import api
from bnflow.api.inputs import dotted
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError, Notice, NumericalFailure
from bnflow.pde.config import load_config

SMALL: dict[str, Any] = {
    "solver": {"cells": 5, "a_cells": 10},
    "time": {"end": 0.4, "save": [0.1, 0.2, 0.3]},
}
SAMPLED = {**SMALL, "data": {"kind": "sampled", "samples": 20, "test_fraction": 0.2}}
GROWING = {
    **SMALL,
    "network": {"train": ["a"]},
    "initial": {"a": {"kind": "normal", "mean": 0.0, "std": 0.02}},
    "time": {"end": 2.0, "save": [0.5, 1.0, 1.5]},
}
CASES = [SMALL, SAMPLED, GROWING]
cases = pytest.mark.parametrize("config", CASES, ids=["population", "sampled", "growing"])


class Told:
    """A progress display that keeps what it hears, and may break at a step."""

    def __init__(self, breaks_at: int = -1, error: BaseException | None = None) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.breaks_at, self.error = breaks_at, error or KeyboardInterrupt()

    def start(self, problem_text: str, t: float, end: float) -> None:
        self.heard.append(("start", t, end))

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        self.heard.append(("step", step))
        if step == self.breaks_at:
            raise self.error

    def saved(self, t: float) -> None:
        self.heard.append(("saved", t))

    def finish(self) -> None:
        self.heard.append(("finish",))


def assert_same(one: bnflow.Run, other: bnflow.Run) -> None:
    """Bitwise, everything that a user reads."""
    assert one.config == other.config
    assert one.time.tolist() == other.time.tolist()
    assert one.step.tolist() == other.step.tolist()
    assert (one.a == other.a).all()
    for parts in ((one.diagnostics, other.diagnostics), (one.log, other.log)):
        assert parts[0].keys() == parts[1].keys()
        for name in parts[0]:
            np.testing.assert_array_equal(parts[0][name], parts[1][name], err_msg=name)
    for t in one.time:
        assert (one.density(t) == other.density(t)).all()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def interrupted(config: Any, out: Path, at: int = 0) -> None:
    """Begin a run and break it in the middle, or at a step."""
    middle = at or int(bnflow.solve(config).step[-1]) // 2
    with pytest.raises(KeyboardInterrupt):
        bnflow.solve(config, out, progress=Told(middle), interrupt="raise")


@cases
def test_in_memory_and_on_disk_agree_bitwise(config: Any, tmp_path: Path) -> None:
    memory, disk = bnflow.solve(config), bnflow.solve(config, tmp_path / "run")
    assert_same(memory, disk)
    assert_same(memory, bnflow.open(tmp_path / "run"))
    assert memory.status == disk.status == "complete"
    assert memory.path is None
    assert disk.path == tmp_path / "run"


@cases
def test_a_run_that_broke_in_the_middle_goes_on_bitwise(config: Any, tmp_path: Path) -> None:
    whole, out = bnflow.solve(config), tmp_path / "run"
    interrupted(config, out)
    assert bnflow.open(out).status == "stopped"
    assert 1 <= len(bnflow.open(out).time) < len(whole.time)
    assert_same(bnflow.solve(config, out), whole)
    assert bnflow.open(out).status == "complete"


def test_a_run_that_breaks_before_every_save_goes_on_bitwise(tmp_path: Path) -> None:
    """Each session adds one saved time at least, and the last one finishes."""
    whole, out = bnflow.solve(SAMPLED), tmp_path / "run"
    for step in whole.step[1:]:
        interrupted(SAMPLED, out, int(step))
    assert_same(bnflow.solve(SAMPLED, out), whole)


def test_a_run_that_broke_at_its_first_step_goes_on(tmp_path: Path) -> None:
    whole, out = bnflow.solve(SMALL), tmp_path / "run"
    interrupted(SMALL, out, at=1)
    assert bnflow.open(out).time.tolist() == [0.0]
    assert_same(bnflow.solve(SMALL, out), whole)


def test_a_later_end_goes_on_from_the_finished_run(tmp_path: Path) -> None:
    """And is not the run to that end bitwise: the step was spread before the earlier end."""
    out = tmp_path / "run"
    first = bnflow.solve(SMALL, out)
    later = bnflow.solve(SMALL, out, **{"time.end": 0.6})
    assert later.time.tolist() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.6]
    assert (later.density(0.4) == first.density(0.4)).all()
    assert later.config.time.end == 0.6
    straight = bnflow.solve(SMALL, **{"time.end": 0.6})
    assert later.risk[-1] == pytest.approx(straight.risk[-1], rel=1e-4)


def test_a_finished_run_is_opened_with_a_notice_and_not_touched(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = bnflow.solve(SMALL, out)
    before = contents(out)
    with pytest.warns(Notice, match="already complete"):
        again = bnflow.solve(SMALL, out, progress=Told(0))
    assert_same(first, again)
    assert contents(out) == before


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"network.activation": "erf"}, "network.activation: erf here, relu there"),
        (
            {"solver.cells": 6, "solver.a_cells": 12},
            r"solver.cells: 6 here, 5 there \(and 1 more\)",
        ),
        ({"time.end": 0.35}, "time.end: 0.35 here, 0.4 there"),
        ({"time.end": 0.9, "run.seed": 1}, "run.seed: 1 here, 0 there"),
        ({"target.weights": [1.0, -0.4], "target.angles": [0.3, 1.9]}, "target.weights: .*0.4"),
    ],
)
def test_a_folder_with_another_configuration_is_refused_and_not_touched(
    finished: bool, changes: dict[str, Any], phrase: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    if finished:
        bnflow.solve(SMALL, out)
    else:
        interrupted(SMALL, out, at=3)
    before = contents(out)
    with pytest.raises(InputError, match=phrase) as error:
        bnflow.solve(SMALL, out, **changes)
    assert "choose another --out" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert contents(out) == before


def test_the_progress_is_told_in_order(tmp_path: Path) -> None:
    told = Told()
    run = bnflow.solve(SMALL, tmp_path / "run", progress=told)
    assert told.heard[0] == ("start", 0.0, 0.4)
    assert told.heard[-1] == ("finish",)
    assert [h[1] for h in told.heard if h[0] == "step"] == list(range(1, int(run.step[-1]) + 1))
    assert [h[1] for h in told.heard if h[0] == "saved"] == [0.0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("out", [None, "run"])
def test_the_progress_is_finished_after_a_failure_too(out: str | None, tmp_path: Path) -> None:
    told = Told(2)
    with pytest.raises(KeyboardInterrupt):
        bnflow.solve(SMALL, out and tmp_path / out, progress=told, interrupt="raise")
    assert told.heard[-1] == ("finish",)


def test_a_numerical_failure_keeps_what_was_saved(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(NumericalFailure):
        bnflow.solve(SMALL, out, progress=Told(4, NumericalFailure("broken")))
    run = bnflow.open(out)
    assert run.status == "failed"
    assert len(run.time) >= 1
    assert np.isfinite(run.density(0.0)).all()


# -- data files ----------------------------------------------------------------------------------


Write = Callable[..., dict[str, Any]]


@pytest.fixture
def from_file(tmp_path: Path) -> Write:
    """Write a data file, and give the configuration that reads it."""

    def write(seed: int = 0, bad: float | None = None) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        x = random.standard_normal((30, 2))
        if bad is not None:
            x[3, 1] = bad
        np.savez(tmp_path / "rows.npz", x=x, y=10 + 3 * np.tanh(x[:, 0]))
        data = {"kind": "file", "path": str(tmp_path / "rows.npz"), "inputs": "x", "targets": "y"}
        return {**SMALL, "data": {**data, "test_fraction": 0.2}}

    return write


def test_a_file_that_has_changed_is_refused_on_resume_and_nothing_is_touched(
    from_file: Write, tmp_path: Path
) -> None:
    out, config = tmp_path / "run", from_file()
    whole = bnflow.solve(config)
    interrupted(config, out)
    before = contents(out)
    from_file(seed=1)
    with pytest.raises(InputError, match="the data have changed"):
        bnflow.solve(config, out)
    assert contents(out) == before
    from_file()  # restored
    assert_same(bnflow.solve(config, out), whole)


def test_a_file_run_predicts_raw_units(from_file: Write) -> None:
    """The mean of the targets is 10: what the standardised network adds is of their spread."""
    config = from_file()
    run = bnflow.solve(config)
    x = np.load(config["data"]["path"])["x"]
    t = float(run.time[-1])
    assert abs(run.predict(x, t).mean() - 10) < 1
    assert run.provenance["data_digest"]
    assert np.isfinite(run.test_risk).all()


def test_mistakes_never_make_the_folder(from_file: Write, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    sampled = {"kind": "sampled", "samples": 2}  # they span one dimension
    mistakes: list[tuple[Any, dict[str, Any]]] = [
        (from_file(), {"data.inputs": "z"}),
        (from_file(), {"data.path": str(tmp_path / "none.npz")}),
        ({**SMALL, "data": sampled}, {}),
        (SMALL, {"time.edn": 3.0}),
        (SMALL, {"tiem.end": 3.0}),
        (SMALL, {"time.end": -1.0}),
        (SMALL, {"run.backend": "cuda"}),
        (SMALL, {"data.covariance": [1.0, -1.0]}),
        (SMALL, {"solver.a_range": [-0.1, 0.1], "initial.a": {"kind": "constant", "value": 0.099}}),
        ("no-such-example", {}),
        (tmp_path / "none.toml", {}),
    ]
    for config, overrides in mistakes:
        with pytest.raises(InputError) as error:
            bnflow.solve(config, out, **overrides)
        assert len(str(error.value).splitlines()) == 1
        assert not (tmp_path / "deep").exists(), overrides


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_in_the_data_never_make_the_folder(
    bad: float, from_file: Write, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"row 3 .* NaN or infinity"):
        bnflow.solve(from_file(bad=bad), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_override_names_the_nearest_key() -> None:
    with pytest.raises(InputError, match="end"):
        bnflow.solve(SMALL, **{"time.edn": 3.0})


def test_a_folder_with_strangers_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(InputError, match=r"not empty \('thesis.tex'"):
        bnflow.solve(SMALL, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


# -- the rest of the door ------------------------------------------------------------------------


def test_every_form_of_a_configuration_is_one_run(tmp_path: Path) -> None:
    config = load_config(SMALL)
    path = tmp_path / "small.toml"
    path.write_text(config.to_toml())
    runs = [bnflow.solve(form) for form in (SMALL, config, path, str(path))]
    for run in runs[1:]:
        assert_same(run, runs[0])


def test_plan_writes_nothing_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = api.plan(SMALL)
    assert (plan.directions, plan.a_cells, plan.saves) == (20, 10, 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"solver.cells": 24, "solver.a_cells": 400, "solver.tracers": 20_000},
        {"network.train": ["w"], "initial.a": {"kind": "two-point"}, "solver.cells": 1000},
        {"solver.cells": 40, "solver.a_cells": 200, "run.dtype": "float32"},
        {"solver.method": "particles", "solver.width": 20_000},
    ],
    ids=["grid", "list", "float32", "neurons"],
)
def test_a_plan_says_what_a_run_takes_on_the_disk(keys: dict[str, Any], tmp_path: Path) -> None:
    """But for the names in its files, 40 KiB each; and for the state that goes with the next one.

    The density of the list is small beside its coordinates, and beside the memory of its steps.
    """
    keys = {**keys, "time.end": 2e-3, "time.save": [1e-3]}
    plan = api.plan(None, **keys)
    bnflow.solve(None, tmp_path / "run", **keys)
    sizes = [p.stat().st_size for p in (tmp_path / "run").glob("*/*.h5")]
    assert len(sizes) == 5
    assert 0 <= sum(sizes) - (plan.disk - plan.restart_bytes) <= len(sizes) * 40 * 1024


def test_health_reads_the_folder(tmp_path: Path) -> None:
    bnflow.solve(SMALL, tmp_path / "run")
    lines = api.health(tmp_path / "run")
    assert sum(line.kind == "good" for line in lines) == 8  # view, snapshots, two states
    with pytest.raises(InputError, match="holds no run"):
        api.health(tmp_path)


def test_stored_densities_have_the_mass_and_risk_that_the_run_reports(tmp_path: Path) -> None:
    """From the HDF5 file alone, by the coordinates in it."""
    run = bnflow.solve(SMALL, tmp_path / "run")
    with h5py.File(tmp_path / "run" / "trajectory.h5") as file:
        rho, risk = file["rho"][()], file["risk"][()]
    mass = (np.nan_to_num(rho) * run.layout.cell_volume[..., None] * run.a_weight).sum((1, 2, 3))
    np.testing.assert_allclose(mass, 1, atol=1e-13)
    assert (risk == run.risk).all()


# -- found by review ---------------------------------------------------------------------------


def test_keyword_tables_change_their_keys_and_a_kind_makes_a_new_table() -> None:
    base = {"initial": {"a": {"kind": "normal", "mean": 1.0, "std": 0.2}}}
    assert api.plan(base, initial={"a": {"std": 0.3}}) is not None
    merged = load_config(base, dotted({"initial": {"a": {"std": 0.3}}})).initial.a
    assert (merged.mean, merged.std) == (1.0, 0.3)
    sampled = load_config(None, dotted({"data": {"kind": "sampled", "samples": 9}})).data
    assert (sampled.kind, sampled.samples) == ("sampled", 9)


def test_a_finished_run_whose_file_has_changed_is_not_taken_for_complete(
    from_file: Write, tmp_path: Path
) -> None:
    bnflow.solve(from_file(seed=0), tmp_path / "run")
    with pytest.warns(Notice, match="already complete"):
        bnflow.solve(from_file(seed=0), tmp_path / "run")
    with pytest.raises(InputError, match="changed"):
        bnflow.solve(from_file(seed=1), tmp_path / "run")


def test_a_full_disk_is_an_os_error_that_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line makes exit code 3 of it; the same call goes on when there is room."""
    real, calls = Store.append, []

    def append(self: Any, frame: Any) -> None:
        calls.append(frame)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(self, frame)

    monkeypatch.setattr(Store, "append", append)
    with pytest.raises(OSError, match="No space"):
        bnflow.solve(SMALL, tmp_path / "run")
    stopped = bnflow.open(tmp_path / "run")
    assert (stopped.status, len(stopped.time)) == ("stopped", 2)
    assert_same(bnflow.solve(SMALL, tmp_path / "run"), bnflow.solve(SMALL))


def test_a_law_much_narrower_than_its_field_moves_it_runs_and_keeps_its_mean() -> None:
    """The axis has room for what a will become, not for the law's six deviations alone."""
    narrow = {"kind": "normal", "mean": 0.3, "std": 1e-6}
    with pytest.warns(Notice, match="narrower than a cell"):
        run = bnflow.solve(SMALL, initial={"a": narrow})
    assert run.step[-1] < 200
    assert run.a_mean[0] == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize(
    ("train", "law", "limits"),
    [
        (["w"], {"kind": "normal", "std": 0.5}, [0.2, 0.5]),
        (["w"], {"kind": "uniform", "range": [-1.0, 1.0]}, [5.0, 6.0]),
        (["w", "a"], {"kind": "normal", "std": 0.5}, [-0.6, 0.6]),
    ],
)
def test_a_range_that_cuts_the_initial_law_is_refused_with_one_that_does_not(
    train: list[str], law: dict[str, Any], limits: list[float]
) -> None:
    changes = {"network": {"train": train}, "initial": {"a": law}}
    with pytest.raises(InputError, match=r"at least \[") as error:
        bnflow.solve(SMALL, **changes, solver={"a_range": limits})
    low, high = str(error.value).partition("at least [")[2].partition("]")[0].split(",")
    bnflow.solve(SMALL, **changes, solver={"a_range": [float(low), float(high)]})


def test_a_step_that_shrinks_to_nothing_stops_the_run_and_says_what_binds_it() -> None:
    with pytest.raises(NumericalFailure, match=r"shrunk to .* bound by time\.cfl"):
        bnflow.solve(SMALL, target={"weights": [1e11], "angles": [0.3]})
