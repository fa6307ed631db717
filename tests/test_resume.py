"""bnflow.resume: what was given from Python is given again, files are found, ends only grow."""

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import bnflow
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError, Notice
from bnflow.kernels.registry import NumpyKernels

SMALL: dict[str, Any] = {"solver": {"cells": 5, "a_cells": 10}, "time": {"end": 0.4}}
pytestmark = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")


def test_a_finished_run_is_opened_and_one_with_a_later_end_goes_on(tmp_path: Path) -> None:
    first = bnflow.solve(SMALL, tmp_path / "run")
    with pytest.warns(Notice, match="already complete"):
        assert bnflow.resume(tmp_path / "run").time.tolist() == first.time.tolist()
    later = bnflow.resume(tmp_path / "run", until=0.5)
    assert (later.time[-1], later.status, later.config.time.end) == (0.5, "complete", 0.5)
    with pytest.raises(InputError, match=r"until = 0.3: .* 0.5; give a later time"):
        bnflow.resume(tmp_path / "run", until=0.3)


def test_another_device_is_recorded_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(card: str) -> None:
        about = {"gpu": card, "nvrtc": "12.9"} if card else {}
        monkeypatch.setattr(NumpyKernels, "about", lambda self: about)

    on("Card 9")
    first = bnflow.solve(SMALL, tmp_path / "run")
    assert first.provenance["device"] == {"gpu": "Card 9", "nvrtc": "12.9"}
    assert "numpy on Card 9, NVRTC 12.9, float64" in first.summary()
    for card, end, told in (("Card 9", 0.5, 0), ("Card 10", 0.6, 1), ("", 0.7, 0), ("A", 0.8, 0)):
        on(card)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            bnflow.resume(tmp_path / "run", until=end)
        words = [str(each.message) for each in seen if " goes on on " in str(each.message)]
        assert len(words) == told
        if told:
            assert "was on Card 9, NVRTC 12.9 and goes on on Card 10, NVRTC 12.9: " in words[0]


def test_an_end_among_the_saved_times_of_a_longer_run_leaves_no_trace(tmp_path: Path) -> None:
    """Steps are spread before every saved time, so both runs take the same ones."""
    saves = {"time.save": [0.1, 0.3, 0.4, 0.7]}
    straight = bnflow.solve(SMALL, **{**saves, "time.end": 0.9})
    bnflow.solve(SMALL, tmp_path / "run", **{**saves, "time.end": 0.4})
    parts = bnflow.resume(tmp_path / "run", until=0.9)
    assert parts.step.tolist() == straight.step.tolist()
    assert (parts.density(0.9) == straight.density(0.9)).all()
    assert parts.log["dt"].tolist() == straight.log["dt"].tolist()


def test_a_relative_data_file_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).standard_normal((30, 2))
    np.savez(tmp_path / "rows.npz", x=x, y=np.tanh(x[:, 0]))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "mine.toml").write_text(
        '[data]\nkind = "file"\npath = "../rows.npz"\ninputs = "x"\ntargets = "y"\n'
        "[solver]\ncells = 5\na_cells = 10\n[time]\nend = 0.4\n"
    )
    bnflow.solve(tmp_path / "deep" / "mine.toml", tmp_path / "run", max_minutes=1e-6)
    monkeypatch.chdir("/")
    assert bnflow.resume(tmp_path / "run").status == "complete"


def test_arrays_and_functions_are_given_again(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((30, 2))

    def target(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(rows[:, 0]))

    bnflow.solve(SMALL, tmp_path / "run", data=x, target=target, max_minutes=1e-6)
    with pytest.raises(InputError, match="Python"):
        bnflow.resume(tmp_path / "run")
    with pytest.raises(InputError, match="the data have changed"):
        bnflow.resume(tmp_path / "run", data=x + 1, target=target)
    run = bnflow.resume(tmp_path / "run", data=x, target=target)
    assert run.status == "complete"


def test_a_run_of_an_older_format_goes_on(tmp_path: Path) -> None:
    """1.1 had no digests of states and tables, and no links between files."""
    whole = bnflow.solve(SMALL)
    bnflow.solve(SMALL, tmp_path / "run", max_minutes=1e-6)
    newer = ("tables_sha256", "previous", "interim", "a_count", "snapshot")
    for path in (tmp_path / "run").rglob("*.h5"):
        with h5py.File(path, "r+") as file:
            if file.attrs["bnflow_kind"] == "restart":
                del file.attrs["digest"], file.attrs["bnflow_schema"]
            else:
                file.attrs["bnflow_schema"] = "1.1"
            for name in newer:
                file.attrs.pop(name, None)
    sorted((tmp_path / "run" / "snap").iterdir())[-1].unlink()  # 1.1 stopped at saved times alone
    run = bnflow.resume(tmp_path / "run")
    assert run.step.tolist() == whole.step.tolist()
    assert (run.density(0.4) == whole.density(0.4)).all()


def test_neurons_whose_config_names_a_diffusion_that_nothing_heeded_go_on(tmp_path: Path) -> None:
    """An older bnflow took the key, and copied it into shadows."""
    neurons = {"solver": {"method": "particles", "width": 8}, "time": {"end": 0.2}}
    first = bnflow.solve(neurons, tmp_path / "run")
    older = first.config_toml.replace('diffusion = "auto"', 'diffusion = "explicit"')
    assert older != first.config_toml
    Store.reopen(tmp_path / "run", config_toml=older).close("complete")
    assert bnflow.open(tmp_path / "run").config == first.config
    assert bnflow.resume(tmp_path / "run", until=0.3).time[-1] == 0.3


def test_the_callback_sees_saved_times_alone(tmp_path: Path) -> None:
    """Where a run was stopped is stored, and is no saved time."""
    seen: list[float] = []
    call = {"callback": lambda frame: seen.append(frame.time)}
    run = bnflow.solve(SMALL, tmp_path / "run", max_minutes=1e-6, **call)
    assert run.time.tolist()[:1] == [0.0]
    assert len(run.time) == 2
    assert seen == [0.0]


def test_the_working_directory_may_change_under_a_relative_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a run is written, by a callback, and after it was opened."""
    config = {"solver": {"cells": 5, "a_cells": 10}, "time": {"end": 0.4, "save": [0.2]}}
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    bnflow.solve(config, "run", callback=lambda frame: monkeypatch.chdir(tmp_path / "other"))
    assert list((tmp_path / "other").iterdir()) == []
    monkeypatch.chdir(tmp_path)
    run = bnflow.open("run")
    assert run.time.tolist() == [0.0, 0.2, 0.4]
    monkeypatch.chdir(tmp_path / "other")
    assert run.density(0.4).any()
