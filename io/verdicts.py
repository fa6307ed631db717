"""The audits of a run in words: what was measured, what it should be, and what follows.

| audit          | good                   | mind it      | what it says                         |
|----------------|------------------------|--------------|--------------------------------------|
| end            | complete               | on the way   | it came to where it was to come; a   |
|                |                        |              | breakdown is bad                     |
| precision      | as rounding has it     | <= 100 times | 32 bits beside 64, the first steps   |
| mass           | off by <= 1e-10        | <= 1e-6      | nothing was lost: fluxes cancel      |
| positivity     | min density >= 0       | >= -1e-12    | the density is one                   |
| energy falls   | rises by <= 1e-12 F(0) | <= 1e-6 F(0) | a gradient flow, without a schedule  |
| energy balance | defect <= 1 %          | <= 5 %       | what was lost is what was dissipated |
| walls          | mass <= 1e-6           | <= 1e-4      | the a axis is long enough            |
| resolution     | unresolved mass <= 1 % | else         | peaks are wider than cells           |
| manifold       | drift <= 1e-3          | <= 1e-2      | neurons stay at their norm           |
| balance        | drift <= 1e-4          | <= 1e-2      | a conserved difference of the layers |
| sampling       | iid: <= 1 %            | else         | 1/sqrt(neurons) of infinite width    |

Bounds of rounding are those of 64 bits (with 32: mass 1e-5 and 1e-3, energy 1e-7 and 1e-5); those
in per cent, of what a plot shows.
An audit that a run has not, or that is not defined for it, is left out. Where it has been a number
and is none later, that is told beside what is judged; of mass and density, which always are one,
it is bad.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..pde.frame import Array, NeuronLayout

if TYPE_CHECKING:
    from .run import Run

Judgement = Literal["good", "mind", "bad"]
AUDITED = {  # diagnostic -> audit
    "mass": "mass",
    "min_density": "positivity",
    "free_energy": "energy falls",
    "dissipation_defect": "energy balance",
    "wall_mass": "walls",
    "unresolved_mass": "resolution",
    "manifold_drift": "manifold",
    "balance_drift": "balance",
}
ALWAYS = ("mass", "min_density")  # have a number at every time


@dataclass(frozen=True)
class Verdict:
    """One audit. measured : the number in words; meaning : what follows for a reader."""

    audit: str
    measured: str
    judgement: Judgement
    meaning: str


def verdicts(run: Run) -> list[Verdict]:
    """Every audit that the run has, over all saved times."""
    return [
        _ended(run),
        *_precise(run),
        *_undefined(run),
        *_conserved(run),
        *_energy(run),
        *_resolved(run),
        *_of_neurons(run),
    ]


def overall(found: list[Verdict]) -> str:
    """All of them in a sentence."""
    bad, mind = (
        dict.fromkeys(each.audit for each in found if each.judgement == judgement)
        for judgement in ("bad", "mind")
    )
    if bad:
        return f"Do not rely on this run before you know why: {', '.join(bad)}."
    if mind:
        return f"Sound, with a reservation: {', '.join(mind)}."
    return "Sound: every audit is good."


def _ended(run: Run) -> Verdict:
    reached, end = float(run.time[-1]), run.settings.get("time", {}).get("end")
    measured = f"t = {reached:.6g}" if end is None else f"t = {reached:.6g} of {end:g}"
    if run.status == "complete":
        return Verdict("end", measured, "good", "the run is complete")
    if run.status == "failed":
        meaning = "the computation broke down after this time, which is the last good one"
        return Verdict("end", measured, "bad", meaning)
    return Verdict("end", measured, "mind", f"the run is {run.status}, and not complete")


def _precise(run: Run) -> Iterator[Verdict]:
    told = run.provenance.get("precision")
    if told is None:
        return
    distances = [told[name] for name in ("density", "measure", "risk")]
    off, expected = float(np.max(np.array(distances, float))), told["expected"]
    words = {
        "good": "as far from 64 bits as rounding goes, at the start",
        "mind": "further from 64 bits than rounding explains: compare with float64",
        "bad": "32 bits do not carry this problem: give float64",
    }
    measured = f"{off:.1e} off float64 after {told['steps']} steps"
    yield _judged("precision", measured, off, (expected, 100 * expected), words)


def _undefined(run: Run) -> Iterator[Verdict]:
    """Audits that have no number where they should have one."""
    for name, audit in AUDITED.items():
        values = run.diagnostics.get(name)
        if values is None or values.ndim != 1:
            continue
        known, always = np.isfinite(values), name in ALWAYS
        if not (known.any() or always):
            continue
        start = 0 if always else int(known.argmax())
        gone = start + np.flatnonzero(~known[start:])
        if len(gone):
            measured = f"no number at {len(gone)} of {len(values)} times, first t = "
            meaning = f"{name} is not finite there, and nothing is known of it"
            judgement: Judgement = "bad" if always else "mind"
            yield Verdict(audit, f"{measured}{run.time[gone[0]]:.6g}", judgement, meaning)


def _conserved(run: Run) -> Iterator[Verdict]:
    if (mass := _values(run, "mass")) is not None:
        off = float(np.abs(mass - 1).max())
        words = {
            "good": "mass is kept to rounding",
            "mind": "mass is kept, but not to rounding",
            "bad": "mass was lost or made: integrals over the density are off by as much",
        }
        bounds = (1e-5, 1e-3) if _single(run) else (1e-10, 1e-6)
        yield _judged("mass", f"|mass - 1| <= {off:.1e}", off, bounds, words)
    if (least := _values(run, "min_density")) is not None:
        low = float(least.min())
        words = {
            "good": "the density is nowhere negative",
            "mind": "the density is negative by rounding alone",
            "bad": "the density is negative somewhere: it is no density there",
        }
        yield _judged("positivity", f"smallest {low:.1e}", -low, (0.0, 1e-12), words)


def _energy(run: Run) -> Iterator[Verdict]:
    energy = _values(run, "free_energy")
    constant = not isinstance(run.settings.get("training", {}).get("temperature", 0.0), list)
    if energy is not None and constant and len(energy) > 1:
        rise = max(float(np.diff(energy).max()), 0.0) / max(abs(float(energy[0])), 1e-300)
        words = {
            "good": "the free energy never rises between saved times, as a gradient flow's",
            "mind": "the free energy rises by little somewhere: steps are near their limit",
            "bad": "the free energy rises: steps are too long (time.cfl, solver.tolerance)",
        }
        bounds = (1e-7, 1e-5) if _single(run) else (1e-12, 1e-6)
        yield _judged("energy falls", f"rises by {rise:.1e} F(0)", rise, bounds, words)
    if (defect := _values(run, "dissipation_defect")) is not None:
        last = float(defect[-1])
        words = {
            "good": "the energy that was lost is the energy that was dissipated",
            "mind": "energy lost and dissipated agree roughly: refine the grid to halve the gap",
            "bad": "energy lost and dissipated disagree: refine (bnflow converge says how far)",
        }
        yield _judged("energy balance", f"defect {last:.1e}", last, (1e-2, 5e-2), words)


def _resolved(run: Run) -> Iterator[Verdict]:
    if (wall := _values(run, "wall_mass")) is not None:
        most = float(wall.max())
        words = {
            "good": "no mass that matters came near the ends of the a axis",
            "mind": "some mass came near the ends of the a axis",
            "bad": "mass stood at the ends of the a axis: widen solver.a_range",
        }
        yield _judged("walls", f"mass <= {most:.1e}", most, (1e-6, 1e-4), words)
    if (narrow := _values(run, "unresolved_mass")) is not None:
        last = float(narrow[-1])
        words = {
            "good": "peaks are wider than three cells: their heights mean something",
            "mind": "peaks are as narrow as cells: trust risk, moments and the learned function, "
            "not heights; without noise the limit is a measure",
        }
        measured = f"{100 * last:.2g} % unresolved at the end"
        yield _judged("resolution", measured, last, (1e-2, np.inf), words)


def _of_neurons(run: Run) -> Iterator[Verdict]:
    if (drift := _values(run, "manifold_drift")) is not None:
        most = float(drift.max())
        words = {
            "good": "norms of the inner weights are conserved, as batch normalization has it",
            "mind": "norms of the inner weights moved a little and were put back",
            "bad": "norms of the inner weights moved: lower solver.tolerance",
        }
        yield _judged("manifold", f"drift {most:.1e}", most, (1e-3, 1e-2), words)
    if (balance := _values(run, "balance_drift")) is not None:
        most = float(balance.max())
        words = {
            "good": "the difference of the layers' squares is conserved",
            "mind": "the difference of the layers' squares moved a little",
            "bad": "the difference of the layers' squares moved: lower solver.tolerance",
        }
        yield _judged("balance", f"drift {most:.1e}", most, (1e-4, 1e-2), words)
    if isinstance(layout := run.layout, NeuronLayout) and _sampling(run) == "iid":
        count = layout.width * layout.replicas
        error = f"~ {100 / np.sqrt(count):.1f} % of {count:,} neurons"
        meaning = "an independent start differs from infinite width by 1/sqrt(neurons)"
        yield Verdict("sampling", error, "good" if count >= 10_000 else "mind", meaning)


def _sampling(run: Run) -> str:
    return str(run.settings.get("solver", {}).get("sampling", "iid"))


def _single(run: Run) -> bool:
    """Whether the density has 32 bits."""
    return run.provenance.get("dtype") == "float32"


def _values(run: Run, name: str) -> Array | None:
    """The finite values of a diagnostic; None where there is none."""
    values = run.diagnostics.get(name)
    if values is None or values.ndim != 1 or not np.isfinite(values).any():
        return None
    return values[np.isfinite(values)]


def _judged(
    audit: str,
    measured: str,
    value: float,
    bounds: tuple[float, float],
    words: dict[str, str],
) -> Verdict:
    judgement: Judgement = "good" if value <= bounds[0] else "mind" if value <= bounds[1] else "bad"
    return Verdict(audit, measured, judgement, words[judgement])
