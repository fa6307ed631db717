"""info, plot, doctor, schema, examples: what each prints and writes."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.cli import main
from bnflow.pde.config import examples, schema_table


def out(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_info_prints_the_summary(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(["info", "somewhere"], capsys) == "a summary\n"
    assert api.calls == [("open", "somewhere")]


def test_info_json_is_strict_with_null_for_what_is_no_number(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found = json.loads(out(["info", "somewhere", "--json"], capsys), parse_constant=refuse)
    assert found == {"status": "complete", "risk": [0.5, None], "config": {"x": [None, 1]}}


def test_plot_writes_beside_the_run_or_where_told(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert out(["plot", "a"], capsys) == "a/overview.png\n"
    assert out(["plot", "a", "--what", "density", "--time", "2"], capsys) == "a/density.png\n"
    assert out(["plot", "a", "-o", "figures/x.pdf"], capsys) == "figures/x.pdf\n"
    assert Path("a/overview.png").read_text() == "overview None"
    assert Path("a/density.png").read_text() == "density 2.0"


def test_plot_refuses_other_formats(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "a", "-o", "x.gif"]) == 2
    assert "the name must end in .png, .pdf, .svg" in capsys.readouterr().err
    assert api.calls == []


def test_doctor_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bnflow.kernels.probe_cuda", lambda: (False, "CuPy finds no GPU"))
    text = out(["doctor"], capsys)
    assert all(
        word in text
        for word in ("bnflow", "numpy", "h5py", "cuda backend: CuPy finds no GPU", "BLAS")
    )


def test_doctor_of_a_machine_with_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {"gpu": "Card 9", "gpu_bytes": str(80 << 30), "cuda": "12.9", "cuda_of_driver": "13.1"}
    about |= {"nvrtc": "12.8", "cupy": "14.2.0"}
    monkeypatch.setattr("bnflow.kernels.probe_cuda", lambda: (True, "Card 9"))
    chosen = SimpleNamespace(about=lambda: about)
    monkeypatch.setattr("bnflow.kernels.select", lambda backend: chosen)
    wanted = "Card 9, 80 GiB, CUDA 12.9 (the driver's 13.1), NVRTC 12.8, CuPy 14.2.0"
    assert f"cuda backend: {wanted}\n" in out(["doctor"], capsys)


def test_doctor_of_a_config_and_of_a_run(
    api: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert out(["doctor", "circle-teacher"], capsys) == "cells 64\n"
    assert out(["doctor", "circle-teacher", "--set", "solver.cells=7"], capsys) == "cells 7\n"
    assert out(["doctor", str(tmp_path)], capsys) == f"good       {tmp_path}\n"
    for subject in ([str(tmp_path)], []):
        assert main(["doctor", *subject, "--set", "solver.cells=7"]) == 2
        assert "give CONFIG before it" in capsys.readouterr().err
    (tmp_path / "ill").mkdir()
    assert main(["doctor", str(tmp_path / "ill")]) == 5


def test_schema_prints_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(["schema"], capsys).splitlines()
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert heads == [entry.name for entry in schema_table()]


def test_schema_of_one_table_tells_all_of_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    text = out(["schema", "solver"], capsys)
    assert "network.train" not in text
    assert 'solver.scheme = "muscl"\n' in text
    assert '    allowed: "upwind", "muscl" or "weno"\n' in text
    assert '    not yet: "zonal", "radial", "sgd", "linearised"\n' in text
    assert out(["schema", "data.samples"], capsys).startswith("data.samples = required   (kind = s")


def test_schema_knows_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "slover"]) == 2
    assert "did you mean solver?" in capsys.readouterr().err
    assert main(["schema", "solver", "--json"]) == 2


def test_schema_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(out(["schema", "--json"], capsys))["title"] == "Config"


def test_examples_are_listed_printed_and_copied_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = out(["examples"], capsys)
    assert all(name in listing for name in examples.names())
    source = examples.path("circle-teacher").read_text()
    assert out(["examples", "circle-teacher"], capsys) == source
    target = tmp_path / "new" / "circle-teacher.toml"
    assert out(["examples", "circle-teacher", "--to", str(target.parent)], capsys) == f"{target}\n"
    assert target.read_text() == source
    target.write_text("mine")
    assert main(["examples", "circle-teacher", "--to", str(target.parent)]) == 2
    assert target.read_text() == "mine"


@pytest.mark.parametrize("name", examples.names())
def test_a_copied_example_has_its_data_with_it(name: str, tmp_path: Path) -> None:
    assert main(["examples", name, "--to", str(tmp_path)]) == 0
    copied = {path.name for path in tmp_path.iterdir()}
    assert copied == {part.name for part in examples.parts(name)}


def test_examples_know_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples", "circle-techer"]) == 2
    assert "did you mean circle-teacher?" in capsys.readouterr().err
