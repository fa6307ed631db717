"""Rows of a user's file: what reads, and one line for everything that does not."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bnflow.io.datafile import read_table
from bnflow.kernels.errors import InputError
from bnflow.pde.config.data import FileData
from bnflow.pde.network.table import Table

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((7, 3)), RANDOM.standard_normal(7)


def data(path: Path, **changes: Any) -> FileData:
    csv = path.suffix == ".csv"
    names = {"inputs": ["a", "b", "c"] if csv else "x", "targets": "y"}
    return FileData.model_validate({"kind": "file", "path": str(path), **names, **changes})


def read(path: Path, with_targets: bool = True, **changes: Any) -> Table:
    return read_table(path, data(path, **changes), with_targets)


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def text(header: str = "a,b,c,y\n") -> str:
    rows = np.column_stack([X, Y])
    return header + "".join(",".join(repr(float(v)) for v in row) + "\n" for row in rows)


def every_kind(folder: Path, inputs: Any = X, targets: Any = Y) -> list[Path]:
    paths = [folder / "rows.npz", folder / "rows.h5"]
    np.savez(paths[0], x=inputs, y=targets)
    with h5py.File(paths[1], "w") as file:
        file["x"], file["y"] = inputs, targets
    return paths


def complaint(path: Path, with_targets: bool = True, **changes: Any) -> str:
    with pytest.raises(InputError) as error:
        read(path, with_targets, **changes)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_the_same_rows_come_from_every_kind_of_file_with_one_digest(tmp_path: Path) -> None:
    found = [read(path) for path in [*every_kind(tmp_path), csv_file(tmp_path, text())]]
    for table in found:
        assert (table.inputs == X).all()
        assert table.targets is not None
        assert (table.targets == Y).all()
        assert table.inputs.flags.c_contiguous
    assert len({table.digest for table in found}) == 1


def test_the_digest_changes_with_any_number_that_is_used_and_with_no_other(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, x=X, y=Y)
    digest, without = read(path).digest, read(path, with_targets=False).digest
    np.savez(path, x=X, y=Y, other=np.ones(3))
    assert read(path).digest == digest
    np.savez(path, x=X, y=np.nextafter(Y, 9))
    assert read(path).digest != digest
    assert read(path, with_targets=False).digest == without
    np.savez(path, x=X[::-1], y=Y)  # order counts: it says which rows are held out
    assert read(path, with_targets=False).digest != without


def test_arrays_in_groups_columns_of_one_and_integers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        file["deep/x"], file["y"] = np.arange(21).reshape(7, 3), Y[:, None]
    table = read(path, inputs="deep/x")
    assert (table.inputs == np.arange(21.0).reshape(7, 3)).all()
    assert table.targets is not None
    assert table.targets.shape == (7,)


@pytest.mark.parametrize(
    ("header", "inputs", "targets"),
    [
        ("a,b,c,y\n", ["a", "b", "c"], "y"),
        (" a , b,c ,y\n", ["a", "b", "c"], "y"),  # blanks around names
        ("\ufeffa,b,c,y\n", ["a", "b", "c"], "y"),  # a byte order mark
        ("a,b,c,y\n\n", ["a", "b", "c"], "y"),  # an empty line
        ("a,b,c,y\n", [0, 1, 2], 3),
        ("", [0, 1, 2], 3),
        ("a,b,c,y\n", [0, "b", 2], "y"),
    ],
)
def test_columns_by_name_or_index(
    header: str, inputs: list[Any], targets: Any, tmp_path: Path
) -> None:
    table = read(csv_file(tmp_path, text(header)), inputs=inputs, targets=targets)
    assert (table.inputs == X).all()
    assert table.targets is not None
    assert (table.targets == Y).all()


def test_columns_keep_the_order_that_was_asked_for(tmp_path: Path) -> None:
    path = csv_file(tmp_path, text())
    assert (read(path, False, inputs=["c", "a"]).inputs == X[:, [2, 0]]).all()


# -- mistakes ------------------------------------------------------------------------------------


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    every_kind(tmp_path)
    assert complaint(tmp_path / "row.npz").endswith("did you mean rows.npz?")
    assert "there is no folder" in complaint(tmp_path / "no" / "rows.npz")


def test_a_missing_name_lists_what_is_there(tmp_path: Path) -> None:
    for path in every_kind(tmp_path):
        assert "data.inputs: no 'z'" in complaint(path, inputs="z")
        assert "there are x, y" in complaint(path, inputs="z")
        assert "data.targets: no 'yy'" in complaint(path, targets="yy")
        assert "did you mean 'y'?" in complaint(path, targets="yy")
    path = csv_file(tmp_path, text("age,bmi,sex,y\n"))
    assert "did you mean 'bmi'?" in complaint(path, inputs=["age", "bim"])


@pytest.mark.parametrize(
    ("content", "changes", "phrase"),
    [
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        (text("a,b,c\n"), {}, "line 2 has 4 columns, the first line 3"),
        (text() + "1,2\n", {}, "line 9 has 2 columns"),
        (text() + "1,2,x,4\n", {}, "line 9, column 2: 'x' is no number"),
        (text(""), {}, "no line of names; give indices, 0 to 3"),
        (text(), {"inputs": [0, 4]}, "column 4"),
        (text(), {"inputs": [0, -1]}, "there are 0 to 3"),
        (text() + "1,nan,2,3\n", {}, "row 7"),
        (text() + "1,2,2,inf\n", {}, "data.targets: row 7"),
        ("a,b,c,y\n", {}, "shape"),  # names and no rows
    ],
)
def test_bad_csv(content: str, changes: dict[str, Any], phrase: str, tmp_path: Path) -> None:
    assert phrase in complaint(csv_file(tmp_path, content), **changes)


@pytest.mark.parametrize(
    ("inputs", "targets", "phrase"),
    [
        (np.full((7, 3), np.nan), Y, "data.inputs: row 0"),
        (X, np.where(np.arange(7) == 4, np.inf, Y), "data.targets: row 4"),
        (X[0], Y, "shape (3,)"),
        (X[None], Y, "shape (1, 7, 3)"),
        (X[:0], Y[:0], "shape (0, 3)"),
        (X, Y[:-1], "shape (6,) for 7 rows"),
        (X, np.column_stack([Y, Y]), "shape (7, 2) for 7 rows"),
        (X + 1j, Y, "data.inputs"),
        (X, Y + 1j, "data.targets"),
        (np.full((7, 3), b"x"), Y, "no real numbers"),
        (X, np.full(7, b"x"), "no real numbers"),
    ],
)
def test_bad_arrays(inputs: Any, targets: Any, phrase: str, tmp_path: Path) -> None:
    for path in every_kind(tmp_path, inputs, targets):
        assert phrase in complaint(path)


@pytest.mark.parametrize("name", ["rows.npz", "rows.h5"])
@pytest.mark.parametrize("content", [b"", b"not an archive at all", b"PK\x03\x04 broken"])
def test_a_file_of_another_kind(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert "is no readable" in complaint(tmp_path / name)


def test_a_single_array_under_the_name_of_an_archive(tmp_path: Path) -> None:
    with (tmp_path / "rows.npz").open("wb") as file:
        np.save(file, X)
    assert "is no readable .npz" in complaint(tmp_path / "rows.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_that_has_been_damaged(save: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    save(path, x=RANDOM.standard_normal((500, 3)), y=np.zeros(500))
    content = bytearray(path.read_bytes())
    content[3000:3100] = bytes(100)
    path.write_bytes(bytes(content))
    assert "is no readable .npz" in complaint(path)


def test_text_that_is_not_utf8_and_objects_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b,c,y\n\xff\xfe,1,2,3\n")
    assert "is no readable .csv" in complaint(path)
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.array([{}, None], object), y=Y)
    assert "rows.npz" in complaint(path)  # pickles are never loaded
