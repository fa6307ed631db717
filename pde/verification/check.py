"""A check against a known answer, what it found, and the verdict over all of them.

A check that raises has failed, and says why; one that cannot be made here raises `Skip` with the
reason, and is counted aloud: a verdict with skips is no verdict on what was skipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

Level = Literal["quick", "standard", "full"]
LEVELS: tuple[Level, ...] = ("quick", "standard", "full")


class Skip(Exception):
    """Why a check cannot be made on this machine."""


@dataclass(frozen=True)
class Finding:
    """A measured quantity and its bound: at most, or at least where `least`."""

    quantity: str
    value: float
    bound: float
    least: bool = False

    @property
    def passed(self) -> bool:
        """Whether the bound holds; NaN holds none."""
        return self.value >= self.bound if self.least else self.value <= self.bound

    def __str__(self) -> str:
        """Word it: `L1 error 3.1e-02 <= 3.6e-02`."""
        sign = ">=" if self.least else "<="
        return f"{self.quantity} {_number(self.value)} {sign} {_number(self.bound)}"


def at_most(quantity: str, value: float, bound: float) -> Finding:
    """A finding that must not exceed its bound."""
    return Finding(quantity, float(value), bound)


def at_least(quantity: str, value: float, bound: float) -> Finding:
    """A finding that must reach its bound."""
    return Finding(quantity, float(value), bound, least=True)


@dataclass(frozen=True)
class Check:
    """name : unique; group : subject; claim : what holds; level : the lowest that includes it
    measure : function of a backend's name that gives the findings
    """

    name: str
    group: str
    claim: str
    level: Level
    measure: Callable[[str], Sequence[Finding]]

    def run(self, backend: str) -> Result:
        """Measure, and time it."""
        start = perf_counter()
        findings: Sequence[Finding] = ()
        skipped = error = ""
        try:
            findings = tuple(self.measure(backend))
        except Skip as reason:
            skipped = str(reason)
        except Exception as raised:
            error = f"{type(raised).__name__}: {' '.join(str(raised).split())}"
        return Result(self, tuple(findings), perf_counter() - start, skipped, error)


@dataclass(frozen=True)
class Result:
    """What a check found; skipped, error : why there are no findings, else empty."""

    check: Check
    findings: tuple[Finding, ...]
    seconds: float
    skipped: str = ""
    error: str = ""

    @property
    def status(self) -> Literal["passed", "failed", "skipped"]:
        """A check without findings has not passed."""
        if self.skipped:
            return "skipped"
        good = bool(self.findings) and all(finding.passed for finding in self.findings)
        return "passed" if good and not self.error else "failed"

    def lines(self) -> list[str]:
        """The row of the table, one line a finding."""
        told = [f"{'' if f.passed else 'NOT '}{f}" for f in self.findings]
        told = told or [self.skipped or self.error or "nothing was measured"]
        mark = {"passed": "pass", "failed": "FAIL", "skipped": "skip"}[self.status]
        head = f"{mark}  {self.check.name:<26}{self.seconds:7.2f} s  "
        return [f"{head if k == 0 else ' ' * len(head)}{text}" for k, text in enumerate(told)]

    def to_info(self) -> dict[str, Any]:
        """Plain values; None where a number is not finite."""
        return {
            "name": self.check.name,
            "group": self.check.group,
            "claim": self.check.claim,
            "level": self.check.level,
            "status": self.status,
            "seconds": self.seconds,
            "reason": self.skipped or self.error or None,
            "findings": [
                {
                    "quantity": finding.quantity,
                    "value": finding.value if math.isfinite(finding.value) else None,
                    "bound": finding.bound,
                    "sense": "at least" if finding.least else "at most",
                    "passed": finding.passed,
                }
                for finding in self.findings
            ],
        }


@dataclass(frozen=True)
class Verification:
    """All results of a level on a backend."""

    level: Level
    backend: str
    results: tuple[Result, ...]

    def count(self, status: str) -> int:
        """How many checks ended so."""
        return sum(result.status == status for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether no check failed and at least one was made."""
        return self.count("failed") == 0 and self.count("passed") > 0

    def verdict(self) -> str:
        """One line: the counts, skips with their reasons."""
        text = (
            f"{self.level} on {self.backend}: {self.count('passed')} passed, "
            f"{self.count('failed')} failed, {self.count('skipped')} SKIPPED"
        )
        reasons = [f"{r.check.name}: {r.skipped}" for r in self.results if r.skipped]
        return f"{text} ({'; '.join(reasons)})" if reasons else text

    def summary(self) -> str:
        """The table, one line a finding, and the verdict."""
        return "\n".join([*(line for r in self.results for line in r.lines()), self.verdict()])

    def to_info(self) -> dict[str, Any]:
        """What `verify --json` prints."""
        counts = {each: self.count(each) for each in ("passed", "failed", "skipped")}
        return {
            "level": self.level,
            "backend": self.backend,
            "verdict": "passed" if self.passed else "failed",
            **counts,
            "checks": [result.to_info() for result in self.results],
        }


def _number(value: float) -> str:
    """Errors in powers of ten, orders in decimals."""
    return f"{value:.2f}" if 0.1 <= abs(value) < 100 else f"{value:.1e}" if value else "0"
