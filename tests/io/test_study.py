"""A study on the disk: continued after a kill, refused where it is another, readable by others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from bnflow.depth.studies.registry import STUDIES
from bnflow.depth.studies.study import (
    Computation,
    Piece,
    Pieces,
    Settings,
    Study,
    Verdict,
    exactly,
    variable,
)
from bnflow.io.study import StudyResult, open_study, run_study, write_study
from bnflow.kernels.errors import InputError

SETTINGS = {"names": ["a", "b", "c"], "nets": 3, "seed": 0}


def pieces(settings: Settings) -> Mapping[str, Computation]:
    def compute(rng: np.random.Generator) -> Piece:
        return {
            "depth": variable([1, 10], "depth", "layer"),
            "error": variable(rng.random((2, settings["nets"])), "depth net", "an error", "m"),
            "constant": variable(np.nan, "", "a constant"),
        }

    return dict.fromkeys(settings["names"], compute)


def judge(settings: Settings, found: Pieces) -> Verdict:
    total = float(sum(piece["error"].values.sum() for piece in found.values()))
    numbers = {"undefined": np.nan, "array": np.array([1.0, np.inf]), "total": np.float64(total)}
    return Verdict((exactly("total", total, 0.0, 100.0),), numbers, ("a remark",))


TOY = Study("gram-toy", "gram", "a claim", "a source", "a criterion", SETTINGS, {}, pieces, judge)


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDIES, "gram-toy", TOY)


class Killed(BaseException):
    pass


class KillAt:
    """A display that dies before a piece."""

    def __init__(self, name: str) -> None:
        self.name, self.begun, self.ended = name, list[str](), 0

    def piece(self, study: str, name: str, done: int, pieces: int) -> None:
        self.begun.append(name)
        if name == self.name:
            raise Killed

    def finish(self) -> None:
        self.ended += 1


def same(a: StudyResult, b: StudyResult) -> None:
    """Bitwise, names, dimensions and units included."""
    assert list(a.pieces) == list(b.pieces)
    for name, piece in a.pieces.items():
        assert piece.keys() == b.pieces[name].keys()
        for array, each in piece.items():
            other = b.pieces[name][array]
            np.testing.assert_array_equal(each.values, other.values)
            assert each.values.dtype == other.values.dtype
            words = (each.dims, each.long_name, each.units)
            assert words == (other.dims, other.long_name, other.units)


def datasets(path: Path) -> dict[str, bytes]:
    """Content of every array, and everything said of it; not how and when it was made."""
    found: dict[str, bytes] = {}
    with h5py.File(path, "r") as file:

        def keep(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and name != "provenance_json":
                told = {k: v for k, v in item.attrs.items() if isinstance(v, str | np.bytes_)}
                found[name] = np.asarray(item[()]).tobytes() + repr(sorted(told.items())).encode()

        file.visititems(keep)
        found["/"] = repr(sorted((k, repr(v)) for k, v in file.attrs.items())).encode()
    return found


def test_a_file_holds_what_was_computed(tmp_path: Path) -> None:
    found = run_study(TOY, SETTINGS, tmp_path / "new" / "toy.h5")
    back = open_study(tmp_path / "new" / "toy.h5")
    same(back, found)
    same(run_study(TOY, SETTINGS, None), found)
    assert back.settings == SETTINGS
    assert back.verdict.status == "holds"
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_kill_between_pieces_changes_nothing(tmp_path: Path) -> None:
    run_study(TOY, SETTINGS, tmp_path / "whole.h5")
    path, killer = tmp_path / "toy.h5", KillAt("c")
    with pytest.raises(Killed):
        run_study(TOY, SETTINGS, path, killer)
    assert killer.ended == 1
    partial = open_study(path)
    assert list(partial.pieces) == ["a", "b"]
    assert not partial.complete
    assert partial.verdict.status == "not decided"
    assert partial.to_info()["status"] == "stopped"
    rest = KillAt("none")
    run_study(TOY, SETTINGS, path, rest)
    assert rest.begun == ["c"]
    assert datasets(path) == datasets(tmp_path / "whole.h5")
    again = KillAt("none")
    run_study(TOY, SETTINGS, path, again)
    assert again.begun == []


def test_pieces_do_not_depend_on_their_order(tmp_path: Path) -> None:
    forward = run_study(TOY, SETTINGS, None)
    backward = run_study(TOY, {**SETTINGS, "names": ["c", "b", "a"]}, None)
    for name in "abc":
        np.testing.assert_array_equal(forward.values(name, "error"), backward.values(name, "error"))
    assert not np.array_equal(forward.values("a", "error"), forward.values("b", "error"))


def test_another_study_or_setting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toy.h5"
    run_study(TOY, SETTINGS, path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"toy.h5 holds this study with nets = 3, not 4; choose"):
        run_study(TOY, {**SETTINGS, "nets": 4}, path)
    with pytest.raises(InputError, match="holds the study gram-toy; choose another --out"):
        run_study(STUDIES["gram-width"], STUDIES["gram-width"].settings, path)
    assert path.read_bytes() == before


def test_pieces_of_two_codes_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is not continued, and nothing is touched; what is complete still opens."""
    path, whole = tmp_path / "toy.h5", tmp_path / "whole.h5"
    with pytest.raises(Killed):
        run_study(TOY, SETTINGS, path, KillAt("b"))
    run_study(TOY, SETTINGS, whole)
    before = path.read_bytes()
    monkeypatch.setattr("bnflow.io.study.code_digest", lambda *folders: "another")
    with pytest.raises(InputError, match=r"was begun by other code of bnflow .*: depth, ") as told:
        run_study(TOY, SETTINGS, path)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before
    assert run_study(TOY, SETTINGS, whole).complete


def test_pieces_of_two_versions_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    with pytest.raises(Killed):
        run_study(TOY, SETTINGS, path, KillAt("b"))
    old = open_study(path)
    write_study(
        path, StudyResult(TOY, SETTINGS, old.pieces, {**old.provenance, "bnflow": "0.0.1"}, path)
    )
    with pytest.raises(InputError, match=r"was begun by bnflow 0.0.1, and this is"):
        run_study(TOY, SETTINGS, path)


def test_a_failure_of_the_disk_leaves_the_pieces_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toy.h5"
    with pytest.raises(Killed):
        run_study(TOY, SETTINGS, path, KillAt("b"))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(OSError, match="No space"):
            run_study(TOY, SETTINGS, path)
    assert list(open_study(path).pieces) == ["a"]
    assert [each.name for each in tmp_path.iterdir()] == ["toy.h5"]


def test_xarray_reads_a_piece_with_its_dimensions(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    found = run_study(TOY, SETTINGS, path)
    with xarray.open_dataset(path, engine="h5netcdf", group="b") as data:
        assert data["error"].dims == ("depth", "net")
        np.testing.assert_array_equal(data["depth"], [1, 10])
        np.testing.assert_array_equal(data["error"], found.values("b", "error"))
        assert (data["error"].attrs["long_name"], data["error"].attrs["units"]) == ("an error", "m")


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    run_study(TOY, SETTINGS, path)
    with h5py.File(path) as file:
        told = dict(file.attrs)
        judged = json.loads(file["verdict_json"][()], parse_constant=lambda _: 1 / 0)
    assert (told["bnflow_kind"], told["study"], told["seed"]) == ("study", "gram-toy", 0)
    assert (told["verdict"], told["status"]) == ("holds", "complete")
    assert judged["findings"][0]["status"] == "holds"
    assert judged["numbers"]["array"] == [1.0, None]


def test_json_is_strict() -> None:
    info = run_study(TOY, SETTINGS, None).to_info()
    text = json.dumps(info, allow_nan=False)
    assert json.loads(text) == info
    assert info["numbers"]["undefined"] is None
    assert info["findings"][0]["value"] == info["numbers"]["total"]
    assert (info["claim"], info["verdict"], info["remarks"]) == ("a claim", "holds", ["a remark"])


def test_the_summary_has_claim_findings_and_verdict() -> None:
    lines = run_study(TOY, SETTINGS, None).summary().splitlines()
    assert lines[0] == "gram-toy: a claim"
    assert lines[2].split()[:2] == ["yes", "total"]
    assert lines[-2:] == ["  note: a remark", "verdict: the claim holds. a criterion"]


def test_other_files_are_one_line(tmp_path: Path) -> None:
    text, other = tmp_path / "a.h5", tmp_path / "b.h5"
    text.write_text("no HDF5")
    h5py.File(other, "w").close()
    for path, told in (
        (text, "is no result of a study"),
        (other, "is no result of a study; see bnflow info"),
        (tmp_path / "none.h5", "is no result of a study"),
    ):
        with pytest.raises(InputError, match=told) as error:
            open_study(path)
        assert "\n" not in str(error.value)


def test_a_dimension_has_one_length(tmp_path: Path) -> None:
    bad = {
        "x": variable([1.0, 2.0], "net", "two"),
        "y": variable([1.0, 2.0, 3.0], "net", "three"),
    }
    with pytest.raises(ValueError, match="y: net has the lengths 2 and 3"):
        write_study(tmp_path / "t.h5", StudyResult(TOY, SETTINGS, {"a": bad}, {}))


def test_an_unfinished_study_has_no_figure(tmp_path: Path) -> None:
    path = tmp_path / "toy.h5"
    with pytest.raises(Killed):
        run_study(TOY, SETTINGS, path, KillAt("b"))
    with pytest.raises(InputError, match="is not complete: the same command continues it"):
        open_study(path).plot()
