"""A study on its way and on the disk: one HDF5 file, in which every piece is kept once computed.

    NAME.h5   /PIECE/..   the arrays of a piece, with named dimensions, as xarray opens a group
              /settings_json /provenance_json /verdict_json        texts with their sha256
              attributes: bnflow_kind "study", study, group, claim, source, seed, verdict, status

The file is replaced as a whole after every piece (`safefile`), so a kill at any instant leaves the
pieces computed so far; the same study with the same settings goes on from there. Every piece has
random numbers of its own, so the result is the same as without a stop. Pieces of two codes are not
mixed: the version and a digest of what studies are computed by are held against the file's. Two
writers do no harm but double work.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..depth.studies.registry import find_study
from ..depth.studies.settings import refuse_difference
from ..depth.studies.study import Piece, Settings, Study, Variable, Verdict
from ..kernels.errors import InputError
from .netcdf import by_role, dimension, read_text, variable, write_text
from .provenance import code_digest, collect
from .report import plain
from .safefile import atomic_h5, reading_h5
from .schema import CONVENTIONS, SCHEMA, Quantity, check_version

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROLE = "study"
TEXTS = ("settings", "provenance")
CODE = ("depth", "kernels", "pde/network")  # what computes the pieces


class StudyProgress(Protocol):
    """What a display of the progress is told."""

    def piece(self, study: str, name: str, done: int, pieces: int) -> None:
        """A piece begins, after `done` of so many."""

    def finish(self) -> None:
        """The study has ended, well or not."""


@dataclass(frozen=True)
class StudyResult:
    """What a study computed, with the verdict on its claim.

    pieces : the arrays of every piece that is computed, by name: `result.pieces[piece][array]`
    complete : whether all are; before that there is no verdict
    """

    study: Study
    settings: Settings
    pieces: Mapping[str, Piece] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    path: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether every piece is computed."""
        return self.study.pieces(self.settings).keys() == self.pieces.keys()

    @property
    def verdict(self) -> Verdict:
        """The judge's; without findings, so not decided, before all is computed."""
        return self.study.judge(self.settings, self.pieces) if self.complete else Verdict(())

    def values(self, piece: str, name: str) -> Any:
        """An array of a piece."""
        return self.pieces[piece][name].values

    def to_info(self) -> dict[str, Any]:
        """What `--json` prints: plain values, None where a number is not finite."""
        study, verdict = self.study, self.verdict
        told = ("name", "group", "claim", "source", "criterion")
        return {
            **{name: getattr(study, name) for name in told},
            "status": "complete" if self.complete else "stopped",
            "settings": plain_tree(self.settings),
            "provenance": plain_tree(self.provenance),
            "verdict": verdict.status,
            "findings": [plain_tree(finding.to_info()) for finding in verdict.findings],
            "numbers": plain_tree(verdict.numbers),
            "remarks": list(verdict.remarks),
        }

    def summary(self) -> str:
        """For people: claim, findings, remarks, verdict."""
        study, verdict = self.study, self.verdict
        marks = {"holds": "yes", "fails": "NO", "not decided": "?"}
        lines = [f"{study.name}: {study.claim}", f"  ({study.source})"]
        lines += [f"  {marks[each.status]:<4}{each}" for each in verdict.findings]
        lines += [f"  note: {remark}" for remark in verdict.remarks]
        return "\n".join([*lines, f"verdict: the claim {self.told}. {study.criterion}"])

    @property
    def told(self) -> str:
        """The verdict as a verb."""
        status = self.verdict.status
        return "is not decided" if status == "not decided" else status

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw it, with claim and verdict below; written where a path is given."""
        from .figures import save
        from .figures.depth import draw_study

        drawn = draw_study(self)
        if path is not None:
            save(drawn, Path(path))
        return drawn


def run_study(
    study: Study, settings: Settings, path: Path | None, progress: StudyProgress | None = None
) -> StudyResult:
    """Compute what is not yet in the file; in memory where there is none.

    Raises InputError where the file holds other settings.
    """
    found = stored_study(path, study, settings) if path is not None and path.exists() else None
    if found is None:
        provenance = collect(int(settings["seed"]), "numpy", "float64")
        provenance["code"] = code_digest(*CODE)
        found = StudyResult(study, settings, {}, provenance, path)
    names, start = list(study.pieces(settings)), time.monotonic()
    spent = float(found.provenance.get("wall_time_s", 0.0))
    try:
        for place, name in enumerate(names):
            if name in found.pieces:
                continue
            if progress is not None:
                progress.piece(study.name, name, place, len(names))
            pieces = {**found.pieces, name: study.compute(name, settings)}
            wall = round(spent + time.monotonic() - start, 3)
            provenance = {**found.provenance, "wall_time_s": wall}
            found = StudyResult(study, settings, pieces, provenance, path)
            if path is not None:
                write_study(path, found)
    finally:
        if progress is not None:
            progress.finish()
    return found


def stored_study(path: Path, study: Study, settings: Settings) -> StudyResult:
    """What the file holds, to be continued. Raises InputError where that is something else."""
    found = open_study(path)
    if found.study.name != study.name:
        raise InputError(f"{path} holds the study {found.study.name}; choose another --out")
    refuse_difference(str(path), found.settings, settings)
    if not found.complete:
        _refuse_other_code(path, found.provenance)
    return found


def _refuse_other_code(path: Path, begun: Mapping[str, Any]) -> None:
    version = collect(0, "numpy", "float64")["bnflow"]
    if begun["bnflow"] != version:
        raise InputError(
            f"{path} was begun by bnflow {begun['bnflow']}, and this is {version}; "
            "choose another --out"
        )
    if begun.get("code") != code_digest(*CODE):
        raise InputError(
            f"{path} was begun by other code of bnflow {version}: {', '.join(CODE)} have changed "
            "since; choose another --out"
        )


def open_study(path: str | Path) -> StudyResult:
    """The result in a file, complete or not. Raises InputError where there is none."""
    try:
        with reading_h5(Path(path)) as file:
            return _read(file, Path(path))
    except (OSError, KeyError) as error:
        raise InputError(
            f"{path} is no result of a study ({error}); give one, as study.h5"
        ) from None


def _read(file: Any, path: Path) -> StudyResult:
    if file.attrs.get("bnflow_kind") != "study":
        raise InputError(f"{path} is no result of a study; see bnflow info for runs")
    check_version(str(file.attrs["bnflow_schema"]), str(path))
    settings, provenance = (json.loads(read_text(file, f"{name}_json")) for name in TEXTS)
    study = find_study(str(file.attrs["study"]))
    pieces = {name: _read_piece(file[name]) for name in study.pieces(settings) if name in file}
    return StudyResult(study, settings, pieces, provenance, path)


def _read_piece(group: Any) -> dict[str, Variable]:
    return {
        name: Variable(
            item[()],
            tuple(str(item.attrs["bnflow_dims"]).split()),
            str(item.attrs["long_name"]),
            str(item.attrs["units"]),
        )
        for name, item in by_role(group)[ROLE].items()
    }


def write_study(path: Path, result: StudyResult) -> None:
    """Replace the file by this result, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    study = result.study
    info = result.to_info()
    with atomic_h5(path) as file:
        file.attrs.update({"Conventions": CONVENTIONS, "bnflow_schema": SCHEMA})
        file.attrs.update({"bnflow_kind": "study", "study": study.name, "group": study.group})
        file.attrs.update({"claim": study.claim, "source": study.source})
        file.attrs.update({name: info[name] for name in ("verdict", "status")})
        file.attrs["seed"] = result.settings["seed"]
        for name, piece in result.pieces.items():
            _write_piece(file.create_group(name), piece)
        texts = {name: info[name] for name in TEXTS}
        texts["verdict"] = {name: info[name] for name in ("criterion", *vars(Verdict(())))}
        for name, entries in texts.items():
            text = json.dumps(entries, indent=1, allow_nan=False)
            write_text(file, f"{name}_json", text, f"{name} of the study (JSON)")


def _write_piece(group: Any, piece: Piece) -> None:
    """Dimensions first: those with coordinates, then bare lengths, then the arrays on them."""
    lengths: dict[str, int] = {}
    for name, each in piece.items():
        for dim, length in zip(each.dims, each.values.shape, strict=True):
            if lengths.setdefault(dim, length) != length:
                raise ValueError(f"{name}: {dim} has the lengths {lengths[dim]} and {length}")
    for dim, length in lengths.items():
        own = piece.get(dim)
        quantity = Quantity(own.long_name, units=own.units, role=ROLE) if own else Quantity(dim)
        dimension(group, dim, own.values if own else length, quantity)
    for name, each in piece.items():
        if name not in lengths:
            quantity = Quantity(each.long_name, each.dims, each.units, ROLE)
            variable(group, name, each.values, each.dims, quantity)
        group[name].attrs["bnflow_dims"] = " ".join(each.dims)


def plain_tree(value: Any) -> Any:
    """The same in what JSON can hold; None where a number is not finite."""
    if isinstance(value, Mapping):
        return {str(name): plain_tree(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [plain_tree(entry) for entry in value]
    return plain(value.item() if isinstance(value, np.generic) else value)
