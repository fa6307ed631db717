"""Verdicts: what passes, fails and is skipped; levels; and that the list itself is sound."""

import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.verification import (
    CHECKS,
    LEVELS,
    Check,
    Result,
    Skip,
    Verification,
    at_least,
    at_most,
    verify,
)


def check(measure, level="quick", name="planted") -> Check:
    return Check(name, "group", "a claim", level, measure)


def raising(error: Exception):
    def measure(backend: str):
        raise error

    return measure


def test_a_finding_holds_at_its_bound_and_nan_never_does() -> None:
    assert at_most("error", 0.5, 0.5).passed
    assert not at_most("error", 0.51, 0.5).passed
    assert at_least("order", 2.0, 2.0).passed
    assert not at_least("order", 1.9, 2.0).passed
    assert not at_most("error", float("nan"), 1.0).passed
    assert not at_least("order", float("nan"), 1.0).passed
    assert str(at_least("order", 1.9, 1.75)) == "order 1.90 >= 1.75"


@pytest.mark.parametrize(
    ("measure", "status", "told"),
    [
        (lambda b: [at_most("error", 1e-3, 1e-2)], "passed", "error 1.0e-03 <= 1.0e-02"),
        (lambda b: [at_most("error", 1e-3, 1e-4)], "failed", "NOT error 1.0e-03 <= 1.0e-04"),
        (lambda b: [], "failed", "nothing was measured"),
        (raising(Skip("no GPU")), "skipped", "no GPU"),
        (raising(ZeroDivisionError("by\nzero")), "failed", "ZeroDivisionError: by zero"),
    ],
)
def test_what_a_check_comes_to(measure, status: str, told: str) -> None:
    result = check(measure).run("numpy")
    assert result.status == status
    assert result.lines()[0].endswith(told)


def test_skips_are_counted_aloud_and_alone_are_no_pass() -> None:
    found = verify("quick", "numpy", [check(raising(Skip("no GPU")))])
    assert not found.passed
    assert found.verdict() == "quick on numpy: 0 passed, 0 failed, 1 SKIPPED (planted: no GPU)"


def test_levels_are_nested_and_every_result_is_reported() -> None:
    checks = [check(lambda b: [at_most("x", 0, 1)], level, level) for level in LEVELS]
    for count, level in enumerate(LEVELS, 1):
        seen: list[Result] = []
        found = verify(level, "auto", checks, seen.append)
        assert [result.check.level for result in seen] == list(LEVELS[:count])
        assert found == Verification(level, "numpy", tuple(seen))


def test_mistakes_are_one_line() -> None:
    with pytest.raises(InputError, match="level = 'quik' is none; did you mean quick"):
        verify("quik")
    with pytest.raises(InputError, match='"cuda": '):
        verify("quick", "cuda", [])


def test_json_has_null_for_what_is_no_number() -> None:
    info = check(lambda b: [at_most("error", float("inf"), 1.0)]).run("numpy").to_info()
    assert info["findings"][0]["value"] is None
    assert info["status"] == "failed"


def test_names_are_unique_and_every_level_has_checks() -> None:
    assert len({each.name for each in CHECKS}) == len(CHECKS)
    assert {each.level for each in CHECKS} == set(LEVELS)


FAST = [
    c
    for c in CHECKS
    if c.name in ("grid", "isometry", "dual-kernels", "potential-sphere", "single-precision")
]


@pytest.mark.parametrize("each", FAST, ids=lambda c: c.name)
def test_checks_pass_here(each: Check) -> None:
    result = each.run("numpy")
    assert result.status == "passed", result.lines()


def test_a_wrong_metric_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """v' S v in place of v' S^-1 v."""
    from bnflow.pde.geometry import BatchNormMetric

    right = BatchNormMetric._q
    monkeypatch.setattr(BatchNormMetric, "_q", lambda self, v: 1.01 * right(self, v))
    (isometry,) = (c for c in CHECKS if c.name == "isometry")
    assert isometry.run("numpy").status == "failed"


@pytest.mark.slow
def test_everything_passes_here() -> None:
    found = verify("full", "numpy")
    assert found.count("failed") == 0, found.summary()
