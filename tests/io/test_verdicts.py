"""Verdicts follow the table of `verdicts`, and what a run does not have is not judged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnflow.api import solve
from bnflow.io.run import Run
from bnflow.io.verdicts import overall, verdicts
from bnflow.pde.frame import Frame, Layout


@pytest.fixture(scope="module")
def make_run(
    make_layout: Callable[..., Layout],
    make_frame: Callable[..., Frame],
    config_text: Callable[[int], str],
) -> Callable[..., Run]:
    def make(config: str = "", **values: Any) -> Run:
        """Two saved times; the second one has those diagnostics."""
        layout = make_layout(2, 8, 6)
        first, second = make_frame(layout, 0), make_frame(layout, 1)
        second = replace(second, diagnostics={**second.diagnostics, **values})
        return Run.from_frames(layout, [first, second], config_text(2) + config, {})

    return make


def judged(run: Run, audit: str) -> str | None:
    return next((each.judgement for each in verdicts(run) if each.audit == audit), None)


@pytest.mark.parametrize(
    ("audit", "name", "good", "mind", "bad"),
    [
        ("mass", "mass", 1 - 9e-11, 1 + 2e-10, 0.99),
        ("positivity", "min_density", 0.0, -1e-13, -1e-6),
        ("energy balance", "dissipation_defect", 0.009, 0.02, 0.06),
        ("walls", "wall_mass", 1e-7, 2e-6, 2e-4),
        ("resolution", "unresolved_mass", 0.009, 0.3, None),
        ("manifold", "manifold_drift", 9e-4, 2e-3, 0.02),
        ("balance", "balance_drift", 9e-5, 2e-4, 0.02),
        ("energy falls", "free_energy", 0.3, 0.31 * (1 + 1e-8), 0.32),
    ],
)
def test_bounds(
    make_run: Callable[..., Run],
    audit: str,
    name: str,
    good: float,
    mind: float,
    bad: float | None,
) -> None:
    assert judged(make_run(**{name: good}), audit) == "good"
    assert judged(make_run(**{name: mind}), audit) == "mind"
    if bad is not None:
        assert judged(make_run(**{name: bad}), audit) == "bad"


def test_a_run_that_has_not_come_to_its_end_says_so(make_run: Callable[..., Run]) -> None:
    run = make_run("[time]\nend = 3.0\n")
    assert judged(run, "end") == "good"
    for status, judgement in (("stopped", "mind"), ("running", "mind"), ("failed", "bad")):
        run.status = status
        assert judged(run, "end") == judgement
        assert verdicts(run)[0].measured.endswith("of 3")
    assert overall(verdicts(run)).startswith("Do not rely")


def test_what_is_not_defined_is_not_judged(make_run: Callable[..., Run]) -> None:
    assert judged(make_run(), "manifold") is None
    assert judged(make_run(wall_mass=np.nan), "walls") is None
    assert judged(make_run(balance_drift=np.nan), "balance") is None
    schedule = "[training]\ntemperature = [[0.0, 0.1], [1.0, 0.0]]\n"
    assert judged(make_run(schedule), "energy falls") is None


@pytest.mark.parametrize(
    ("name", "audit", "judgement"),
    [
        ("mass", "mass", "bad"),
        ("min_density", "positivity", "bad"),
        ("free_energy", "energy falls", "mind"),
        ("dissipation_defect", "energy balance", "mind"),
        ("unresolved_mass", "resolution", "mind"),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_any_more_does_not_pass(
    make_run: Callable[..., Run], name: str, audit: str, judgement: str, value: float
) -> None:
    """The first of two times is good, and alone would pass."""
    run = make_run(**{"unresolved_mass": 0.0, name: value})
    found = next(each for each in verdicts(run) if each.audit == audit)
    assert found.judgement == judgement
    assert found.measured == "no number at 1 of 2 times, first t = 0.1"
    assert audit in overall(verdicts(run))


def test_an_audit_is_named_once_where_two_verdicts_are_bad(make_run: Callable[..., Run]) -> None:
    run = make_run(mass=np.nan)
    run.diagnostics["mass"][0] = 0.5
    assert [each.audit for each in verdicts(run) if each.judgement == "bad"] == ["mass", "mass"]
    assert overall(verdicts(run)).endswith("know why: mass.")


def test_a_precision_that_is_no_number_is_bad(make_run: Callable[..., Run]) -> None:
    run = make_run()
    told = {"steps": 8, "density": 1e-8, "measure": np.nan, "risk": 1e-8, "expected": 1e-5}
    run.provenance = {**run.provenance, "precision": told}
    assert judged(run, "precision") == "bad"
    run.provenance = {**run.provenance, "precision": {**told, "measure": None}}  # as JSON has it
    assert judged(run, "precision") == "bad"


def test_what_is_not_yet_defined_is_judged_from_where_it_is(make_run: Callable[..., Run]) -> None:
    """As the energy balance at the start, before any energy is lost."""
    run = make_run(dissipation_defect=1e-3)
    values = run.diagnostics["dissipation_defect"]
    values[0] = np.nan
    assert judged(run, "energy balance") == "good"


def test_the_sentence_names_the_worst(make_run: Callable[..., Run]) -> None:
    assert overall(verdicts(make_run(dissipation_defect=1e-4, unresolved_mass=0.0))).startswith(
        "Sound: every"
    )
    reserved = overall(verdicts(make_run(unresolved_mass=0.2)))
    assert reserved == "Sound, with a reservation: resolution."
    broken = overall(verdicts(make_run(mass=0.9, unresolved_mass=0.2)))
    assert broken == "Do not rely on this run before you know why: mass."


def test_an_independent_start_is_told_with_its_error() -> None:
    time = {"end": 0.1, "save": []}
    few = solve(solver={"method": "particles", "width": 25, "replicas": 4}, time=time)
    (sampling,) = (each for each in verdicts(few) if each.audit == "sampling")
    assert sampling.judgement == "mind"
    assert sampling.measured == "~ 10.0 % of 100 neurons"
    even = {"method": "particles", "width": 25, "sampling": "stratified"}
    assert judged(solve(solver=even, time=time), "sampling") is None
