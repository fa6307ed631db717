"""Named dimensions, chunks and texts as netCDF-4 readers expect them."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from bnflow.io.netcdf import chunk_shape, read_strings, read_text, write_strings, write_text
from bnflow.io.schema import COORDINATES, DIAGNOSTICS, FIELDS, check_version, quantity_of
from bnflow.kernels.errors import InputError


@pytest.mark.parametrize(
    "shape",
    [(4, 64, 64), (6, 64, 64, 64), (8, 16, 16, 16, 128), (6, 2, 2, 10**6), (1,), (3, 10**7)],
)
def test_chunks_are_about_a_mebibyte_of_whole_columns(shape: tuple[int, ...]) -> None:
    chunks = chunk_shape(shape, 8, a_last=len(shape) > 2)
    size = 8 * np.prod(chunks)
    assert all(0 < chunk <= length for chunk, length in zip(chunks, shape, strict=True))
    assert size <= 2**20 or chunks[:-1] == (1,) * (len(shape) - 1)
    assert size > 2**18 or size == 8 * np.prod(shape)
    if len(shape) > 2:
        assert chunks[-1] == shape[-1]


@pytest.mark.parametrize("shape", [(8, 48, 48, 48, 64), (4, 2100, 100), (1, 50_000, 3), (200_001,)])
def test_the_last_chunk_of_an_axis_is_as_full_as_the_others(shape: tuple[int, ...]) -> None:
    """It is stored whole: one cell a chunk may be empty, of the axis that is cut."""
    chunks = chunk_shape(shape, 8, a_last=len(shape) > 2)
    stored = np.prod([-(-n // chunk) * chunk for n, chunk in zip(shape, chunks, strict=True)])
    cut = next(
        chunk for n, chunk in zip(reversed(shape), reversed(chunks), strict=True) if chunk < n
    )
    assert np.prod(shape) <= stored <= np.prod(shape) * (1 + 1 / (cut - 1))


def test_a_changed_text_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        write_text(file, "t", "σ = 1\n", "text")
        assert read_text(file, "t") == "σ = 1\n"
        file["t"][()] = "σ = 2\n".encode()
        with pytest.raises(OSError, match="does not match its sha256"):
            read_text(file, "t")


@pytest.mark.parametrize("texts", [(), ("",), ("snap/1.h5", "ü")])
def test_strings_come_back(tmp_path: Path, texts: tuple[str, ...]) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("time", data=np.zeros(len(texts))).make_scale("time")
        write_strings(file, "s", texts, "time", "strings")
        assert read_strings(file, "s") == texts


def test_every_name_is_declared_once_and_dimensionless() -> None:
    """But `a`: the axis of a grid, and a field of neurons, which have no such axis."""
    names = [*COORDINATES, *FIELDS, *DIAGNOSTICS]
    assert [name for name in set(names) if names.count(name) > 1] == ["a"]
    assert quantity_of("a", "field").dims == ("replica", "neuron")
    assert quantity_of("a", "coordinate").dims == ()
    assert {item.units for item in [*COORDINATES.values(), *DIAGNOSTICS.values()]} == {"1"}
    assert quantity_of("sharpness_of_tongue", "diagnostic").long_name == "sharpness of tongue"


@pytest.mark.parametrize("found", ["2.0", "10.1", "x"])
def test_newer_majors_are_refused(found: str) -> None:
    with pytest.raises(InputError, match="upgrade"):
        check_version(found, "file")
