"""Arrays, functions, callbacks and Ctrl-C: bnflow from Python, in memory and on disk."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.kernels.errors import InputError, Notice, NumericalFailure

Array = np.ndarray
SMALL: dict[str, Any] = {
    "solver": {"cells": 5, "a_cells": 10},
    "time": {"end": 0.4, "save": [0.1, 0.2, 0.3]},
}
X = np.random.default_rng(0).standard_normal((40, 2)) * [2.0, 1.0] + [1.0, 0.0]


def product(x: Array) -> Array:
    return x[:, 0] * x[:, 1]


def bump(v: Array, a: Array) -> Array:
    return (1 + 0.5 * v[..., 0]) * np.exp(-12.5 * a**2) / (2 * np.pi * 0.2 * np.sqrt(2 * np.pi))


class Breaks:
    """A progress display that is interrupted at a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def start(self, problem_text: str, t: float, end: float) -> None: ...

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        if step == self.at:
            raise KeyboardInterrupt

    def saved(self, t: float) -> None: ...

    def finish(self) -> None: ...


# -- arrays and functions --------------------------------------------------------------------------


def test_arrays_give_the_run_of_the_same_rows_in_a_file(tmp_path: Path) -> None:
    y = product(X)
    np.savez(tmp_path / "rows.npz", x=X, y=y)
    file = {"kind": "file", "path": str(tmp_path / "rows.npz"), "inputs": "x", "targets": "y"}
    one = bnflow.solve({**SMALL, "data": {**file, "test_fraction": 0.25}})
    other = bnflow.solve(SMALL, data=(X, y), **{"data.test_fraction": 0.25})
    assert (one.risk == other.risk).all()
    assert (one.test_risk == other.test_risk).all()
    assert (one.density(0.4) == other.density(0.4)).all()
    assert one.provenance["data_digest"] == other.provenance["data_digest"]
    assert (one.predict(X, 0.4) == other.predict(X, 0.4)).all()


def test_a_function_gives_the_run_of_its_values_but_for_standardisation() -> None:
    y = product(X)
    own = bnflow.solve(SMALL, data=(X, (y - y.mean()) / y.std()))
    function = bnflow.solve(SMALL, data=X, target=lambda x: (product(x) - y.mean()) / y.std())
    np.testing.assert_allclose(own.risk, function.risk, rtol=1e-12)


def test_a_function_labels_drawn_rows_as_the_target_it_equals_does() -> None:
    """Linear in the whitened inputs of a diagonal law is linear in the raw ones."""
    law = {"kind": "sampled", "samples": 50, "covariance": [4.0, 1.0], "mean": [1.0, 2.0]}
    linear = {"kind": "linear", "coefficients": [1.0, -0.5]}
    one = bnflow.solve({**SMALL, "data": law, "target": linear})
    other = bnflow.solve(
        {**SMALL, "data": law}, target=lambda x: (x[:, 0] - 1) / 2 - 0.5 * (x[:, 1] - 2)
    )
    np.testing.assert_allclose(one.risk, other.risk, rtol=1e-12)


def test_an_initial_density_is_normalised_and_drives_the_run() -> None:
    run = bnflow.solve(SMALL, initial_density=bump, **{"solver.a_cells": 24})
    assert abs(run.mass - 1).max() < 1e-13
    assert run.a_second_moment[0] == pytest.approx(0.04 + (6.0 / 24) ** 2 / 12, rel=2e-2)
    assert run.risk[-1] < run.risk[0]


def test_tables_of_data_and_target_may_be_keywords_as_before() -> None:
    run = bnflow.solve(SMALL, data={"covariance": [3.0, 1.0]}, target={"noise": 0.5})
    assert run.config.data.covariance == (3.0, 1.0)
    assert run.config.target.noise == 0.5


def test_all_of_it_at_once_goes_on_from_disk_bitwise(tmp_path: Path) -> None:
    given: dict[str, Any] = {"data": X, "target": product, "initial_density": bump}
    config = {**SMALL, "solver": {"cells": 5, "a_cells": 24}}
    whole, out = bnflow.solve(config, **given), tmp_path / "run"
    with pytest.warns(Notice, match="the same call goes on from there"):
        half = bnflow.solve(config, out, progress=Breaks(int(whole.step[-1]) // 2), **given)
    assert half.status == "stopped"
    assert 1 <= len(half.time) < len(whole.time)
    done = bnflow.solve(config, out, **given)
    assert done.status == "complete"
    assert (done.density(0.4) == whole.density(0.4)).all()
    assert (done.risk == whole.risk).all()


@pytest.mark.parametrize("finished", [True, False])
def test_other_arrays_and_other_functions_are_refused(finished: bool, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given: dict[str, Any] = {"data": X, "target": product}
    if finished:
        bnflow.solve(SMALL, out, **given)
    else:
        with pytest.warns(Notice, match="interrupted"):
            bnflow.solve(SMALL, out, progress=Breaks(3), **given)
    with pytest.raises(InputError, match="was computed with other rows"):
        bnflow.solve(SMALL, out, **{**given, "data": X + 1e-12})
    with pytest.raises(InputError, match=r"target\.source: .* here, def product") as error:
        bnflow.solve(SMALL, out, **{**given, "target": lambda x: x[:, 1]})
    assert len(str(error.value).splitlines()) == 1


def test_the_command_line_says_what_only_python_can_give(tmp_path: Path) -> None:
    run = bnflow.solve(SMALL, tmp_path / "run", data=X, target=product)
    (tmp_path / "run.toml").write_text(run.config_toml)
    command = [sys.executable, "-m", "bnflow", "run", "run.toml", "--out", "run"]
    changed = [*command, "--set", "time.end=0.5"]
    done = subprocess.run(changed, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "arrays come from Python, bnflow.solve(config, data=(x, y))" in done.stderr
    shown = subprocess.run(
        [*command[:3], "info", "run"], capture_output=True, text=True, cwd=tmp_path
    )
    assert "resumes from Python only, which gives: data (arrays), target (a func" in shown.stdout


def test_classes_are_learned_by_the_logistic_loss() -> None:
    """Most rows end on the right side of the zero of f, which predict gives as it is."""
    y = np.where(X[:, 0] > 1, 1.0, -1.0)
    run = bnflow.solve(SMALL, data=(X, y), **{"loss.kind": "logistic", "time.end": 4.0})
    assert run.risk[0] == pytest.approx(np.log(2), rel=1e-3)  # f = 0 at the start
    assert run.risk[-1] < 0.9 * np.log(2)
    assert (np.sign(run.predict(X, 4.0)) == y).mean() > 0.9


# -- callbacks and interruption --------------------------------------------------------------------


@pytest.mark.parametrize("out", [None, "run"])
def test_the_callback_is_given_every_saved_frame(out: str | None, tmp_path: Path) -> None:
    seen: list[Any] = []
    run = bnflow.solve(SMALL, out and tmp_path / out, callback=seen.append)
    assert [frame.time for frame in seen] == run.time.tolist()
    assert [frame.diagnostics["risk"] for frame in seen] == run.risk.tolist()
    assert seen[-1].fields["rho"].shape == run.density(0.4).shape


def test_an_error_of_the_callback_comes_through_and_leaves_a_run(tmp_path: Path) -> None:
    def fail(frame: Any) -> None:
        if frame.time > 0.15:
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        bnflow.solve(SMALL, tmp_path / "run", callback=fail)
    assert bnflow.open(tmp_path / "run").time.tolist() == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("out", [None, "run"])
def test_an_interruption_returns_the_run_so_far(out: str | None, tmp_path: Path) -> None:
    whole = bnflow.solve(SMALL)
    with pytest.warns(Notice, match="interrupted; the last saved time is t = "):
        run = bnflow.solve(SMALL, out and tmp_path / out, progress=Breaks(int(whole.step[-1]) - 1))
    assert run.status == "stopped"
    assert 1 <= len(run.time) < 5
    assert (run.risk == whole.risk[: len(run.time)]).all()
    assert "stopped" in repr(run)


def test_an_interruption_before_anything_is_saved_is_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bnflow.io.writer.Writer.save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bnflow.solve(SMALL, tmp_path / "run")
    monkeypatch.setattr("bnflow.api.runs.prepare", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bnflow.solve(SMALL)


def test_progress_true_is_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    bnflow.solve(SMALL, progress=True)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "risk" in shown
    bnflow.solve(SMALL, progress=False)
    assert capsys.readouterr().err == ""


# -- found by review ---------------------------------------------------------------------------


def test_logistic_classes_0_and_1_are_taken_as_minus_1_and_1() -> None:
    """Never standardised: the balance of the classes must not matter."""
    x = np.random.default_rng(0).standard_normal((61, 2))
    y = (np.arange(61) < 31).astype(float)
    settings: dict[str, Any] = {"loss": {"kind": "logistic"}, **SMALL}
    with pytest.warns(Notice, match="0 and 1 are taken as -1 and 1"):
        zero_one = bnflow.solve(data=(x, y), **settings)
    signed = bnflow.solve(data=(x, 2 * y - 1), **settings)
    assert (zero_one.risk == signed.risk).all()
    assert (zero_one.layout.target_shift, zero_one.layout.target_scale) == (0.0, 1.0)
    with pytest.raises(InputError, match=r"row 60 is 7; .* classes -1 and 1"):
        bnflow.solve(data=(x, np.append(y[:-1], 7.0)), **settings)


@pytest.mark.parametrize("step", [1.0, 50.0])
def test_steps_that_are_too_long_are_told_and_where_they_raise_the_energy_stop(step: float) -> None:
    """The energy of a gradient flow cannot rise."""
    settings: dict[str, Any] = {
        "network": {"activation": "quadratic"},
        "solver": {"method": "particles", "width": 50, "integrator": "rk4", "step": step},
        "time": {"end": 10 * step, "save": []},
    }
    if step > 1:
        with pytest.raises(NumericalFailure, match="risk has risen"):
            bnflow.solve(settings)
    else:
        with pytest.warns(Notice, match="energy balance is off"):
            bnflow.solve(settings)


def test_neurons_that_would_take_for_ever_are_a_stall() -> None:
    with pytest.raises(NumericalFailure, match=r"shrunk to .* solver.tolerance"):
        bnflow.solve(
            network={"weight_norm": 1e-6},
            solver={"method": "particles", "width": 20},
            time={"end": 0.2, "save": []},
        )


def test_rows_that_do_not_fit_are_refused_before_they_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnflow.pde.problem.draw_samples", lambda *_: pytest.fail("drawn"))
    with pytest.raises(InputError, match=r"data.samples = 1,000,000,000: .* need .* give fewer"):
        bnflow.solve(
            data={"kind": "sampled", "samples": 10**9, "covariance": [1.0] * 100},
            target={"directions": [[1.0] + [0.0] * 99], "weights": [1.0], "kind": "teacher"},
            solver={"method": "particles"},
        )


@pytest.mark.parametrize(
    ("solver", "phrase"),
    [({"replicas": 7}, "solver.replicas = 7"), ({"sampling": "sobol"}, "solver.sampling")],
)
def test_keys_of_neurons_on_a_grid_are_refused(solver: dict[str, Any], phrase: str) -> None:
    with pytest.raises(InputError, match=phrase):
        bnflow.solve(solver=solver)


def test_lists_of_two_arrays_are_rows_and_targets() -> None:
    x = np.random.default_rng(0).standard_normal((20, 2))
    tuple_run = bnflow.solve(data=(x, x[:, 0]), **SMALL)
    assert (bnflow.solve(data=[x, x[:, 0]], **SMALL).risk == tuple_run.risk).all()


def test_a_custom_activation_that_is_not_elementwise_is_one_line() -> None:
    with pytest.raises(InputError, match="fails on an array"):
        bnflow.custom_activation(lambda z: z if z > 0 else 0, lambda z: 1.0 if z > 0 else 0.0)
