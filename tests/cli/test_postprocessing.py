"""plot, export, movie and report: what reaches the run, where the file goes, one-line mistakes."""

import io
from pathlib import Path
from typing import Any

import pytest

from bnflow.cli import main
from bnflow.cli.export import FORMATS
from bnflow.cli.movie import ENDINGS, counter
from bnflow.cli.plot import FIGURES, MEANING
from bnflow.io import export
from bnflow.io.figures import KINDS, NEURON_KINDS, movie


def out(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.count("\n") == 1
    return found.err


def test_the_lists_of_the_command_line_are_those_of_the_figures() -> None:
    """They are written twice, so that the command line opens without matplotlib."""
    assert set(FIGURES) == {*KINDS, *NEURON_KINDS}
    assert all(f"{kind}:" in MEANING for kind in FIGURES)
    assert FORMATS == export.FORMATS
    assert tuple(f".{kind}" for kind in movie.FORMATS) == ENDINGS


def test_plot_passes_neurons_and_script(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["plot", "a", "--what", "neurons", "--neurons", "b", "--script", "-o", "f.png"]
    assert out(line, capsys) == "f.png\nf.py\n"
    assert Path("f.png").read_text() == "neurons None over script"
    assert [call[1] for call in api.calls] == ["a", "b"]


def test_export_writes_beside_the_run_or_where_told(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a").mkdir()
    assert out(["export", "a", "--to", "nc"], capsys) == "a/export.nc\n"
    line = ["export", "a", "-o", "x/y.csv", "--what", "risk, mass", "--at", "0.5"]
    assert out(line, capsys) == "x/y.csv\n"
    assert Path("a/export.nc").read_text() == " None nc"
    assert Path("x/y.csv").read_text() == "risk,mass 0.5 None"


def test_export_wants_a_format(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert "say --to nc, csv, vtk, or -o FILE" in refused(["export", "a"], capsys)
    assert "invalid choice: 'xls'" in refused(["export", "a", "--to", "xls"], capsys)


def test_movie_counts_its_frames(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a").mkdir()
    assert main(["movie", "a", "--fps", "5"]) == 0
    found = capsys.readouterr()
    assert (found.out, found.err) == ("a/movie.gif\n", "frame 2 of 2\n")
    assert Path("a/movie.gif").read_text() == "5.0"
    assert main(["movie", "a", "--quiet", "-o", "m.mp4"]) == 0
    assert capsys.readouterr().err == ""
    assert "must end in .gif, .mp4" in refused(["movie", "a", "-o", "m.avi"], capsys)


def test_frames_are_one_live_line_on_a_terminal_and_few_lines_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        told = counter(stream)
        for done in range(1, 101):
            told(done, 100)
    assert terminal.getvalue().count("\n") == 1
    assert terminal.getvalue().endswith("\rframe 100 of 100\n")
    assert pipe.getvalue() == "frame 100 of 100\n"


def test_report_is_one_html_file(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a").mkdir()
    assert out(["report", "a"], capsys) == "a/report.html\n"
    assert Path("a/report.html").read_text() == "page"
    assert "must end in .html" in refused(["report", "a", "-o", "r.pdf"], capsys)


def test_files_on_a_packed_run_lie_beside_it(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.h5").write_text("a packed run")
    assert out(["plot", "p.h5"], capsys) == "p-overview.png\n"
    assert out(["export", "p.h5", "--to", "csv"], capsys) == "p-export.csv\n"
    assert out(["movie", "p.h5", "--quiet"], capsys) == "p-movie.gif\n"
    assert out(["report", "p.h5"], capsys) == "p-report.html\n"
